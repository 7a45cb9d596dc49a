//! The verdict on a boot, from its transcript and its machine's end.
//!
//! This is a pure function: the same transcript and the same end give the same verdict.

use crate::host::exit::{
    CHECK_HOLDS, CHECK_HOLDS_BY_PANIC, CHECK_NOT_AVAILABLE, EMULATOR_LEFT, EMULATOR_NOT_STARTED, GUEST_CRASH,
    GUEST_NOT_OK, GUEST_OK,
};
use crate::host::style::printable;
use crate::machine::{Conclusion, End};

use super::findings::Crash;
use super::status::Status;
use super::wire::Transcript;

/// A check that ends prints less than this, in bytes.
const MUCH_OUTPUT: usize = 32 << 10;

/// The verdict of one boot on a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// How the check ended.
    pub status: Status,
    /// The same in a sentence.
    pub message: String,
}

/// A failure of the harness itself, not of the student's code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// What happened.
    pub what: String,
    /// What the user can do.
    pub advice: &'static str,
    /// Whether another try may go better.
    pub again: bool,
}

/// Judges a boot of `check`, whose budget was `budget` million instructions.
///
/// # Errors
/// [`Trouble`] if the machine never got as far as the check.
pub fn judge(check: &str, transcript: &Transcript, end: &End, budget: u32) -> Result<Verdict, Trouble> {
    let begun = transcript.begin.as_ref().is_some_and(|begin| begin.name == check);
    if let End::Signal(signal) = end {
        return Err(Trouble {
            what: format!("the emulator was killed by signal {signal}"),
            advice: "if this host is short of memory, `--jobs 1` needs less",
            again: true,
        });
    }
    if !begun {
        return Err(never_began(check, transcript, end));
    }
    if let Some(message) = tampering(check, transcript, end) {
        return Ok(Verdict { status: Status::Tampered, message });
    }
    let (status, message) = match end {
        End::Exited(GUEST_OK) if transcript.results.iter().any(|result| result.skipped) => {
            let lacks = transcript.findings.lacks.as_deref().unwrap_or("what it takes");
            (Status::NotAvailable, format!("not available here: this machine lacks {lacks}"))
        }
        End::Exited(GUEST_OK) => (Status::Passed, "passed".to_owned()),
        End::Exited(GUEST_NOT_OK) => (Status::Failed, failure(transcript)),
        End::Exited(_) => match &transcript.findings.crash {
            Some(crash) => crashed(crash),
            // `tampering` has seen to it that there is one.
            None => (Status::Crashed, "crashed".to_owned()),
        },
        End::Endless(length) => (Status::Hung, endless(*length)),
        End::TripleFault => {
            (Status::Crashed, "triple fault: the processor could not even call the handler of a fault".to_owned())
        }
        End::Watchdog => (
            Status::Hung,
            if transcript.bytes > MUCH_OUTPUT {
                format!("printed {} KiB and did not end within {budget} million instructions", transcript.bytes >> 10)
            } else {
                format!("did not end within {budget} million instructions: an endless loop, or far too slow")
            },
        ),
        // The watchdog counts instructions; where they are this slow it may never get there.
        End::ProcessorTime => (
            Status::Hung,
            format!(
                "did not end: it used far more processor time than {budget} million instructions take, as an endless \
                 loop around `spin_loop()` does"
            ),
        ),
        End::Idle => (Status::Hung, "stopped the processor for ever".to_owned()),
        End::Output => (Status::Hung, "printed without end: the output was cut and the machine stopped".to_owned()),
        End::Reset | End::PoweredOff | End::Signal(_) => (Status::Tampered, "ended early".to_owned()),
    };
    Ok(Verdict { status, message })
}

/// Why a verdict that costs no points is not confirmed by the inspection of the machine at the
/// end of the check; `None` if it is confirmed.
///
/// `panics`: whether the check passes with a panic.
pub fn unproved(status: Status, panics: bool, conclusion: Option<&Conclusion>) -> Option<String> {
    let expected = match status {
        Status::Passed if panics => CHECK_HOLDS_BY_PANIC,
        Status::Passed => CHECK_HOLDS,
        Status::NotAvailable => CHECK_NOT_AVAILABLE,
        _ => return None,
    };
    let Some(Conclusion { says, .. }) = conclusion else {
        return Some("a result was printed, but the check did not come to its end".to_owned());
    };
    (*says != expected).then(|| "the check's end does not fit its result".to_owned())
}

/// The index of the verdict that counts for the check, given one for each boot: the first of the worst.
///
/// `None` if there was no boot.
pub fn worst(verdicts: &[Verdict]) -> Option<usize> {
    let worst = verdicts.iter().map(|verdict| verdict.status).max()?;
    verdicts.iter().position(|verdict| verdict.status == worst)
}

/// The message of a panic that `todo!()` makes.
pub fn is_todo(message: &str) -> bool {
    message == "not yet implemented" || message.starts_with("not yet implemented: ")
}

