//! What is going on, for somebody who waits in front of a terminal.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::{Deserialize, Serialize};

/// What is told to whoever shows it in a way of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Told {
    /// Something begins that has no known end.
    Start(String),
    /// A package has been built.
    Built(String),
    /// Something begins with that many steps.
    Count(String, usize),
    /// One step is done, and this came of it.
    Step(String),
    /// Something to be known that stays.
    Note(String),
}

/// Who is told.
type Listener = Box<dyn Fn(Told) + Send + Sync>;

/// A line at the bottom of the terminal that says what is being done.
///
/// Without a terminal nothing is shown, apart from [`note`](Self::note)s.
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
    listener: Option<Listener>,
}

impl Progress {
    /// Shown on standard error, if that is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, quiet: false, listener: None }
    }

    /// Never shows anything.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: true, listener: None }
    }

    /// Shows nothing itself, and tells all of it.
    pub fn telling(listener: impl Fn(Told) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), ..Self::silent() }
    }

    fn tell(&self, told: impl FnOnce() -> Told) {
        if let Some(listener) = &self.listener {
            listener(told());
        }
    }

    /// Begins something that takes a while and has no known end.
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

    /// Begins something with that many steps.
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

    /// Begins something with that many steps that takes long: with how many are done in a minute, and the time left.
    pub fn start_rated(&self, what: &str, steps: usize) {
        let template = "{spinner} {prefix} [{bar:20}] {pos} of {len}, {rate}, {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // Nobody sees a part of a line that cannot be written.
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

    /// One step is done, and `what` came of it.
    pub fn step(&self, what: &str) {
        self.tell(|| Told::Step(what.to_owned()));
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// Says something that stays, terminal or not.
    pub fn note(&self, text: &str) {
        self.tell(|| Told::Note(text.to_owned()));
        if !self.quiet {
            self.bar.suspend(|| {
                // Nobody listens: nothing to do about it.
                let _ = writeln!(anstream::stderr(), "{text}");
            });
        }
    }

    /// Does something that prints, with the line out of its way.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the line away.
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
