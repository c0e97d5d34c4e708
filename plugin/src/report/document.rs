//! JSON and YAML documents, written so that kubectl reads back exactly what went in.
//!
//! kubectl reads YAML by the rules of version 1.1, where `yes`, `0123`, `1e3` or `12:30:00` are no strings.
//! The serializer quotes all of these; the tests here hold it to that, together with control
//! characters, which leave as escapes in both formats, harmless on a terminal and exact in a file.

use std::io;

use serde::Serialize;
use serde_json::{Value, ser::Formatter};

/// A value that has no JSON or YAML form.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not as JSON.
    #[error("could not write the result as JSON")]
    Json(#[source] serde_json::Error),
    /// Not as YAML.
    #[error("could not write the result as YAML")]
    Yaml(#[source] Box<serde_saphyr::ser::Error>),
}

/// JSON with kubectl's indentation of four, ending in a newline.
pub fn to_json<Document: Serialize + ?Sized>(document: &Document) -> Result<String, DocumentError> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, SafeFormatter::new());
    document.serialize(&mut serializer).map_err(DocumentError::Json)?;
    bytes.push(b'\n');
    // The serializer writes UTF-8 only.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// YAML as kubectl lays it out, ending in a newline.
pub fn to_yaml<Document: Serialize>(document: &Document) -> Result<String, DocumentError> {
    let mut text = String::new();
    let options = serde_saphyr::ser_options! {
        compact_list_indent: true,
        // Folding long lines would make a one-word change look like a changed paragraph in a diff.
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_fmt_writer_with_options(&mut text, document, options)
        .map_err(|error| DocumentError::Yaml(Box::new(error)))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The same value with the keys of every mapping in order, as kubectl prints objects.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<_> = fields.keys().collect();
            keys.sort_unstable();
            keys.into_iter().map(|key| (key.clone(), sorted(&fields[key]))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

/// Pretty JSON in which the control characters that JSON itself allows raw (DEL and C1) are escaped too.
struct SafeFormatter {
    pretty: serde_json::ser::PrettyFormatter<'static>,
}

impl SafeFormatter {
    fn new() -> Self {
        Self { pretty: serde_json::ser::PrettyFormatter::with_indent(b"    ") }
    }
}

impl Formatter for SafeFormatter {
    fn write_string_fragment<Writer: io::Write + ?Sized>(
        &mut self,
        writer: &mut Writer,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| character.is_control()) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            write!(writer, "\\u{:04x}", u32::from(character))?;
            written = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }

    fn begin_array<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<Writer: io::Write + ?Sized>(
        &mut self,
        writer: &mut Writer,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<Writer: io::Write + ?Sized>(
        &mut self,
        writer: &mut Writer,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<Writer: io::Write + ?Sized>(&mut self, writer: &mut Writer) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What `sigs.k8s.io/yaml` would take for something else when it stands there plain.
    const AMBIGUOUS: &[&str] = &[
        "",
        "~",
        "null",
        "Null",
        "NULL",
        "true",
        "True",
        "yes",
        "Yes",
        "YES",
        "no",
        "on",
        "On",
        "off",
        "OFF",
        "y",
        "Y",
        "n",
        "N",
        "0123",
        "0o17",
        "0x1F",
        "0b101",
        "1e3",
        "1E3",
        "1.5",
        ".5",
        "5.",
        "+1",
        "-1",
        "1_000",
        "12:30:00",
        "1:30",
        "2026-11-20",
        "2026-11-20T10:00:00Z",
        "2026-11-20 10:00:00",
        ".inf",
        "-.Inf",
        ".NaN",
        "=",
        "<<",
        "- a",
        "? a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        "{a}",
        "[a]",
        "---",
        "...",
        " a",
        "a ",
        "a:",
        ":a",
    ];

    #[test]
    fn ambiguous_scalars_are_quoted_as_values_keys_and_items() {
        for text in AMBIGUOUS {
            let value = to_yaml(&json!({ "key": text })).unwrap();
            assert!(value.starts_with("key: \"") || value.starts_with("key: '"), "{value}");
            let key = to_yaml(&json!({ *text: "value" })).unwrap();
            assert!(key.starts_with('"') || key.starts_with('\''), "{key}");
            let item = to_yaml(&json!([text])).unwrap();
            assert!(item.starts_with("- \"") || item.starts_with("- '"), "{item}");
        }
    }

    #[test]
    fn lays_objects_out_as_kubectl_does() {
        let object = json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {
            "long": "word ".repeat(30) + "end", "script": "#!/bin/sh\necho hi\n", "no-end": "a\nb",
            "trailing": "a\n\n", "indented": "  a\nb\n"}, "list": [{"a": 1, "b": []}, {"c": {}}], "port": 80});
        insta::assert_snapshot!(to_yaml(&sorted(&object)).unwrap(), @r"
        apiVersion: v1
        data:
          indented: |2
              a
            b
          long: word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word end
          no-end: |-
            a
            b
          script: |
            #!/bin/sh
            echo hi
          trailing: |+
            a

        kind: ConfigMap
        list:
        - a: 1
          b: []
        - c: {}
        port: 80
        ");
    }

    #[test]
    fn control_characters_leave_as_escapes() {
        let hostile = json!({ "a": "x\u{1b}[2J\u{9b}y\u{7f}\r\n\u{85}z" });
        for text in [to_json(&hostile).unwrap(), to_yaml(&hostile).unwrap()] {
            assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
        }
        assert_eq!(serde_json::from_str::<Value>(&to_json(&hostile).unwrap()).unwrap(), hostile);
        assert_eq!(serde_saphyr::from_str::<Value>(&to_yaml(&hostile).unwrap()).unwrap(), hostile);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[ -~\\n\\t]{0,40}",
            proptest::sample::select(AMBIGUOUS).prop_map(str::to_owned),
        ];
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn yaml_gives_back_what_went_in(value in any_value()) {
            let text = to_yaml(&value).unwrap();
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value, "{}", text);
        }

        #[test]
        fn json_gives_back_what_went_in(value in any_value()) {
            let text = to_json(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
