//! The run as JSON, in the shape that `grader/JSON.md` promises.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::host::style::is_printable;
use crate::judge::Crash;
use crate::judge::results::{CheckReport, Evidence, Graded, LabReport, Run};

use super::crash;
use super::symbolize::{Images, relative};
use super::table::score;

/// The version of the format. It is raised if a field changes its meaning or is removed, but not for a new field.
const FORMAT: u32 = 1;

/// The run as one JSON object, with a newline at its end.
pub fn render(run: &Run, root: &Path, images: &Images) -> String {
    let labs: Vec<Lab<'_>> = run.labs.iter().map(|lab| Lab::new(lab, root, images)).collect();
    let whole = Whole {
        format: FORMAT,
        emulator: &run.emulator,
        toolchain: &run.toolchain,
        seed: run.seed,
        elapsed_ms: run.elapsed.as_millis(),
        building_ms: run.building.as_millis(),
        booting_ms: run.booting.as_millis(),
        score: labs.iter().map(|lab| lab.score).sum(),
        max_score: labs.iter().map(|lab| lab.max_score).sum(),
        labs,
    };
    // It has text, numbers and lists only, so JSON can represent all of it.
    let mut text = escaped(&serde_json::to_string_pretty(&whole).unwrap_or_default());
    text.push('\n');
    text
}

/// JSON with all characters escaped that a terminal would obey. They occur only in strings, where that is allowed.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable(c) {
            text.push(c);
        } else {
            // All of them are among the first 65,536: one unit of UTF-16 each.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    text
}

#[derive(Serialize)]
struct Whole<'a> {
    format: u32,
    emulator: &'a str,
    toolchain: &'a str,
    seed: u64,
    elapsed_ms: u128,
    building_ms: u128,
    booting_ms: u128,
    score: u32,
    max_score: u32,
    labs: Vec<Lab<'a>>,
}

#[derive(Serialize)]
struct Lab<'a> {
    id: &'a str,
    title: &'a str,
    graded: &'static str,
    files: &'a [String],
    score: u32,
    max_score: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_error: Option<String>,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    id: &'a str,
    status: &'static str,
    points: u32,
    max_points: u32,
    message: &'a str,
    rule: &'a str,
    hint: &'a str,
    chapter: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<MachineJson<'a>>,
    #[serde(flatten)]
    boot: Option<Boot<'a>>,
}

/// The verdict on one of the emulators.
#[derive(Serialize)]
struct MachineJson<'a> {
    emulator: &'a str,
    status: &'static str,
    message: &'a str,
}

/// The evidence of the boot that decided.
#[derive(Serialize)]
struct Boot<'a> {
    memory: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saw: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    context: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measures: Vec<Measure<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    crash: Option<CrashJson<'a>>,
}

#[derive(Serialize)]
struct Measure<'a> {
    name: &'a str,
    value: u64,
    unit: &'a str,
}

#[derive(Serialize)]
struct CrashJson<'a> {
    kind: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    panic: Option<PanicJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<ExceptionJson<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    registers: BTreeMap<&'a str, u32>,
    backtrace: Vec<Call>,
}

#[derive(Serialize)]
struct Location {
    file: String,
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct PanicJson<'a> {
    message: &'a str,
    #[serde(flatten)]
    location: Location,
}

#[derive(Serialize)]
struct ExceptionJson<'a> {
    vector: u8,
    name: &'a str,
    error_code: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk: Option<WalkJson>,
}

#[derive(Serialize)]
struct WalkJson {
    cr3: u32,
    directory_entry: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_entry: Option<u32>,
}

