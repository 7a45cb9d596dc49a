//! The kernel's reports over the serial port, as grader/WIRE.md describes them.
//!
//! The bytes come from a machine on which a student's code ran in ring 0, so
//! they may contain anything. Reading never fails and never panics: lines that
//! break the protocol are kept as such, and [`verdict`](super::verdict) judges
//! them.

use crate::machine::claim::{Checkpoint, Claim};

use super::findings::{Crash, Exception, Findings, PageWalk, Panic};

/// Lines longer than this are cut.
const LONGEST_LINE: usize = 4096;

/// At most so many items of one sort (context, log, backtrace, …) are kept.
const MOST_ITEMS: usize = 1000;

/// The reports of one boot.
#[derive(Debug, Default)]
pub struct Transcript {
    /// How the check began. A second `begin` counts in [`begins`](Self::begins).
    pub begin: Option<Begin>,
    /// How many times the kernel said `begin`.
    pub begins: usize,
    /// The result lines with the right signature.
    pub results: Vec<CheckResult>,
    /// Lines that look like a result but lack the signature.
    pub forged: Vec<String>,
    /// Whether the kernel said `end`.
    pub end: bool,
    /// The reports of the check and of the kernel.
    pub findings: Findings,
    /// How many bytes the boot sent.
    pub bytes: usize,
    /// The checkpoints at which the check stopped, with its claims.
    pub checkpoints: Vec<Checkpoint>,
    /// Claims that no checkpoint has followed yet.
    claims: Vec<Claim>,
    /// The answer to `list`: package and check.
    pub checks: Vec<(String, String)>,
}

/// `begin NAME seed=N memory_kib=N`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begin {
    /// The check that runs.
    pub name: String,
    /// The seed that it uses.
    pub seed: Option<u64>,
    /// The usable memory that the kernel found, in KiB.
    pub memory_kib: Option<u64>,
}

/// `ok 1 NAME`, `not ok 1 NAME`, or `ok 1 NAME # SKIP`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckResult {
    /// Whether the check holds, or could not run.
    pub ok: bool,
    /// Whether the check could not run on this machine.
    pub skipped: bool,
    /// The check that the result is for.
    pub name: String,
}

impl Transcript {
    /// Reads the serial port's output of the boot with this nonce. Genuine results carry `signature`.
    pub fn parse(serial: &[u8], nonce: &str, signature: &str) -> Self {
        let mut transcript = Self { bytes: serial.len(), ..Self::default() };
        for line in serial.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = &line[..line.len().min(LONGEST_LINE)];
            transcript.line(&String::from_utf8_lossy(line), nonce, signature);
        }
        transcript
    }

    fn line(&mut self, line: &str, nonce: &str, signature: &str) {
        if let Some(report) = line.strip_prefix("# folio:") {
            if let Some(report) = report.strip_prefix(nonce).and_then(|rest| rest.strip_prefix(' ')) {
                self.report(report.trim_end());
            }
        } else if let Some(text) = line.strip_prefix("# log: ") {
            push(&mut self.findings.log, text.to_owned());
        } else if let Some(result) = result_line(line) {
            match result.strip_signature(signature) {
                Some(result) => push(&mut self.results, result),
                None => push(&mut self.forged, line.to_owned()),
            }
        }
    }

    /// One of the kernel's own reports, without its prefix.
    fn report(&mut self, report: &str) {
        let (key, text) = report.split_once(' ').unwrap_or((report, ""));
        match key {
            "begin" => {
                self.begins += 1;
                self.begin.get_or_insert_with(|| begin(text));
            }
            "expected" => self.findings.expected = Some(text.to_owned()),
            "saw" => self.findings.saw = Some(text.to_owned()),
            "lacks" => self.findings.lacks = Some(text.to_owned()),
            "context" => push(&mut self.findings.context, text.to_owned()),
            "measure" => {
                if let Some(measure) = measure(text) {
                    push(&mut self.findings.measures, measure);
                }
            }
            "check" => {
                if let Some((package, name)) = text.split_once(' ') {
                    push(&mut self.checks, (package.to_owned(), name.to_owned()));
                }
            }
            "claim" => {
                if let Some(claim) = Claim::parse(text) {
                    push(&mut self.claims, claim);
                }
            }
            "checkpoint" => {
                let claims = std::mem::take(&mut self.claims);
                push(&mut self.checkpoints, Checkpoint { name: text.to_owned(), claims });
            }
            "end" => self.end = true,
            _ => self.crash_report(key, text),
        }
    }

    /// A line about how the kernel crashed.
    fn crash_report(&mut self, key: &str, text: &str) {
        match key {
            // A crash inside the report of a crash must not replace the first.
            "crash" if self.findings.crash.is_none() => {
                self.findings.crash = Some(Crash { kind: text.to_owned(), ..Crash::default() });
            }
            "panic" => self.crash().panic = panic(text),
            "exception" => self.crash().exception = exception(text),
            "cr2" => {
                let address = number(text);
                if let Some(exception) = &mut self.crash().exception {
                    exception.cr2 = address;
                }
            }
            "walk" => {
                let walk = walk(text);
                if let Some(exception) = &mut self.crash().exception {
                    exception.walk = walk;
                }
            }
            "registers" => {
                self.crash().registers = text
                    .split_ascii_whitespace()
                    .filter_map(|word| word.split_once('='))
                    .filter_map(|(name, value)| Some((name.to_owned(), number(value)?)))
                    .take(MOST_ITEMS)
                    .collect();
            }
            "backtrace" => {
                self.crash().backtrace = text.split_ascii_whitespace().map_while(number).take(MOST_ITEMS).collect();
            }
            _ => {}
        }
    }

    fn crash(&mut self) -> &mut Crash {
        self.findings.crash.get_or_insert_default()
    }
}

