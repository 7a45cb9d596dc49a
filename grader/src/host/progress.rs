//! Progress, shown to a user who waits in front of a terminal.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::{Deserialize, Serialize};

/// A message about progress, for a listener that shows it in its own way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Told {
    /// Work begins whose number of steps is not known.
    Start(String),
    /// A package has been built.
    Built(String),
    /// Work begins that has this many steps.
    Count(String, usize),
    /// One step is done, with this result.
    Step(String),
    /// A line that stays on the screen.
    Note(String),
}

/// A function that gets the messages.
type Listener = Box<dyn Fn(Told) + Send + Sync>;

/// A line at the bottom of the terminal that says what is being done.
///
/// Without a terminal, only [`note`](Self::note)s are shown.
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
    listener: Option<Listener>,
}

impl Progress {
    /// A line on standard error, if that is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, quiet: false, listener: None }
    }

    /// A line that is never shown.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: true, listener: None }
    }

    /// Shows nothing, and passes every message to `listener`.
    pub fn telling(listener: impl Fn(Told) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), ..Self::silent() }
    }

    fn tell(&self, told: impl FnOnce() -> Told) {
        if let Some(listener) = &self.listener {
            listener(told());
        }
    }

    /// Begins work that takes a while and whose number of steps is not known.
    pub fn start(&self, what: &str) {
        self.tell(|| Told::Start(what.to_owned()));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}") {
            self.bar.set_style(style);
        }
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message("");
        self.bar.reset();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// A package has been built.
    pub fn built(&self, package: &str) {
        self.tell(|| Told::Built(package.to_owned()));
        self.bar.set_message(format!("({package})"));
    }

    /// Begins work that has this many steps.
    pub fn start_counting(&self, what: &str, steps: usize) {
        self.tell(|| Told::Count(what.to_owned(), steps));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {pos} of {len}  {wide_msg}") {
            self.bar.set_style(style);
        }
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message("");
        self.bar.set_length(steps as u64);
        self.bar.set_position(0);
    }

    /// Begins long work that has this many steps. The line shows the steps per minute and the time left.
    pub fn start_rated(&self, what: &str, steps: usize) {
        let template = "{spinner} {prefix} [{bar:20}] {pos} of {len}, {rate}, {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // A part of the line that cannot be written is left out.
                let _ = write!(out, "{:.1} a minute", state.per_sec() * 60.0);
            };
            self.bar.set_style(style.with_key("rate", rate));
        }
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message("");
        self.bar.reset();
        self.bar.set_length(steps as u64);
        self.bar.enable_steady_tick(Duration::from_millis(500));
    }

    /// Reports that one step is done, with the result `what`.
    pub fn step(&self, what: &str) {
        self.tell(|| Told::Step(what.to_owned()));
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// Prints a line that stays, with or without a terminal.
    pub fn note(&self, text: &str) {
        self.tell(|| Told::Note(text.to_owned()));
        if !self.quiet {
            self.bar.suspend(|| {
                // If standard error is closed, nothing can be done about it.
                let _ = writeln!(anstream::stderr(), "{text}");
            });
        }
    }

    /// Calls a function that prints, with the progress line hidden meanwhile.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the line from the terminal.
    pub fn finish(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
