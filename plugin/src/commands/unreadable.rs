//! What a command says when part of a restore point cannot be read: it goes on with the rest.

use crate::{model::unreadable::Unreadable, report::printer::Printer};

/// Says what cannot be read, a line each, and what helps; whether there was anything to say.
pub(crate) fn tell(printer: &Printer, lines: impl IntoIterator<Item = String>) -> bool {
    let mut any = false;
    for line in lines {
        printer.warning(&format!("cannot be read: {line}"));
        any = true;
    }
    if any {
        printer.note(
            "hint: `kubectl backup check` says what is damaged; an older restore point may hold it undamaged: \
             kubectl backup list",
        );
    }
    any
}

/// [`tell`] for ranges of objects.
pub(crate) fn tell_ranges(printer: &Printer, entries: &[Unreadable]) -> bool {
    tell(printer, entries.iter().map(line))
}

/// `shop/configmaps from map-1 to before map-9: its checksum does not match`.
pub(crate) fn line(entry: &Unreadable) -> String {
    format!("{entry}: {}", entry.reason)
}
