//! Claims about page tables that the machine's memory contradicts, and the
//! view of an address space.

use crate::course::{Copy, check, has_solutions};

/// The reference of lab 02 with a line before the body of `translate`.
pub fn with_translate(copy: &Copy, line: &str) {
    let reference = copy.read("labs/02-vmm/solution/page_tables.rs");
    let place = "        let page = Page::containing(address);\n        let upper";
    assert_eq!(reference.matches(place).count(), 1, "the reference's translate() has changed");
    copy.write("labs/02-vmm/src/page_tables.rs", &reference.replace(place, &format!("{line}\n{place}")));
}

#[test]
fn a_translation_that_lies_is_found_out_in_the_machine_s_memory() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    // No check in the kernel compares the answer for this address at this time.
    with_translate(
        &copy,
        "        if address.as_u32() == 0x2000_0000 {\n            \
         return Some(Translation { address: PhysAddr::new(0x5000), protection: Protection::USER_WRITE });\n        }",
    );
    let run = copy.grade(&["02", "--check", "destroy-returns", "--json", "-"]).expect_code(1).json();
    let check = check(&run, "destroy-returns");
    assert_eq!(check["status"], "failed", "{check:#}");
    assert!(check["expected"].as_str().is_some_and(|text| text.contains("mapped to 0x0000_5000, rwu")), "{check:#}");
    assert!(check["saw"].as_str().is_some_and(|text| text.contains("read from outside")), "{check:#}");
}

#[test]
fn an_address_space_is_shown_and_drawn() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    copy.grade(&["look", "translate-truth", "--solution", "--svg", "look.svg"])
        .expect_code(0)
        .says("0x0804_8000 – 0x0804_8FFF  rwu")
        .says("user half: 2 pages");
    assert!(copy.read("look.svg").starts_with("<svg "));
    // The student's file is not begun, and the machine is examined where it stopped.
    copy.grade(&["look", "02", "--svg", "-"]).expect_code(0).says("not started").says("user half: 0 pages");
    copy.grade(&["look", "translate-thruth"]).expect_code(2).says("translate-truth");
}

/// A line of the log of `machine-rights`: rights and section, without the addresses, which change
/// with every line of the kernel's code.
fn rights_and_section(line: &str) -> Option<&str> {
    line.strip_prefix("0x").and_then(|_| line.get(26..))
}

#[test]
fn the_chapter_shows_the_rights_that_the_machine_has() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let run = copy.grade(&["--solution", "--check", "machine-rights", "--json", "-"]).expect_code(0).json();
    let check = check(&run, "machine-rights");
    let log = check["log"].as_array().into_iter().flatten().filter_map(|line| line.as_str());
    let seen: Vec<&str> = log.filter_map(rights_and_section).collect();
    let text = copy.read("book/examples/reports/machine-rights.txt");
    let shown: Vec<&str> = text.lines().filter_map(rights_and_section).collect();
    assert!(seen.len() > 5 && seen == shown, "the machine has {seen:#?}, the chapter {shown:#?}");
    // The chapter shows the same image in three places.
    for file in ["book/pictures/kernel-rights.svg", "book/examples/reports/protect-rights.txt"] {
        let other = copy.read(file);
        let missing = text.lines().filter_map(|line| line.get(..11)).find(|start| !other.contains(start));
        assert_eq!(missing, None, "{file} is of another image: take it again, as book/examples/reports/README.md says");
    }
}
