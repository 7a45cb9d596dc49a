//! What is going on, for somebody who waits in front of a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line at the bottom of the terminal that says what is being done.
///
/// Without a terminal nothing is shown, apart from [`note`](Self::note)s.
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// Shown on standard error, if that is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, quiet: false }
    }

    /// Never shows anything.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: true }
    }

    /// Begins something that takes a while and has no known end.
    pub fn start(&self, what: &str) {
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
        self.bar.set_message(format!("({package})"));
    }

    /// Begins something with that many steps.
    pub fn start_counting(&self, what: &str, steps: usize) {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {pos} of {len}  {wide_msg}") {
            self.bar.set_style(style);
        }
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message("");
        self.bar.set_length(steps as u64);
        self.bar.set_position(0);
    }

    /// One step is done, and `what` came of it.
    pub fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// Says something that stays, terminal or not.
    pub fn note(&self, text: &str) {
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
