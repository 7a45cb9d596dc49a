//! Every way in which a check can end, provoked by the kernel's own harness checks.

use serde_json::Value;

use crate::course::{Copy, check, has_solutions};

/// Each harness check, and its expected verdict.
pub const PROVOKED: [(&str, &str); 31] = [
    ("harness-pass", "passed"),
    ("harness-not-available", "not_available"),
    ("harness-fail", "failed"),
    ("harness-panic", "panicked"),
    ("harness-todo", "not_started"),
    ("harness-null-write", "crashed"),
    ("harness-stack-overflow", "crashed"),
    ("harness-divide", "crashed"),
    ("harness-invalid-opcode", "crashed"),
    ("harness-triple-fault", "crashed"),
    ("harness-hang", "hung"),
    ("harness-spin", "hung"),
    ("harness-cycle", "hung"),
    ("harness-counting", "hung"),
    ("harness-polling", "hung"),
    ("harness-halt", "hung"),
    ("harness-flood", "hung"),
    ("harness-early-exit", "tampered"),
    ("harness-forged-log", "failed"),
    ("harness-forged-serial", "tampered"),
    ("harness-wrong-name", "tampered"),
    ("harness-two-results", "tampered"),
    ("harness-nested-log", "failed"),
    ("harness-panic-that-logs", "panicked"),
    ("harness-panic-in-a-panic", "panicked"),
    ("harness-memory", "passed"),
    ("harness-boot-info", "passed"),
    ("harness-scratch", "passed"),
    ("harness-lender", "passed"),
    ("harness-clock", "passed"),
    ("harness-timer", "passed"),
];

/// The checks that need labs 01 to 03.
const ON_LABS: [(&str, &str); 9] = [
    ("harness-out-of-memory", "panicked"),
    ("harness-ring-3", "passed"),
    ("harness-user-copies", "passed"),
    ("harness-kernel-page", "panicked"),
    ("harness-kernel-stack-overflow", "crashed"),
    ("harness-no-kernel-stack", "crashed"),
    ("harness-write-protect", "crashed"),
    ("harness-smap", "crashed"),
    ("harness-costs-of-memory", "passed"),
];

/// The checks that need the programs, and all labs.
const WITH_PROGRAMS: [(&str, &str); 3] =
    [("harness-program", "passed"), ("harness-hostile-files", "passed"), ("harness-costs-of-processes", "passed")];

/// Whether a check with this verdict keeps its points.
fn keeps_points(status: &str) -> bool {
    matches!(status, "passed" | "not_available")
}

#[test]
fn programs_are_loaded_and_wrong_ones_refused_without_a_loss() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::with_checks(&WITH_PROGRAMS.map(|(name, _)| name));
    let toml = copy.read("labs/01-pmm/lab.toml").replace("budget = 100", "budget = 2000\nprograms = true");
    copy.write("labs/01-pmm/lab.toml", &toml);
    let run = copy.grade(&["01", "--solution", "--json", "-"]).expect_code(0).json();
    for (name, status) in WITH_PROGRAMS {
        let check = check(&run, name);
        assert_eq!(check["status"], status, "{check:#}");
    }
}

#[test]
fn every_verdict_is_what_was_provoked_and_costs_no_other_check_anything() {
    let names = PROVOKED.map(|(name, _)| name);
    let copy = Copy::with_checks(&names);
    let ran = copy.grade(&["01", "--json", "-"]).expect_code(1);
    let run = ran.json();
    for (name, status) in PROVOKED {
        let check = check(&run, name);
        assert_eq!(check["status"], status, "{check:#}");
        assert_eq!(check["points"], u32::from(keeps_points(status)), "{check:#}");
    }
    let kept = PROVOKED.iter().filter(|(_, status)| keeps_points(status)).count();
    assert_eq!((&run["score"], &run["max_score"]), (&Value::from(kept), &Value::from(PROVOKED.len())));

    let fail = check(&run, "harness-fail");
    assert!(fail["expected"].as_str().is_some_and(|text| text.contains("42")), "{fail:#}");
    assert_eq!(fail["saw"], "41");
    assert_eq!(fail["context"][0], "on purpose");
    assert_eq!(fail["measures"][0], serde_json::json!({"name": "answer", "value": 41, "unit": "things"}));

    let panic = &check(&run, "harness-panic")["crash"];
    assert_eq!(panic["kind"], "panic");
    assert!(panic["panic"]["message"].as_str().is_some_and(|text| text.starts_with("the harness panics")), "{panic:#}");
    assert_eq!(panic["location"]["file"], "kernel/checks/src/harness.rs");

    let write = &check(&run, "harness-null-write")["crash"];
    assert_eq!(write["exception"]["vector"], 14, "{write:#}");
    assert!(write["exception"]["address"].as_u64().is_some_and(|address| address < 4096), "{write:#}");
    assert!(
        write["message"].as_str().is_some_and(|text| text.starts_with("page fault: write to 0x0000_")),
        "{write:#}"
    );
    let names_its_check = |call: &Value| {
        call["file"].as_str().is_some_and(|file| file.starts_with("kernel/checks/src/harness")) && call["line"].is_u64()
    };
    assert!(write["backtrace"].as_array().is_some_and(|calls| calls.iter().any(names_its_check)), "{write:#}");

    let spin = check(&run, "harness-spin");
    assert!(spin["message"].as_str().is_some_and(|text| text.contains("spin_loop()")), "{spin:#}");
    // Elsewhere only the operating system ends it, and does not tell where the machine was.
    if cfg!(target_os = "linux") {
        let calls = spin["crash"]["backtrace"].as_array();
        assert!(calls.is_some_and(|calls| calls.iter().any(names_its_check)), "{spin:#}");
    }

    assert_eq!(check(&run, "harness-stack-overflow")["crash"]["kind"], "stack-overflow");
    assert_eq!(check(&run, "harness-divide")["crash"]["exception"]["vector"], 0);
    assert_eq!(check(&run, "harness-invalid-opcode")["crash"]["exception"]["vector"], 6);
    assert_eq!(check(&run, "harness-triple-fault")["crash"]["kind"], "triple-fault");
}

