//! Installing packages with apt-get, on Debian and its relatives. The toolchains that
//! rustup manages stay as they are.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::process;
use crate::host::progress::Progress;

/// Whether packages may be installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// They may, if the person at the terminal agrees.
    Granted,
    /// They may not: `--no-install` was given.
    Refused,
}

/// The command that installs these packages.
pub fn line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// How the grader gets the right to install packages.
enum Power {
    Root,
    Sudo { asks: bool },
}

/// Installs packages with apt-get: asks on a terminal, and elsewhere says what it does.
///
/// # Errors
/// If it may not install them, or failed to. The error has the command to do it by hand.
pub fn install(what: &str, packages: &[&str], permission: Permission) -> Result<()> {
    let line = line(packages);
    let is_root = rustix::process::geteuid().is_root();
    let by_hand = if is_root { line.clone() } else { format!("sudo {line}") };
    let refused = |what: String| Error::new(what).advise(format!("to install it yourself: {by_hand}"));
    if permission == Permission::Refused {
        return Err(refused(format!("{what}, and --no-install was given")));
    }
    let on_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let power = if is_root {
        Power::Root
    } else if on_path("sudo").is_none() {
        return Err(refused(format!("{what}, and only root may install it")));
    } else if succeeds(quiet(Command::new("sudo").args(["-n", "true"]))) {
        Power::Sudo { asks: false }
    } else if on_terminal {
        Power::Sudo { asks: true }
    } else {
        return Err(refused(format!("{what}, and sudo would ask for a password")));
    };
    let names = packages.join(", ");
    if on_terminal {
        if !asked(&format!("{}. Install {names} with apt-get? [Y/n] ", capitalized(what))) {
            return Err(refused(what.to_owned()));
        }
    } else {
        say(&format!("{}: installing {names} with apt-get.", capitalized(what)));
    }
    if let Power::Sudo { asks: true } = power
        && !succeeds(Command::new("sudo").arg("-v").stdout(Stdio::null()))
    {
        return Err(refused("sudo was refused".to_owned()));
    }
    let progress = Progress::new();
    progress.start("Installing");
    // Always from fresh lists: with old lists apt asks for files that are gone,
    // or installs a compiler that is too old. If fresh lists cannot be fetched,
    // the old ones may still do.
    let update = apt_get(&power, &["update"]);
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    let result = apt_get(&power, &install).map_err(|output| match update {
        Ok(()) => output,
        Err(update) => format!("{update}\n{output}"),
    });
    progress.finish();
    result.map_err(|output| {
        Error::new(format!("apt-get could not install {names}")).advise("this is what it said:").output(output)
    })
}

/// Runs apt-get. The error is apt-get's output.
fn apt_get(power: &Power, arguments: &[&str]) -> Result<(), String> {
    let mut command = match power {
        Power::Root => Command::new("apt-get"),
        Power::Sudo { .. } => {
            let mut command = Command::new("sudo");
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        }
    };
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
    match process::output(&mut command) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(last_lines(&format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))),
        Err(error) => Err(error.to_string()),
    }
}

/// The last lines of a long text, where the reason is.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

fn succeeds(command: &mut Command) -> bool {
    process::status(command).is_ok_and(|status| status.success())
}

fn say(text: &str) {
    // If standard error is closed, nothing can be done about it.
    let _ = writeln!(io::stderr(), "{text}");
}

fn asked(question: &str) -> bool {
    let _ = write!(io::stderr(), "{question}");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => false,
        Ok(_) => matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
