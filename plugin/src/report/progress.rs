//! Progress of long work on stderr: a live line on a terminal, a plain line every few seconds elsewhere,
//! nothing with `--quiet`.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{printer::Printer, terminal};

/// How often a log that nobody watches live gets a line.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// How often the live line is redrawn.
const TICK: Duration = Duration::from_millis(100);
const WITH_TOTAL: &str = "{spinner} {prefix}: {pos}/{len} [{bar:24}] {elapsed} {wide_msg}";
const WITHOUT_TOTAL: &str = "{spinner} {prefix}: {pos} {elapsed} {wide_msg}";

/// One piece of long work. Clones speak of the same work.
#[derive(Clone, Debug)]
pub struct Progress {
    printer: Printer,
    bar: ProgressBar,
    plain: Option<Arc<Mutex<Plain>>>,
}

/// What the plain line needs.
#[derive(Debug)]
struct Plain {
    what: String,
    last: Instant,
    shown: u64,
}

impl Progress {
    /// Begins work, named as in `saving objects`, of `total` steps if that is known.
    pub fn begin(printer: &Printer, what: &str, total: Option<u64>) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        if printer.draws_progress() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_style(style(total.is_some()));
            bar.set_prefix(terminal::clean_line(what).into_owned());
            bar.enable_steady_tick(TICK);
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let plain = (!printer.draws_progress() && !printer.is_quiet())
            .then(|| Arc::new(Mutex::new(Plain { what: what.to_owned(), last: Instant::now(), shown: 0 })));
        Self { printer: printer.clone(), bar, plain }
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
        self.plain_line();
    }

    /// What is being worked on now.
    pub fn message(&self, text: &str) {
        self.bar.set_message(terminal::clean_line(text).into_owned());
    }

    /// A line of talk that stays, above the live line.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| self.printer.note(text));
    }

    /// A warning that stays, above the live line.
    pub fn warning(&self, text: &str) {
        self.bar.suspend(|| self.printer.warning(text));
    }

    /// Runs `action` while the live line is out of the way, for a prompt or output of its own.
    pub fn suspend<Outcome>(&self, action: impl FnOnce() -> Outcome) -> Outcome {
        self.bar.suspend(action)
    }

    /// Ends the work and removes the live line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn plain_line(&self) {
        let Some(Ok(mut plain)) = self.plain.as_ref().map(|plain| plain.lock()) else { return };
        let position = self.bar.position();
        if plain.last.elapsed() < PLAIN_INTERVAL || plain.shown == position {
            return;
        }
        plain.last = Instant::now();
        plain.shown = position;
        self.printer.note(&plain_text(&plain.what, position, self.bar.length(), &self.bar.message()));
    }
}

fn plain_text(what: &str, position: u64, total: Option<u64>, message: &str) -> String {
    let of = total.map(|total| format!("/{total}")).unwrap_or_default();
    let message = if message.is_empty() { String::new() } else { format!(", {message}") };
    format!("{what}: {position}{of}{message}")
}

fn style(with_total: bool) -> ProgressStyle {
    let template = if with_total { WITH_TOTAL } else { WITHOUT_TOTAL };
    // Only a mistake in the constants can fail; the default style serves then.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn plain_line_says_what_and_how_far() {
        assert_eq!(plain_text("saving objects", 7, None, ""), "saving objects: 7");
        assert_eq!(plain_text("saving objects", 7, Some(9), "secrets"), "saving objects: 7/9, secrets");
    }
}
