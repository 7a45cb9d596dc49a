//! A desk without a terminal: lines, each printed once, one after the other.

use std::io;

use super::desk::{Desk, Page, Phase};
use super::page;
use crate::host::style::{View, say};

/// The state of the output.
#[derive(Default)]
pub struct Lines {
    last: Option<Phase>,
    note: Option<String>,
}

impl Lines {
    /// Prints what is new.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn show(&mut self, desk: &Desk, view: &View) -> io::Result<()> {
        if desk.note != self.note {
            self.note.clone_from(&desk.note);
            if let Some(note) = &desk.note {
                say(&format!("{note}\n"))?;
            }
        }
        if self.last.as_ref() == Some(&desk.phase) {
            return Ok(());
        }
        let is_step = matches!(
            (&self.last, &desk.phase),
            (Some(Phase::Building { .. }), Phase::Building { .. })
                | (Some(Phase::Booting { .. }), Phase::Booting { .. })
        );
        self.last = Some(desk.phase.clone());
        match &desk.phase {
            // Of a phase with many steps, only the first is printed.
            Phase::Building { .. } | Phase::Booting { .. } if is_step => Ok(()),
            Phase::Done { .. } | Phase::Trouble(_) => say(&report(desk, view)),
            _ => say(&format!("{}: {}\n", desk.lab().id, page::status(desk, view))),
        }
    }
}

/// The whole result of a run.
fn report(desk: &Desk, view: &View) -> String {
    let mut lines = match &desk.page {
        Page::Text(text) => text.lines().map(str::to_owned).collect(),
        _ => page::result(desk, view),
    };
    lines.push(format!("{}: {}", desk.lab().id, page::status(desk, view)));
    lines.push(page::progress(desk, view));
    lines.join("\n") + "\n"
}