/// Keeps an item unless there are too many already.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() < MOST_ITEMS {
        items.push(item);
    }
}

/// A line that looks like a result.
struct ResultLine<'a> {
    ok: bool,
    rest: &'a str,
}

/// `ok …` or `not ok …`, as any reader of TAP would take it.
fn result_line(line: &str) -> Option<ResultLine<'_>> {
    let (ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    (rest.is_empty() || rest.starts_with(' ')).then_some(ResultLine { ok, rest })
}

impl ResultLine<'_> {
    /// The result, if the line is exactly `ok 1 NAME # folio:NONCE`, perhaps with ` # SKIP`
    /// behind the name.
    fn strip_signature(&self, signature: &str) -> Option<CheckResult> {
        let (rest, tail) = self.rest.trim_end().rsplit_once(" # folio:")?;
        if signature.is_empty() || tail != signature {
            return None;
        }
        let name = rest.strip_prefix(" 1 ")?;
        let (name, skipped) = match name.strip_suffix(" # SKIP") {
            Some(name) if self.ok => (name, true),
            _ => (name, false),
        };
        Some(CheckResult { ok: self.ok, skipped, name: name.to_owned() })
    }
}

fn begin(text: &str) -> Begin {
    let mut words = text.split_ascii_whitespace();
    let mut begin = Begin { name: words.next().unwrap_or_default().to_owned(), seed: None, memory_kib: None };
    for word in words {
        match word.split_once('=') {
            Some(("seed", value)) => begin.seed = value.parse().ok(),
            Some(("memory_kib", value)) => begin.memory_kib = value.parse().ok(),
            _ => {}
        }
    }
    begin
}

/// `KEY VALUE UNIT`.
fn measure(text: &str) -> Option<(String, u64, String)> {
    let mut words = text.splitn(3, ' ');
    let (key, value) = (words.next()?, words.next()?);
    Some((key.to_owned(), value.parse().ok()?, words.next().unwrap_or_default().to_owned()))
}

/// `FILE:LINE:COLUMN MESSAGE`.
fn panic(text: &str) -> Option<Panic> {
    // The file's name may have spaces; the place ends at the first one that follows two numbers.
    let ends = text.match_indices(' ').map(|(at, _)| at).chain([text.len()]);
    for end in ends {
        let mut parts = text[..end].rsplitn(3, ':');
        if let (Some(column), Some(line), Some(file)) = (parts.next(), parts.next(), parts.next())
            && let (Ok(column), Ok(line)) = (column.parse(), line.parse())
        {
            let message = text.get(end + 1..).unwrap_or_default().replace("\\n", "\n");
            return Some(Panic { file: file.to_owned(), line, column, message });
        }
    }
    None
}

