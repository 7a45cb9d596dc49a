//! A run to try the reports on: one check of each kind.

use std::time::Duration;

use super::findings::{Crash, Exception, Findings, Panic};
use super::results::{CheckReport, Evidence, Graded, LabReport, Run};
use super::status::Status;

/// The same, with a check that came out differently on two emulators.
pub fn run_on_both() -> Run {
    let mut other = run();
    other.emulator = "Bochs 2.7".to_owned();
    other.labs[0].checks[0].status = Status::Hung;
    super::compare::both(run(), other)
}

/// One lab, four checks: passed, failed, crashed, not started.
pub fn run() -> Run {
    Run {
        labs: vec![lab()],
        emulator: "QEMU 7.2.22".to_owned(),
        toolchain: "rustc 1.95.0".to_owned(),
        seed: 42,
        elapsed: Duration::from_millis(900),
        building: Duration::from_millis(500),
        booting: Duration::from_millis(300),
        repeat: Vec::new(),
    }
}

/// The lab of [`run`].
pub fn lab() -> LabReport {
    let mut not_started = check("exhaustion", Status::NotStarted, 5);
    panic(&mut not_started, "labs/01-pmm/src/bitmap.rs", 20, "not yet implemented: step 5: hand out a frame");
    not_started.status = Status::NotStarted;
    LabReport {
        id: "01-pmm".to_owned(),
        title: "Frames".to_owned(),
        package: "pmm".to_owned(),
        graded: Graded::Student,
        files: vec!["labs/01-pmm/src/bitmap.rs".to_owned()],
        build_error: None,
        refused: None,
        blocked_by: Vec::new(),
        warnings: None,
        checks: vec![check("counts-exact", Status::Passed, 5), failed(), crashed(), not_started],
    }
}

fn check(name: &str, status: Status, max_points: u32) -> CheckReport {
    CheckReport {
        name: name.to_owned(),
        status,
        max_points,
        message: status.words().to_owned(),
        rule: "A frame is handed out once until it is freed.".to_owned(),
        hint: "Mark the frame before you return it.".to_owned(),
        chapter: format!("lab-01-frames.html#{name}"),
        machines: Vec::new(),
        times: 1,
        evidence: Some(Evidence { memory: "16M".to_owned(), ..Evidence::default() }),
    }
}

/// A check that failed.
pub fn failed() -> CheckReport {
    let mut check = check("never-twice", Status::Failed, 10);
    let evidence = Evidence {
        memory: "16M".to_owned(),
        findings: Findings {
            expected: Some("a frame that nobody has".to_owned()),
            saw: Some("frame 0x105, which is allocated".to_owned()),
            lacks: None,
            context: vec!["after 12 allocations".to_owned()],
            measures: vec![("allocate".to_owned(), 71, "instructions".to_owned())],
            log: vec!["handing out 0x105".to_owned()],
            crash: None,
        },
        serial: "KTAP version 1\n1..1\n".to_owned(),
        command: vec!["qemu-system-i386".to_owned(), "-m".to_owned(), "16M".to_owned()],
        ..Evidence::default()
    };
    check.message = "expected a frame that nobody has, saw frame 0x105, which is allocated".to_owned();
    check.evidence = Some(evidence);
    check
}

fn crashed() -> CheckReport {
    let mut check = check("runs-aligned", Status::Crashed, 10);
    check.max_points = 10;
    let crash = Crash {
        kind: "exception".to_owned(),
        exception: Some(Exception {
            vector: 14,
            error_code: 2,
            name: "page fault".to_owned(),
            cr2: Some(4),
            walk: None,
        }),
        registers: vec![("eip".to_owned(), 0xC010_0000), ("esp".to_owned(), 0xC020_0000)],
        backtrace: vec![0xC010_0000, 0xC010_0100],
        ..Crash::default()
    };
    check.evidence = Some(Evidence {
        memory: "64M".to_owned(),
        findings: Findings { crash: Some(crash), ..Findings::default() },
        ..Evidence::default()
    });
    check
}

/// Makes a check one that panicked.
pub fn panic(check: &mut CheckReport, file: &str, line: u32, message: &str) {
    check.status = Status::Panicked;
    check.message = format!("panicked: {message}");
    let panic = Panic { file: file.to_owned(), line, column: 9, message: message.to_owned() };
    let crash = Crash { kind: "panic".to_owned(), panic: Some(panic), ..Crash::default() };
    check.evidence = Some(Evidence {
        memory: "64M".to_owned(),
        findings: Findings { crash: Some(crash), ..Findings::default() },
        ..Evidence::default()
    });
}