#[derive(Serialize)]
struct Call {
    address: u32,
    inlined: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl<'a> Lab<'a> {
    fn new(lab: &'a LabReport, root: &Path, images: &Images) -> Self {
        let (score, max_score) = score(lab);
        Self {
            id: &lab.id,
            title: &lab.title,
            graded: match lab.graded {
                Graded::Student => "student",
                Graded::Solution => "solution",
            },
            files: &lab.files,
            score,
            max_score,
            build_error: lab.build_error.as_ref().map(|error| anstream::adapter::strip_str(error).to_string()),
            checks: lab.checks.iter().map(|check| Check::new(check, root, images)).collect(),
        }
    }
}

impl<'a> Check<'a> {
    fn new(check: &'a CheckReport, root: &Path, images: &Images) -> Self {
        Self {
            id: &check.name,
            status: check.status.id(),
            points: check.points(),
            max_points: check.max_points,
            message: &check.message,
            rule: &check.rule,
            hint: &check.hint,
            chapter: &check.chapter,
            machines: check
                .machines
                .iter()
                .map(|machine| MachineJson {
                    emulator: &machine.emulator,
                    status: machine.status.id(),
                    message: &machine.message,
                })
                .collect(),
            boot: check.evidence.as_ref().map(|evidence| Boot::new(evidence, root, images)),
        }
    }
}

impl<'a> Boot<'a> {
    fn new(evidence: &'a Evidence, root: &Path, images: &Images) -> Self {
        Self {
            memory: &evidence.memory,
            expected: evidence.findings.expected.as_deref(),
            saw: evidence.findings.saw.as_deref(),
            context: &evidence.findings.context,
            measures: evidence
                .findings
                .measures
                .iter()
                .map(|(name, value, unit)| Measure { name, value: *value, unit })
                .collect(),
            log: &evidence.findings.log,
            crash: evidence.findings.crash.as_ref().map(|crash| CrashJson::new(crash, &evidence.kernel, root, images)),
        }
    }
}

impl<'a> CrashJson<'a> {
    fn new(crash: &'a Crash, kernel: &Path, root: &Path, images: &Images) -> Self {
        let trace = crash::trace(crash, kernel, root, images);
        Self {
            kind: &crash.kind,
            message: crash::headline(crash),
            location: trace.place.map(|place| Location { file: place.file, line: place.line, column: place.column }),
            panic: crash.panic.as_ref().map(|panic| PanicJson {
                message: &panic.message,
                location: Location { file: relative(&panic.file, root), line: panic.line, column: panic.column },
            }),
            exception: crash.exception.as_ref().map(|exception| ExceptionJson {
                vector: exception.vector,
                name: &exception.name,
                error_code: exception.error_code,
                address: exception.cr2,
                walk: exception.walk.map(|walk| WalkJson {
                    cr3: walk.cr3,
                    directory_entry: walk.directory_entry,
                    table_entry: walk.table_entry,
                }),
            }),
            registers: crash.registers.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
            backtrace: trace
                .frames
                .into_iter()
                .map(|frame| {
                    let (file, line) = frame.source.unzip();
                    Call { address: frame.address, inlined: frame.inlined, function: frame.function, file, line }
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::samples;
    use serde_json::Value;

    fn json(run: &Run) -> Value {
        let root = Path::new("/nowhere");
        serde_json::from_str(&render(run, root, &Images::new(root))).unwrap()
    }

    #[test]
    fn the_shape_is_the_documented_one() {
        let whole = json(&samples::run());
        assert_eq!(whole["emulator"], "QEMU 7.2.22");
        assert_eq!(whole["toolchain"], "rustc 1.95.0");
        assert_eq!(whole["seed"], 42);
        assert_eq!(whole["elapsed_ms"], 900);
        assert_eq!((&whole["score"], &whole["max_score"]), (&Value::from(5), &Value::from(30)));
        let lab = &whole["labs"][0];
        assert_eq!((&lab["id"], &lab["graded"]), (&Value::from("01-pmm"), &Value::from("student")));
        assert!(lab.get("build_error").is_none());
        let failed = &lab["checks"][1];
        for (key, value) in [
            ("id", Value::from("never-twice")),
            ("status", "failed".into()),
            ("points", 0.into()),
            ("max_points", 10.into()),
            ("expected", "a frame that nobody has".into()),
            ("memory", "16M".into()),
        ] {
            assert_eq!(failed[key], value, "{key}");
        }
        assert_eq!(failed["measures"][0]["value"], 71);
        let crash = &lab["checks"][2]["crash"];
        assert_eq!(crash["exception"]["vector"], 14);
        assert_eq!(crash["backtrace"][1]["address"], 0xC010_0100_u32);
        assert_eq!(lab["checks"][3]["crash"]["location"]["line"], 20);
    }

    #[test]
    fn a_build_error_is_plain_text() {
        let mut run = samples::run();
        run.labs[0].build_error = Some("\u{1b}[31merror\u{1b}[0m: x".to_owned());
        assert_eq!(json(&run)["labs"][0]["build_error"], "error: x");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_not_lost() {
        let mut run = samples::run();
        let hostile = "\u{1b}[2J\u{7f}\u{9b}\u{202E}\u{2069}\u{FFFF}\t\"\\𝄞\n";
        run.labs[0].checks[1].message = hostile.to_owned();
        let root = Path::new("/nowhere");
        let text = render(&run, root, &Images::new(root));
        assert!(text.chars().all(is_printable), "{text:?}");
        assert_eq!(json(&run)["labs"][0]["checks"][1]["message"], hostile);
    }

    /// Every field that the document names is there, and the other way round.
    #[test]
    fn the_document_names_every_field() {
        let document = include_str!("../../JSON.md");
        let mut run = samples::run_on_both();
        run.labs[0].build_error = Some(String::new());
        let mut keys = Vec::new();
        collect(&json(&run), &mut keys);
        for key in keys {
            // The registers are not fields of ours: the processor named them.
            if key != "eip" && key != "esp" {
                assert!(document.contains(&format!("`{key}`")), "JSON.md does not explain `{key}`");
            }
        }
    }

    fn collect(value: &Value, keys: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    keys.push(key.clone());
                    collect(value, keys);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
}