fn never_began(check: &str, transcript: &Transcript, end: &End) -> Trouble {
    let what = match (&transcript.begin, &transcript.findings.crash, end) {
        (Some(begin), ..) => format!("the kernel ran the check `{}` in place of `{check}`", begin.name),
        (None, Some(crash), _) => {
            let (_, message) = crashed(crash);
            format!("the kernel crashed before the check `{check}` began: {message}")
        }
        (None, None, End::Exited(status)) => {
            format!("the kernel ended before the check `{check}` began (exit status {status})")
        }
        (None, None, end) => format!("the kernel never began the check `{check}` ({})", words(end)),
    };
    let advice = "this is not your code's fault: `cargo grade doctor` shows the tools in use";
    Trouble { what, advice, again: matches!(end, End::Exited(EMULATOR_LEFT | EMULATOR_NOT_STARTED)) }
}

/// An end, for a message about the harness.
fn words(end: &End) -> &'static str {
    match end {
        End::Exited(_) => "it ended",
        End::Watchdog => "the watchdog fired",
        End::Endless(_) => "it loops for ever",
        End::TripleFault => "triple fault",
        End::Reset => "it reset itself",
        End::PoweredOff => "it switched itself off",
        End::ProcessorTime => "it used up its processor time",
        End::Idle => "it stopped",
        End::Output => "it printed without end",
        End::Signal(_) => "it was killed",
    }
}

/// The contradiction in a boot's reports, if there is one.
fn tampering(check: &str, transcript: &Transcript, end: &End) -> Option<String> {
    if let Some(line) = transcript.forged.first() {
        let line = printable(&line.chars().take(80).collect::<String>());
        return Some(format!("something other than the check printed a result: `{line}`"));
    }
    if transcript.begins > 1 {
        return Some("something other than the kernel said that the check began".to_owned());
    }
    if let Some(result) = transcript.results.iter().find(|result| result.name != check) {
        return Some(format!("a result for another check, `{}`, was printed", result.name));
    }
    if transcript.results.len() > 1 {
        return Some(format!("{} results were printed for one check", transcript.results.len()));
    }
    let result = transcript.results.first().map(|result| result.ok);
    let fits = match end {
        End::Exited(GUEST_OK) => result == Some(true) && transcript.end && transcript.findings.crash.is_none(),
        End::Exited(GUEST_NOT_OK) => result == Some(false) && transcript.end && transcript.findings.crash.is_none(),
        // A crash's report may be cut short if memory is in a bad state.
        End::Exited(GUEST_CRASH) => result.is_none() && transcript.findings.crash.is_some(),
        End::Exited(_) | End::Reset | End::PoweredOff => false,
        End::Watchdog
        | End::Endless(_)
        | End::TripleFault
        | End::ProcessorTime
        | End::Idle
        | End::Output
        | End::Signal(_) => result.is_none(),
    };
    if fits {
        return None;
    }
    Some(match (end, result) {
        (End::Exited(status), None) => {
            format!("the machine was ended (exit status {status}) before the check had a result")
        }
        (End::Exited(status), Some(_)) => {
            format!("the end of the machine (exit status {status}) does not fit the result")
        }
        (End::Reset, _) => "the machine was reset before the check ended".to_owned(),
        (End::PoweredOff, _) => "the machine was switched off before the check ended".to_owned(),
        (_, _) => "a result was printed, but the check did not come to its end".to_owned(),
    })
}

/// A machine that is in the same state after every so many instructions.
fn endless(length: usize) -> String {
    let every = if length == 1 { "each instruction".to_owned() } else { format!("every {length} instructions") };
    format!("loops for ever: after {every}, all registers and all memory are the same again")
}

fn failure(transcript: &Transcript) -> String {
    match (&transcript.findings.expected, &transcript.findings.saw) {
        (Some(expected), Some(saw)) => format!("expected {expected}, saw {saw}"),
        (Some(expected), None) => format!("expected {expected}"),
        (None, Some(saw)) => format!("saw {saw}"),
        (None, None) => "does not hold".to_owned(),
    }
}

