//! Facts that readers found to be wrong once. Each has the sentence that is true, in the page that it belongs to,
//! and words of the wrong one, which are nowhere: not in the book, not in a lab's texts, not in the grader's.
//!
//! Where a fact is a number, it is computed from the course's own constants.

use std::fs;
use std::path::PathBuf;

use mm_api::layout::{USER_HEAP_START, USER_SPACE_END};
use mm_api::{HEAP_MAX, VirtAddr};

use crate::{report, root, sources};

struct Fact {
    /// The page that has it, in `book/src`, or another file of the course.
    page: &'static str,
    /// What that page says.
    says: String,
    /// What no page says. Capitals do not count.
    never: &'static [&'static str],
}

fn fact(page: &'static str, says: impl Into<String>, never: &'static [&'static str]) -> Fact {
    Fact { page, says: says.into(), never }
}

/// An address as the book writes it, such as `0x000C_0000`.
fn address(bits: u32) -> String {
    format!("0x{:04X}_{:04X}", bits >> 16, bits & 0xFFFF)
}

fn facts() -> Vec<Fact> {
    let mut facts = about_paging();
    facts.extend(about_heaps());
    facts.extend(about_processes());
    facts.extend(about_the_machine());
    facts
}

fn about_paging() -> Vec<Fact> {
    let page = "lab-02-page-tables.md";
    vec![
        fact(
            page,
            "The contract forbids it, and `unmap-flushes` finds it: flush only the page that changed.",
            &["flush_all() works", "`flush_all` works", "flush_all()` works", "would be right everywhere"],
        ),
        fact(
            "../../labs/02-vmm/lab.toml",
            "flush_all() breaks the rule as well: it forgets all other pages, too.",
            &[],
        ),
        fact("../../grader/JSON.md", "flush_all() breaks the rule as well: it forgets all other pages, too.", &[]),
        fact(page, "Pages of 4 MiB are optional. Each of them saves a page table", &["4 MiB cost more tables"]),
        fact(page, "it passes only after step 12", &["`protect-at-once` passes after step 8"]),
        fact(page, "(section 4.10.2.3 of the manual, 5.10.2.3 in current editions)", &[]),
        fact("introduction.md", "those of edition 075, June 2021", &["of the current edition"]),
        fact("introduction.md", "paging moved from chapter 4 to chapter 5", &[]),
        fact(
            "debugging.md",
            "the fake processor of lab 02 never forgets a translation by itself",
            &["the fake TLB forgets", "the fake processor forgets", "the fake processor of lab 02 forgets"],
        ),
        fact(
            "lab-06-protect.md",
            "Page tables without PAE cannot express all three rights",
            &["page tables of 32 bits cannot express"],
        ),
    ]
}

fn about_heaps() -> Vec<Fact> {
    let page = "lab-03-heap.md";
    let bits = HEAP_MAX.ilog2();
    assert!(HEAP_MAX.is_power_of_two() && bits == 26, "the sentences below have these numbers in words");
    vec![
        fact(
            page,
            format!("Size and flags take the lower {bits}, since a heap has at most 2²⁶ bytes. The upper six can hold"),
            &["size and flags take the lower 24", "the upper eight can hold", "the upper twelve can hold"],
        ),
        fact(page, "**The argument has a hole: `Box`.**", &["`free` need not be unsafe", "free need not be unsafe"]),
        fact(page, "should be `unsafe`, and their caller should promise that the block is not used any more", &[]),
        fact(
            page,
            "the kernel runs with interrupts off, from each entry to the return, so normally no interrupt arrives",
            &["the kernel runs with interrupts on"],
        ),
        fact(
            page,
            "Then it switches the machine's own interrupts on, sets the timer to 40,000 interrupts a second",
            &[],
        ),
        fact(
            page,
            "The first C standard, C89, fixed their rules: null where there is no memory, `free(NULL)` does nothing",
            &["C99, fixed", "since C99, `free(NULL)`", "`free(NULL)` is C99"],
        ),
    ]
}

fn about_processes() -> Vec<Fact> {
    let page = "lab-04-process-heap.md";
    let wrapped = address(USER_HEAP_START.as_u32().wrapping_add_signed(i32::MIN));
    assert!(USER_HEAP_START.as_u32().checked_add_signed(i32::MIN).is_none(), "the sum is below 0");
    vec![
        fact(
            page,
            "Linux has only the system call `brk`, which never returns an error",
            &["Linux has `sbrk`", "the system calls `brk` and `sbrk` of Linux"],
        ),
        fact(
            page,
            "The allocator of Folio's programs, in C `malloc`, uses `brk`",
            &["`malloc`, uses `sbrk`", "malloc stands on `sbrk`", "`malloc` stands on `sbrk`"],
        ),
        fact(
            page,
            format!(
                "for a break at `{}` and `sbrk(i32::MIN)` it returns `{wrapped}`, which looks like a valid address",
                address(USER_HEAP_START.as_u32())
            ),
            &["sbrk(i32::MAX)` it returns"],
        ),
        fact(
            "page-faults.md",
            "It points **at** the instruction and not past it, so the instruction can be executed again.",
            &["pushes the address of the next instruction for a fault"],
        ),
        fact(
            "processes.md",
            "Intel's manual uses that word more narrowly, for exceptions that are reported after the instruction",
            &["Intel's manual calls all of them a trap"],
        ),
        fact(
            "lab-05-stacks.md",
            "Rust's compiler puts them into Folio's own programs (`stack-probes` in `kernel/i686-folio.json`)",
            &["do not probe the stack", "no stack probes in Folio"],
        ),
        fact("../../kernel/i686-folio.json", "\"stack-probes\"", &[]),
        fact("lab-05-stacks.md", "a *stack clash*", &[]),
        fact(page, "folio> brk-test", &["$ brk-test", "$ stack-test"]),
    ]
}

fn about_the_machine() -> Vec<Fact> {
    let page = "memory-map.md";
    // The window of the screen is 128 KiB from 640 KiB on, the graded machine's firmware the last 64 KiB below 4 GiB.
    let (screen, screen_end) = (address(640 << 10), address((640 + 128) << 10));
    let firmware = address(0_u32.wrapping_sub(64 << 10));
    vec![
        fact(page, format!("| `{screen}` | `{screen_end}` | the screen's memory;"), &["the screen ends at `0x000B"]),
        fact(
            page,
            format!("| `{firmware}` | the firmware again, 64 KiB of it on the machine that you are graded on"),
            &["| `0xFFFC_0000` | the firmware"],
        ),
        fact("glossary.md", "Without PAE it has 32 bits.", &[]),
    ]
}

/// The text of a file with each piece of white space as one space, since sentences are wrapped.
fn text(path: &PathBuf) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The files that readers read: the book's pages, the labs' texts, and the grader's.
fn all_texts() -> Vec<PathBuf> {
    let files = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = files(sources()).chain(files(root().join("grader")));
    let mut texts: Vec<_> = pages.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    for lab in files(root().join("labs")) {
        texts.extend([lab.join("lab.toml"), lab.join("README.md")].into_iter().filter(|path| path.is_file()));
    }
    texts
}

#[test]
fn what_was_wrong_once_is_said_right_and_nowhere_wrong() {
    let texts: Vec<_> = all_texts().into_iter().map(|path| (text(&path).to_lowercase(), path)).collect();
    assert!(texts.len() > 30, "the pages are not where they were");
    let mut problems = Vec::new();
    for Fact { page, says, never } in facts() {
        if !text(&sources().join(page)).contains(&says) {
            problems.push(format!("{page} does not say any more: {says}"));
        }
        for words in never {
            let wrong = texts.iter().filter(|(text, _)| text.contains(&words.to_lowercase()));
            problems.extend(wrong.map(|(_, path)| format!("{}: this is wrong: {words}", path.display())));
        }
    }
    report(&problems);
}

#[test]
fn an_address_is_written_in_groups_of_four() {
    assert_eq!(address(0x000C_0000), "0x000C_0000");
    assert_eq!(address(USER_SPACE_END.as_u32()), "0xC000_0000");
    assert_eq!(address(USER_HEAP_START.as_u32()), VirtAddr::new(0x1000_0000).to_string());
}
