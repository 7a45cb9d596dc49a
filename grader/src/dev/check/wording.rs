//! Whether what a check says is in words.
//!
//! A student reads what a check expected and saw, and why the kernel panicked. Rust's `Debug` forms
//! do not belong there: `Some(…)`, `Err(…)`, `FrameRange(…)`, a struct with braces.

use crate::judge::findings::Findings;
use crate::judge::results::LabReport;

/// A number with so many decimal digits is an address, where no unit follows.
const ADDRESS_DIGITS: usize = 10;

/// What is not in words in a report: a sentence for each message.
pub fn complaints(report: &LabReport) -> Vec<String> {
    let mut wrong = Vec::new();
    for check in &report.checks {
        let messages = check.evidence.iter().flat_map(|evidence| messages(&evidence.findings));
        wrong.extend(messages.filter_map(|message| {
            let form = not_in_words(message)?;
            Some(format!("`{}` says '{message}': {form}; `told()` in kernel/core/src/words.rs has words", check.name))
        }));
    }
    wrong
}

/// The messages of a boot that are the course's own: not those of a student's `log` and `panic!`.
fn messages(findings: &Findings) -> impl Iterator<Item = &str> {
    let panic = findings.crash.iter().filter_map(|crash| crash.panic.as_ref());
    let ours = panic.filter(|panic| panic.file.starts_with("kernel/")).map(|panic| panic.message.as_str());
    let compared = findings.expected.iter().chain(&findings.saw);
    let told = compared.chain(&findings.context);
    told.map(String::as_str).chain(ours)
}

/// What in a message is not in words.
fn not_in_words(message: &str) -> Option<&'static str> {
    let trimmed = message.trim();
    if trimmed.len() > 1 && trimmed.starts_with('"') && trimmed.ends_with('"') {
        return Some("nothing but a quotation");
    }
    if trimmed.contains(",,") || trimmed.contains(", ,") {
        return Some("two commas in a row");
    }
    words(message).find_map(|(word, rest)| judge_word(word, rest))
}

/// Whether a word, with what follows it, is a form of Rust's, or an address in decimal digits.
fn judge_word(word: &str, rest: &str) -> Option<&'static str> {
    if matches!(word, "Ok" | "Err") {
        return Some("a `Result` as Rust writes it");
    }
    let is_type = word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains(|c: char| c.is_ascii_lowercase());
    if is_type && rest.starts_with('(') {
        return Some("a value as `Debug` prints it");
    }
    if is_type && rest.starts_with(" { ") {
        return Some("a struct as `Debug` prints it");
    }
    let is_number = word.len() >= ADDRESS_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    let has_unit = rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    // In brackets it is an argument, which the student's code gets as a number.
    (is_number && !has_unit && !rest.starts_with(')')).then_some("an address in decimal digits")
}

/// The words of a message, each with what follows it.
fn words(message: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = message;
    std::iter::from_fn(move || {
        let word = rest.trim_start_matches(|c| !is_part(c));
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        rest = &word[end..];
        (end > 0).then(|| (&word[..end], &word[end..]))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::files::{read, read_all};
    use super::*;
    use crate::course::workspace::Workspace;

    #[test]
    fn a_form_of_rust_s_is_no_word() {
        for message in [
            "Some((3221213183, 222))",
            "Ok(3735928559)",
            "Ok, with 3 frames",
            "Err(NotAllocated)",
            "free_run(FrameRange(0x10..0x20)) to succeed",
            "HeapSummary { bytes: 4096, used_blocks: 3 }",
            "\"no\"",
            "start + 0,, and more",
            "start + 0, , and more",
            "the break at 3221213183",
        ] {
            assert!(not_in_words(message).is_some(), "{message}");
        }
    }

    #[test]
    fn words_are() {
        for message in [
            "the error NotMapped (the page is not mapped)",
            "free_run(frames 0x10 to 0x1f) to succeed",
            "free(frame 0x12), for the second time,",
            "3 pages from 0x1000_0000",
            "sbrk(-2147483648) to be refused",
            "a block of 4294967295 bytes",
            "what `hello` prints: \"Hello\"",
            "Some of the frames",
            "nothing",
            "CR0.WP (Intel SDM)",
        ] {
            assert_eq!(not_in_words(message), None, "{message}");
        }
    }

    /// A report says 'write step 4: …', far from the comment above the function.
    #[test]
    fn a_step_says_what_to_do() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let course = Workspace::open(root).unwrap();
        let mut steps = 0;
        for (lab, file) in course.labs.iter().flat_map(|lab| lab.toml.files.iter().map(move |file| (lab, file))) {
            for rest in read(&lab.folder.join(file)).unwrap().split("todo!(\"").skip(1) {
                let step = rest.split('"').next().unwrap();
                steps += 1;
                let refers = words(step).any(|(word, _)| word == "this");

                assert!(step.starts_with("step ") && !step.contains('?') && !refers, "{}/{file}: {step}", lab.id);
            }
        }
        assert!(steps > 100, "{steps} steps");
    }

    /// Whether a line asks for `Debug`: `{:?}`, `{answer:x?}`, `{:#?}`.
    fn is_debug(line: &str) -> bool {
        line.split('{').skip(1).filter_map(|rest| rest.split_once('}')).any(|(inside, _)| inside.ends_with('?'))
    }

    /// What no mistake brings out is held to it, too. The harness tests the kernel itself, and no student sees it.
    #[test]
    fn no_message_of_the_kernel_is_made_by_debug() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut wrong = Vec::new();
        for crate_of_it in ["core", "system", "checks", "user"] {
            for (name, text) in read_all(&root.join("kernel").join(crate_of_it).join("src")).unwrap() {
                // Words have the names of errors. Programs print their own values, and what their tests compare has words.
                let left_out =
                    name.starts_with("harness") || name == "words.rs" || crate_of_it == "user" && name != "test.rs";
                let lines = (1..).zip(text.lines()).filter(|(_, line)| !left_out && is_debug(line));
                wrong.extend(lines.map(|(number, line)| format!("{crate_of_it}/src/{name}:{number}: {}", line.trim())));
            }
        }
        assert_eq!(wrong, [""; 0]);
    }
}
