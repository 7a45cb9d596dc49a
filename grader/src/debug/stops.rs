//! Where gdb stops: at addresses, found by what the kernel's functions are called.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::host::error::{Error, Result};
use crate::judge::{Findings, Status};

use super::Subject;

/// Where a failure is reported: whoever calls this has seen it.
const FAILURE: &[&str] = &["<kernel_checks::check::Failed>::report"];

/// Where crashes and panics are reported.
const CRASHES: &[&str] = &[
    "__rustc::rust_begin_unwind",
    "kernel_core::crash::exception",
    "kernel_core::crash::stack_overflow",
    "kernel_core::crash::no_kernel_stack",
];

/// What is called just before a check begins.
const START: &[&str] = &["kernel_core::watchdog::arm"];

/// Where gdb stops.
pub struct Stops {
    /// Where a run forward ends.
    ends: Vec<u64>,
    /// The instruction that faulted, if one did.
    eip: Option<u32>,
}

impl Stops {
    /// The stops for a check that ended so.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn find(subject: &Subject<'_>, status: Status, findings: &Findings) -> Result<Self> {
        let functions = functions(subject.image)?;
        let wanted = match status {
            Status::Passed | Status::NotAvailable => START,
            Status::Failed => FAILURE,
            // A machine that hangs stops by itself.
            Status::Hung => &[],
            _ => CRASHES,
        };
        let named = functions.iter().filter(|(name, _)| wanted.contains(&name.as_str()));
        let ends: Vec<u64> = named.map(|(_, address)| *address).collect();
        if ends.is_empty() && !wanted.is_empty() {
            return Err(Error::new("the kernel has none of the functions that gdb is to stop at"));
        }
        let faulted = findings.crash.as_ref().filter(|crash| crash.exception.is_some());
        Ok(Self { ends, eip: faulted.and_then(|crash| crash.backtrace.first().copied()) })
    }

    /// The same as Python reads it, with the lab's folder and what to say first.
    ///
    /// # Errors
    /// If a text cannot be written so.
    pub fn variables(&self, lab: &str, sentence: &str) -> Result<String> {
        let text = |text: &str| serde_json::to_string(text).map_err(|error| Error::new(error.to_string()));
        let mut all = String::new();
        let eip = self.eip.map_or_else(|| "None".to_owned(), |eip| eip.to_string());
        let _ = writeln!(all, "STOPS = {:?}\nEIP = {eip}", self.ends);
        let _ = writeln!(all, "LAB = {}\nSENTENCE = {}", text(&format!("labs/{lab}/"))?, text(sentence)?);
        Ok(all)
    }
}

/// Names and addresses of an image's functions.
fn functions(image: &Path) -> Result<Vec<(String, u64)>> {
    let bytes = fs::read(image).map_err(|error| Error::io("cannot read", image, &error))?;
    let file = object::File::parse(&*bytes)
        .map_err(|error| Error::new(format!("cannot read the kernel {}: {error}", image.display())))?;
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    Ok(functions
        .filter_map(|symbol| {
            let name = symbol.name().ok()?;
            Some((format!("{:#}", rustc_demangle::demangle(name)), symbol.address()))
        })
        .collect())
}
