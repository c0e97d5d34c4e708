//! The columns that a custom resource definition declares for `kubectl get`.

use serde_json::Value;

use crate::report::jsonpath::Template;

/// A column that a custom resource definition declares.
#[derive(Clone, Debug)]
pub struct PrinterColumn {
    name: String,
    is_date: bool,
    is_wide: bool,
    template: Template,
}

impl PrinterColumn {
    /// Its header as declared.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it holds a time, shown as an age.
    pub fn is_date(&self) -> bool {
        self.is_date
    }

    /// Whether only `-o wide` shows it.
    pub fn is_wide(&self) -> bool {
        self.is_wide
    }

    /// Its value for an object.
    pub fn value(&self, object: &Value) -> Option<Value> {
        let text = self.template.render(object);
        (!text.is_empty()).then_some(Value::String(text))
    }
}

/// The columns of one version of a custom resource definition; `AGE` alone if it declares none.
///
/// A column whose path cannot be read is left out: the server refuses such definitions.
pub fn printer_columns(definition: &Value, version: &str) -> Vec<PrinterColumn> {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let declared = versions
        .and_then(|versions| versions.iter().find(|candidate| candidate["name"] == version))
        .and_then(|version| version["additionalPrinterColumns"].as_array());
    declared.into_iter().flatten().filter_map(column).collect()
}

fn column(declared: &Value) -> Option<PrinterColumn> {
    Some(PrinterColumn {
        name: declared["name"].as_str()?.to_owned(),
        is_date: declared["type"] == "date",
        is_wide: declared["priority"].as_i64().unwrap_or_default() > 0,
        template: Template::parse(declared["jsonPath"].as_str()?).ok()?,
    })
}
