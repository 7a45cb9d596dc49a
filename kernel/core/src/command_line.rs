//! The kernel's command line: words that the bootloader passes on.

use core::fmt;
use core::str;

/// The sign of a genuine report: 16 hexadecimal digits that the grader chooses anew for every boot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// The nonce of a boot that is not graded.
    pub(crate) const NONE: Self = Self([b'-'; 16]);

    /// The nonce with these digits, or `None` if they are not 16 hexadecimal ones.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let digits: [u8; 16] = digits.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(Self(digits))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They are ASCII, so this never falls back.
        f.write_str(str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// The kernel's task after booting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task<'a> {
    /// Be an operating system.
    Run,
    /// Print the names of all checks.
    List,
    /// Run the check with this name.
    Check(&'a str),
}

/// The command line's meaning.
#[derive(Clone, Copy)]
pub struct CommandLine<'a> {
    /// `check=NAME`, `list`, or neither.
    pub task: Task<'a>,
    /// `run=NAME,ARGUMENT,…`: the program to run in the place of the shell, and its arguments.
    pub program: Option<&'a str>,
    /// `nonce=HEX`: signs the reports of this boot.
    pub nonce: Nonce,
    /// `seed=N`: where the check's random numbers begin.
    pub seed: u64,
    /// `budget=N`: million instructions that a check may take.
    pub budget: u32,
    /// `look`: stop before the end, so that the host can look at the machine.
    pub look: bool,
    /// `ask`: stop at a check's end, and read from the serial port the word that its result has to
    /// carry.
    pub ask: bool,
    /// `wait`: stop, and read more words from the serial port before anything else is done.
    pub wait: bool,
}

/// The seed of a boot without `seed=`.
const DEFAULT_SEED: u64 = 1;
/// The budget of a check without `budget=`, in million instructions.
const DEFAULT_BUDGET: u32 = 500;

impl<'a> CommandLine<'a> {
    /// The meaning of an empty command line.
    const EMPTY: Self = Self {
        task: Task::Run,
        program: None,
        nonce: Nonce::NONE,
        seed: DEFAULT_SEED,
        budget: DEFAULT_BUDGET,
        look: false,
        ask: false,
        wait: false,
    };

    /// Reads the words of `text`. Skips unknown words, values that cannot be read, and the kernel's
    /// own path, which bootloaders put first.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let mut line = Self::EMPTY;
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                // Of the words, only a program's arguments may have a slash in them.
                Some(("run", program)) => line.program = Some(program),
                // A folder's name may have spaces in it: the words before this one are part of the
                // path, too.
                _ if word.contains('/') => line = Self::EMPTY,
                None if word == "list" => line.task = Task::List,
                None if word == "look" => line.look = true,
                None if word == "ask" => line.ask = true,
                None if word == "wait" => line.wait = true,
                Some(("check", name)) => line.task = Task::Check(name),
                Some(("nonce", digits)) => line.nonce = Nonce::parse(digits).unwrap_or(line.nonce),
                Some(("seed", number)) => line.seed = number.parse().unwrap_or(line.seed),
                Some(("budget", number)) => line.budget = number.parse().unwrap_or(line.budget),
                _ => {}
            }
        }
        line
    }
}
