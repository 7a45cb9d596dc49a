//! Printing for all commands.

use std::io::{self, IsTerminal, Write};

use crate::host::error::{Error, Result};
use crate::host::style::{View, printable_with_colour};

use super::arguments::CommonArgs;

/// How to lay out text for standard output.
pub fn view(common: &CommonArgs) -> View {
    let stdout = io::stdout();
    let color = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    let width = if stdout.is_terminal() {
        rustix::termios::tcgetwinsize(&stdout).map_or(80, |size| usize::from(size.ws_col).max(1))
    } else {
        80
    };
    View { color, width, verbose: common.verbose }
}

/// Prints to standard output. If the reader has closed the pipe, that is no error.
///
/// # Errors
/// If it cannot be written to.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Reports an error on standard error.
pub fn complain(error: &Error) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let mut out = anstream::stderr().lock();
    // Nobody reads standard error: nothing to do about it.
    let _ = writeln!(out, "{style}error{style:#}: {error}");
    if let Some(output) = error.tool_output() {
        let _ = writeln!(out, "{}", printable_with_colour(output.trim_end()));
    }
}
