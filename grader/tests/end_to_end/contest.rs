//! The contest: the entrants, their points, and the advice for those that have none.

use std::fs;

use serde_json::Value;

use crate::course::{Copy, Ran, course, grade, has_solutions};

/// The file that a student hands in.
const FILE: &str = "labs/03-heap/src/blocks.rs";

/// The points of an entrant, if it has any.
fn points(board: &Value, name: &str) -> Option<f64> {
    let entrants = board["entrants"].as_array().unwrap();
    entrants.iter().find(|entrant| entrant["name"] == name).unwrap()["points"].as_f64()
}

fn contest(copy: &Copy, words: &[&str]) -> Ran {
    copy.grade(&[&["contest"], words, &["--color", "never"]].concat())
}

#[test]
fn an_unfinished_file_is_told_where_to_go_on_and_all_others_are_ranked() {
    let copy = Copy::new();
    if !fs::read_to_string(copy.root().join(FILE)).unwrap().contains("todo!(") {
        return;
    }
    let ran = contest(&copy, &["heap", "--picture", "-"]);
    // There is nothing to draw, so `--picture` is refused.
    ran.expect_code(2).says("your heap ran no trace").does_not_say("<svg");
    let ran = contest(&copy, &["frames"]).expect_code(1);
    let ran = ran.says("unfinished").says("not yet implemented").says("Where to go on").says("cargo grade 01");
    ran.says("buddy_system_allocator").says("100 000").does_not_say("\u{1b}");
}

#[test]
fn a_heap_has_points_on_every_seed_and_a_picture() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let alternative = fs::read_to_string(course().join("labs/03-heap/alternatives/size_classes.rs")).unwrap();
    copy.write(FILE, &alternative);
    let folder = tempfile::tempdir().unwrap();
    let (file, json) = (folder.path().join("heap.svg"), folder.path().join("heap.json"));
    let (file_name, json_name) = (file.to_str().unwrap(), json.to_str().unwrap());
    let drawn = ["heap", "--picture", file_name, "--trace", "queue", "--json", json_name];
    let ran = contest(&copy, &drawn).expect_code(0).says("yours").says("Trace by trace").says("picture:");
    let text = ran.stdout;
    let lines = |name| text.lines().filter(move |line| line.trim_start().starts_with(name)).count();
    for name in ["yours", "reference", "talc", "rlsf", "dlmalloc", "linked_list_allocator", "buddy_system_allocator"] {
        assert!(lines(name) >= 1, "{name} is missing\n{text}");
    }
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("yours on the trace queue"), "{}", &svg[..300]);

    let published: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let other = contest(&copy, &["heap", "--seed", "7", "--json", "-"]).expect_code(0).json();
    assert_eq!((&published["seed"], &other["seed"]), (&0.into(), &7.into()));
    for name in ["yours", "reference", "talc"] {
        let (one, other) = (points(&published, name).unwrap(), points(&other, name).unwrap());
        // Other traces, but of the same kinds.
        assert!((one - other).abs() > 1e-9 && (one / other).ln().abs() < 0.5, "{name}: {one} and {other}");
    }

    contest(&copy, &["heap", "--picture", "-", "--trace", "nothing"]).expect_code(2).says("there is no trace nothing");
}

#[test]
fn a_heap_that_is_wrong_has_no_points() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let alternative = fs::read_to_string(course().join("labs/03-heap/alternatives/size_classes.rs")).unwrap();
    copy.write(FILE, &format!("include!(\"elsewhere.rs\");\n{alternative}"));
    contest(&copy, &["heap"]).expect_code(2).says("the contest was not held").says(FILE);

    // A student's file cannot call the implementations that are measured beside it.
    let own = alternative.find("\nimpl").unwrap();
    let (head, rest) = alternative.split_at(own);
    copy.write(FILE, &format!("{head}\npub type Better<'a> = crate::measured_beside::champion::Heap<'a>;\n{rest}"));
    contest(&copy, &["heap"]).expect_code(2).says("`measured_beside` is refused").says("are in that module");

    // Blocks without room for the heap's own records beside them.
    let wrong = alternative.replacen("(bytes as u32 + OVERHEAD)", "(bytes as u32)", 1);
    assert_ne!(wrong, alternative);
    copy.write(FILE, &wrong);
    let ran = contest(&copy, &["heap"]).expect_code(1).says("No points for your file");
    ran.says("cargo test --package heap").says("talc");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_measured() {
    grade(course(), &["contest", "frames", "--picture", "x.svg"]).expect_code(2).says("--picture");
    let same = grade(course(), &["contest", "heap", "--picture", "-", "--json", "-"]).expect_code(2);
    same.says("have the same destination");
}