/// A crash that the kernel reported.
fn crashed(crash: &Crash) -> (Status, String) {
    if let Some(panic) = &crash.panic {
        let place = format!("{}:{}", panic.file, panic.line);
        let message = panic.message.lines().next().unwrap_or_default();
        return if is_todo(&panic.message) {
            let step = panic.message.lines().next().unwrap_or_default().split_once(": ").map_or("", |(_, step)| step);
            let step = if step.is_empty() { String::new() } else { format!(", {step}") };
            (Status::NotStarted, format!("not started: reached `todo!()` at {place}{step}"))
        } else {
            (Status::Panicked, format!("panicked at {place}: {message}"))
        };
    }
    let message = match (&crash.exception, crash.kind.as_str()) {
        (_, "stack-overflow") => "stack overflow: the kernel's stack is used up".to_owned(),
        (Some(exception), _) => match exception.cr2 {
            Some(address) => {
                let access = if exception.error_code & 2 == 0 { "reading" } else { "writing" };
                format!("{} {access} address {address:#010x}", exception.name)
            }
            None => exception.name.clone(),
        },
        (None, "panic") => return (Status::Panicked, "panicked".to_owned()),
        (None, kind) => kind.to_owned(),
    };
    (Status::Crashed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "0123456789abcdef";

    fn transcript(lines: &str) -> Transcript {
        let text = format!("N begin x seed=1 memory_kib=1\n{lines}").replace("N ", &format!("# folio:{NONCE} "));
        Transcript::parse(text.replace("NONCE", NONCE).as_bytes(), NONCE, NONCE)
    }

    fn status(lines: &str, end: End) -> Status {
        judge("x", &transcript(lines), &end, 500).unwrap().status
    }

    const OK: &str = "ok 1 x # folio:NONCE\nN end\n";
    const NOT_OK: &str = "N expected a\nN saw b\nnot ok 1 x # folio:NONCE\nN end\n";

    #[test]
    fn a_result_and_the_end_that_fits_it() {
        assert_eq!(status(OK, End::Exited(GUEST_OK)), Status::Passed);
        let failed = judge("x", &transcript(NOT_OK), &End::Exited(GUEST_NOT_OK), 500).unwrap();
        assert_eq!(failed, Verdict { status: Status::Failed, message: "expected a, saw b".into() });
    }

    #[test]
    fn what_the_machine_lacks_is_no_failure() {
        let lines = "N lacks SMEP\nok 1 x # SKIP # folio:NONCE\nN end\n";
        let verdict = judge("x", &transcript(lines), &End::Exited(GUEST_OK), 500).unwrap();
        let message = "not available here: this machine lacks SMEP".to_owned();
        assert_eq!(verdict, Verdict { status: Status::NotAvailable, message });
        assert_eq!(status(lines, End::Exited(GUEST_NOT_OK)), Status::Tampered);
        assert!(Status::Passed < Status::NotAvailable && Status::NotAvailable < Status::NotStarted);
    }

    #[test]
    fn an_end_that_does_not_fit_is_tampering() {
        for (lines, end) in [
            (OK, End::Exited(GUEST_NOT_OK)),
            (OK, End::Exited(GUEST_CRASH)),
            (OK, End::Exited(0)),
            (OK, End::Watchdog),
            (OK, End::TripleFault),
            (NOT_OK, End::Exited(GUEST_OK)),
            ("", End::Exited(GUEST_OK)),
            ("", End::Exited(GUEST_NOT_OK)),
            ("", End::Exited(GUEST_CRASH)),
            ("", End::Exited(1)),
            ("", End::Reset),
            ("", End::PoweredOff),
            ("ok 1 x # folio:NONCE\n", End::Exited(GUEST_OK)),
            ("ok 1 x\nN end\n", End::Exited(GUEST_OK)),
            ("ok 1 y # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
            ("ok 1 x # folio:NONCE\nok 1 x # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
            ("not ok 1 x # folio:NONCE\nok 1 x # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
            ("ok 1 x\nok 1 x # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
            ("N begin x seed=1 memory_kib=1\nok 1 x # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
            ("N crash panic\nok 1 x # folio:NONCE\nN end\n", End::Exited(GUEST_OK)),
        ] {
            assert_eq!(status(lines, end.clone()), Status::Tampered, "{lines:?} {end:?}");
        }
    }

    #[test]
    fn a_panic_is_told_from_a_todo() {
        let todo = "N crash panic\nN panic labs/01-pmm/src/bitmap.rs:9:5 not yet implemented\nN end\n";
        assert_eq!(status(todo, End::Exited(GUEST_CRASH)), Status::NotStarted);
        let unimplemented = todo.replace("yet ", "");
        assert_eq!(status(&unimplemented, End::Exited(GUEST_CRASH)), Status::Panicked);
        assert!(is_todo("not yet implemented: runs") && !is_todo("not yet implemented!"));
    }

    #[test]
    fn crashes_and_hangs() {
        let fault = "N crash exception\nN exception 0xe 0x2 page fault\nN cr2 0x4\nN end\n";
        let verdict = judge("x", &transcript(fault), &End::Exited(GUEST_CRASH), 500).unwrap();
        assert_eq!(verdict.message, "page fault writing address 0x00000004");
        assert_eq!(verdict.status, Status::Crashed);
        assert_eq!(status("", End::TripleFault), Status::Crashed);
        for end in [End::Watchdog, End::ProcessorTime, End::Idle, End::Output] {
            assert_eq!(status("", end), Status::Hung);
        }
    }

    #[test]
    fn a_kernel_that_never_begins_is_the_harness_s_trouble() {
        let silent = Transcript::default();
        assert!(judge("x", &silent, &End::Exited(GUEST_OK), 500).is_err());
        assert!(judge("x", &silent, &End::Exited(1), 500).unwrap_err().again);
        assert!(judge("y", &transcript(OK), &End::Exited(GUEST_OK), 500).is_err());
        assert!(judge("x", &transcript(OK), &End::Signal(9), 500).is_err());
    }

    #[test]
    fn of_several_boots_the_worst_counts() {
        let verdict = |status| Verdict { status, message: String::new() };
        let verdicts = [verdict(Status::Passed), verdict(Status::Hung), verdict(Status::Failed), verdict(Status::Hung)];
        assert_eq!(worst(&verdicts), Some(1));
        assert_eq!(worst(&[]), None);
    }
}