/// `VECTOR ERROR_CODE NAME`.
fn exception(text: &str) -> Option<Exception> {
    let mut words = text.splitn(3, ' ');
    Some(Exception {
        vector: u8::try_from(number(words.next()?)?).ok()?,
        error_code: number(words.next()?)?,
        name: words.next().unwrap_or_default().to_owned(),
        cr2: None,
        walk: None,
    })
}

/// `CR3 DIRECTORY_ENTRY [TABLE_ENTRY]`.
fn walk(text: &str) -> Option<PageWalk> {
    let mut words = text.split_ascii_whitespace();
    let (cr3, directory_entry) = (number(words.next()?)?, number(words.next()?)?);
    Some(PageWalk { cr3, directory_entry, table_entry: words.next().and_then(number) })
}

/// `0x1F` or `31`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef";

    fn parse(text: &str) -> Transcript {
        Transcript::parse(text.replace("NONCE", NONCE).as_bytes(), NONCE, NONCE)
    }

    #[test]
    fn a_passing_check_is_read() {
        let transcript = parse(
            "KTAP version 1\n1..1\n# folio:NONCE begin never-twice seed=7 memory_kib=65024\n# log: hello\n\
             # folio:NONCE measure allocate 73 instructions\nok 1 never-twice # folio:NONCE\n# folio:NONCE end\n",
        );
        let begin = Begin { name: "never-twice".into(), seed: Some(7), memory_kib: Some(65024) };
        assert_eq!(transcript.begin, Some(begin));
        assert_eq!(transcript.results, [CheckResult { ok: true, skipped: false, name: "never-twice".into() }]);
        assert_eq!(transcript.findings.measures, [("allocate".into(), 73, "instructions".into())]);
        assert_eq!(transcript.findings.log, ["hello"]);
        assert!(transcript.end && transcript.forged.is_empty() && transcript.findings.crash.is_none());
    }

    #[test]
    fn a_failing_check_says_what_it_expected() {
        let transcript = parse(
            "# folio:NONCE begin x seed=0 memory_kib=1\r\n# folio:NONCE expected a: b\r\n# folio:NONCE saw c\r\n\
             # folio:NONCE context d\r\n# folio:NONCE context e\r\nnot ok 1 x # folio:NONCE\r\n# folio:NONCE end\r\n",
        );
        assert_eq!(transcript.findings.expected.as_deref(), Some("a: b"));
        assert_eq!(transcript.findings.saw.as_deref(), Some("c"));
        assert_eq!(transcript.findings.context, ["d", "e"]);
        assert_eq!(transcript.results, [CheckResult { ok: false, skipped: false, name: "x".into() }]);
    }

    #[test]
    fn a_check_that_could_not_be_made_says_what_is_missing() {
        let transcript = parse(
            "# folio:NONCE begin x seed=0 memory_kib=1\n# folio:NONCE lacks SMEP\nok 1 x # SKIP # folio:NONCE\n\
             not ok 1 x # SKIP # folio:NONCE\nok 1 x # SKIP\n",
        );
        assert_eq!(transcript.findings.lacks.as_deref(), Some("SMEP"));
        assert_eq!(transcript.results[0], CheckResult { ok: true, skipped: true, name: "x".into() });
        assert!(!transcript.results[1].skipped && transcript.results[1].name != "x");
        assert_eq!(transcript.forged.len(), 1);
    }

    #[test]
    fn a_crash_is_read() {
        let transcript = parse(
            "# folio:NONCE crash exception\n# folio:NONCE exception 0x0e 0x2 page fault\n# folio:NONCE cr2 0x4\n\
             # folio:NONCE walk 0x1f2000 0x123067 0x0\n# folio:NONCE registers eip=0xc0101234 esp=0xc0200000\n\
             # folio:NONCE backtrace 0xc0101234 0xc0105678\n# folio:NONCE end\n",
        );
        let crash = transcript.findings.crash.unwrap();
        assert_eq!(crash.kind, "exception");
        let exception = crash.exception.unwrap();
        assert_eq!((exception.vector, exception.error_code, exception.cr2), (14, 2, Some(4)));
        assert_eq!(exception.name, "page fault");
        let walk = PageWalk { cr3: 0x001F_2000, directory_entry: 0x0012_3067, table_entry: Some(0) };
        assert_eq!(exception.walk, Some(walk));
        assert_eq!(crash.registers, [("eip".into(), 0xC010_1234), ("esp".into(), 0xC020_0000)]);
        assert_eq!(crash.backtrace, [0xC010_1234, 0xC010_5678]);
    }

    #[test]
    fn a_panic_is_read_whatever_its_message() {
        let transcript = parse("# folio:NONCE crash panic\n# folio:NONCE panic labs/a b/x.rs:3:15 at 1:2:3\\nnext\n");
        let panic = transcript.findings.crash.unwrap().panic.unwrap();
        assert_eq!((panic.file.as_str(), panic.line, panic.column), ("labs/a b/x.rs", 3, 15));
        assert_eq!(panic.message, "at 1:2:3\nnext");
    }

    #[test]
    fn what_does_not_carry_the_nonce_is_no_report() {
        let transcript = parse(
            "# folio:0000000000000000 begin x\n# folio: end\n# folio:NONCEend\n # folio:NONCE end\n\
             ok 1 x\nnot ok 2 y # folio:ffff\nok\nok 1 x # folio:NONCEf\nok 2 x # folio:NONCE\nokay\nnot okay\n",
        );
        assert_eq!(transcript.begin, None);
        assert!(!transcript.end && transcript.results.is_empty());
        assert_eq!(transcript.forged.len(), 5);
    }

    #[test]
    fn what_is_logged_is_never_a_result() {
        let transcript = parse("# log: ok 1 x # folio:NONCE\n# log: # folio:NONCE end\n");
        assert!(transcript.results.is_empty() && transcript.forged.is_empty() && !transcript.end);
        assert_eq!(transcript.findings.log.len(), 2);
    }

    #[test]
    fn a_list_is_read() {
        let transcript = parse("# folio:NONCE check pmm never-twice\n# folio:NONCE end\n");
        assert_eq!(transcript.checks, [("pmm".into(), "never-twice".into())]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut text = format!("# folio:{NONCE} saw ");
        text.push_str(&"é".repeat(1 << 20));
        assert!(parse(&text).findings.saw.unwrap().len() <= LONGEST_LINE + 3);
    }

    /// Pieces that the protocol is made of, so that random texts get far into the reader.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            proptest::sample::select(vec![
                "# folio:",
                "0123456789abcdef",
                " ",
                "\n",
                "\r\n",
                "ok 1 ",
                "not ok 1 ",
                "begin",
                "end",
                "crash",
                "panic",
                "a.rs:1:2",
                "exception",
                "0xe",
                "0x",
                "cr2",
                "walk",
                "registers",
                "eip=0x1",
                "=",
                "backtrace",
                "measure",
                "check",
                "99999999999999999999",
                "-1",
                "# log: ",
                "\0",
                "é",
                ":",
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn no_input_is_too_strange(pieces in proptest::collection::vec(piece(), 0..60)) {
            let bytes = pieces.concat();
            let transcript = Transcript::parse(&bytes, NONCE, NONCE);
            prop_assert!(transcript.results.len() + transcript.forged.len() <= bytes.len());
        }

        #[test]
        fn a_result_needs_the_nonce(text in "[ -~\n]{0,200}", nonce in "[0-9a-f]{16}") {
            prop_assume!(!text.contains(&nonce));
            let transcript = Transcript::parse(text.as_bytes(), &nonce, &nonce);
            prop_assert!(transcript.results.is_empty() && transcript.begin.is_none() && !transcript.end);
        }
    }
}