#[test]
fn a_loop_is_called_endless_only_if_the_machine_comes_back_to_the_same_state() {
    let endless = ["harness-hang"];
    // The second is too long to be proved.
    let open = ["harness-counting", "harness-cycle", "harness-polling"];
    let slow = ["harness-slow", "harness-clock-wait"];
    let copy = Copy::with_checks(&[&endless[..], &open, &slow].concat());
    let toml = copy.read("labs/01-pmm/lab.toml").replace("budget = 100", "budget = 500");
    copy.write("labs/01-pmm/lab.toml", &toml);
    for words in [&["01", "--jobs", "1", "--json", "-"][..], &["01", "--fresh", "--json", "-"]] {
        let run = copy.grade(words).expect_code(1).json();
        let told = |name: &str| {
            let check = check(&run, name);
            (check["status"].clone(), check["message"].as_str().unwrap_or_default().to_owned())
        };
        for name in endless {
            let (status, message) = told(name);
            assert!(status == "hung" && message.starts_with("loops for ever: "), "{name}: {status}, {message}");
        }
        for name in open {
            let (status, message) = told(name);
            assert!(status == "hung" && message.starts_with("did not end within "), "{name}: {status}, {message}");
        }
        for name in slow {
            assert_eq!(told(name).0, "passed", "{name}");
        }
        let calls = &check(&run, "harness-cycle")["crash"]["backtrace"];
        let is_the_walk = |call: &Value| call["file"] == "kernel/checks/src/harness/loops.rs";
        assert!(calls.as_array().is_some_and(|calls| calls.iter().any(is_the_walk)), "{calls:#}");
    }
}

#[test]
fn what_stands_on_labs_holds_and_its_faults_have_names() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::with_checks(&ON_LABS.map(|(name, _)| name));
    let run = copy.grade(&["01", "--solution", "--json", "-"]).expect_code(1).json();
    for (name, status) in ON_LABS {
        let check = check(&run, name);
        assert_eq!(check["status"], status, "{check:#}");
    }
    let out_of_memory = check(&run, "harness-out-of-memory");
    let said = out_of_memory["context"][0].as_str();
    assert!(said.is_some_and(|text| text.contains("the kernel's heap refused")), "{out_of_memory:#}");
    let page = check(&run, "harness-kernel-page");
    assert!(page["message"].as_str().is_some_and(|text| text.contains("but the kernel uses frame ")), "{page:#}");
    assert_eq!(check(&run, "harness-kernel-stack-overflow")["crash"]["kind"], "stack-overflow");
    for (name, protection) in [("harness-write-protect", "CR0.WP"), ("harness-smap", "SMAP")] {
        let stopped = check(&run, name);
        assert_eq!(stopped["crash"]["exception"]["vector"], 14, "{stopped:#}");
        assert!(stopped["context"][0].as_str().is_some_and(|text| text.contains(protection)), "{stopped:#}");
    }
    let no_stack = check(&run, "harness-no-kernel-stack");
    assert_eq!(no_stack["crash"]["exception"]["vector"], 8, "{no_stack:#}");
    assert!(no_stack["context"][0].as_str().is_some_and(|text| text.contains("no kernel stack")), "{no_stack:#}");
}

#[test]
fn the_same_image_and_seed_measure_the_same_numbers_of_instructions() {
    let copy = Copy::with_checks(&["harness-pass", "harness-fail"]);
    let measured = || {
        let run = copy.grade(&["--json", "-", "--seed", "7"]).expect_code(1).json();
        assert_eq!(run["seed"], 7);
        check(&run, "harness-fail")["measures"].clone()
    };
    assert_eq!(measured(), measured());
}

#[test]
fn every_verdict_is_told_in_words() {
    let names = PROVOKED.map(|(name, _)| name);
    let copy = Copy::with_checks(&names);
    // Without `-v` only the first failures are told in words.
    let ran = copy.grade(&["01", "--color", "never", "--verbose"]).expect_code(1);
    for text in [
        "harness-null-write: crashed",
        "1 not available here",
        "page fault: write to 0x0000_",
        "harness-hang",
        "stack overflow",
        "triple fault",
        "harness-early-exit: tampered",
        "kernel/checks/src/harness.rs",
        "cargo grade --check harness-fail",
    ] {
        assert!(ran.stdout.contains(text), "`{text}` is missing\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "colour was refused");
}
