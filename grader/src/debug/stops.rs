//! Where gdb stops: at addresses, found by the names of the kernel's functions.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::host::error::{Error, Result};
use crate::judge::{Findings, Status};

use super::Subject;

/// The function that reports a failure: its caller has seen it.
const FAILURE: &[&str] = &["<kernel_checks::check::Failed>::report"];

/// The functions that report crashes and panics.
const CRASHES: &[&str] = &[
    "__rustc::rust_begin_unwind",
    "kernel_core::crash::exception",
    "kernel_core::crash::stack_overflow",
    "kernel_core::crash::no_kernel_stack",
];

/// The function that is called just before a check begins.
const START: &[&str] = &["kernel_core::watchdog::arm"];

/// The function that is called when a check has ended.
const END: &[&str] = &["kernel_core::conclusion::returned"];

/// Libraries whose functions are instantiated for a lab, and then belong to it.
const LIBRARIES: [&str; 4] = ["core::", "<core::", "alloc::", "<alloc::"];

/// Where a check that does not fail stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fine {
    /// Before it begins.
    Start,
    /// When it has ended.
    End,
}

/// A function of an image.
struct Function {
    name: String,
    first: u64,
    size: u64,
}

impl Function {
    /// Whether it belongs to a lab. `package` is the beginning of all names there.
    fn is_in(&self, package: &str) -> bool {
        self.name.strip_prefix('<').unwrap_or(&self.name).starts_with(package)
    }

    /// Whether it is a library's function that was instantiated for a lab.
    fn is_made_for(&self, package: &str) -> bool {
        LIBRARIES.iter().any(|library| self.name.starts_with(library))
            && self.name.contains(package)
            && !self.name.contains("kernel_core::labs")
    }

    /// The last part of its name, such as `map`.
    fn short_name(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }
}

/// The places where gdb stops.
pub struct Stops {
    /// Where a run forward ends.
    ends: Vec<u64>,
    /// The instruction that faulted, if one did.
    fault: Option<u32>,
    /// The lab's functions, and those of libraries that were instantiated for it, by address.
    own: Vec<Function>,
    /// The addresses of the lab's own functions.
    entrances: Vec<u64>,
}

impl Stops {
    /// The stops for a check with this outcome. One that does not fail stops where `fine` says.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn find(subject: &Subject<'_>, status: Status, findings: &Findings, fine: Fine) -> Result<Self> {
        let functions = functions(subject.image)?;
        let wanted = match status {
            Status::Passed | Status::NotAvailable => match fine {
                Fine::Start => START,
                Fine::End => END,
            },
            Status::Failed => FAILURE,
            // A machine that hangs stops by itself.
            Status::Hung => &[],
            _ => CRASHES,
        };
        let named = functions.iter().filter(|function| wanted.contains(&function.name.as_str()));
        let ends: Vec<u64> = named.map(|function| function.first).collect();
        if ends.is_empty() && !wanted.is_empty() {
            return Err(Error::new("the kernel has none of the functions at which gdb has to stop"));
        }
        let faulted = findings.crash.as_ref().filter(|crash| crash.exception.is_some());
        let package = format!("{}::", subject.lab.toml.package.replace('-', "_"));
        let is_own = |function: &Function| function.is_in(&package) || function.is_made_for(&package);
        let mut own: Vec<Function> = functions.into_iter().filter(is_own).collect();
        own.sort_by_key(|function| function.first);
        own.dedup_by_key(|function| function.first);
        let entrances = own.iter().filter(|function| function.is_in(&package)).map(|function| function.first).collect();
        Ok(Self { ends, fault: faulted.and_then(|crash| crash.backtrace.first().copied()), own, entrances })
    }

    /// The facts for gdb's commands, as Python source. `sentence` tells the check's outcome, `connect`
    /// starts the emulator, and `process` is the file with its process number.
    ///
    /// # Errors
    /// If a text cannot be written as Python source.
    pub fn given(&self, lab: &str, sentence: &str, connect: &str, process: &str) -> Result<String> {
        let text = |text: &str| serde_json::to_string(text).map_err(|error| Error::new(error.to_string()));
        let mut all = String::new();
        let fault = self.fault.map_or_else(|| "None".to_owned(), |fault| fault.to_string());
        let _ = writeln!(all, "ENDS = {:?}\nENTRANCES = {:?}\nFAULT = {fault}\nOWN = [", self.ends, self.entrances);
        for function in &self.own {
            let _ = writeln!(all, "    ({}, {}, {}),", function.first, function.size, text(function.short_name())?);
        }
        let _ = writeln!(all, "]\nLAB = {}\nSENTENCE = {}", text(&format!("labs/{lab}/"))?, text(sentence)?);
        let _ = writeln!(all, "CONNECT = {}\nPROCESS = {}", text(connect)?, text(process)?);
        Ok(all)
    }
}

/// An image's functions.
fn functions(image: &Path) -> Result<Vec<Function>> {
    let bytes = fs::read(image).map_err(|error| Error::io("cannot read", image, &error))?;
    let file = object::File::parse(&*bytes)
        .map_err(|error| Error::new(format!("cannot read the kernel {}: {error}", image.display())))?;
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    Ok(functions
        .filter_map(|symbol| {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            Some(Function { name, first: symbol.address(), size: symbol.size() })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_s_functions_are_known_by_their_names() {
        let function = |name: &str| Function { name: name.to_owned(), first: 0, size: 0 };
        let map = function("<vmm::page_tables::Vmm<kernel_core::memory::Handle> as mm_api::vmm::VirtualMemory>::map");
        assert!(map.is_in("vmm::") && !map.is_made_for("vmm::"));
        assert_eq!(map.short_name(), "map");
        let fold = function("<core::iter::Map<core::ops::Range<u32>> as Iterator>::try_fold::<vmm::page_tables::x>");
        assert!(fold.is_made_for("vmm::") && !fold.is_in("vmm::"));
        for name in [
            "<kernel_checks::vmm::subject::Subject>::ensure_mapped",
            "core::ops::FnOnce::call_once::<<kernel_core::labs::Labs>::of<vmm::page_tables::Vmm>>",
        ] {
            let other = function(name);
            assert!(!other.is_in("vmm::") && !other.is_made_for("vmm::"), "{name}");
        }
    }
}
