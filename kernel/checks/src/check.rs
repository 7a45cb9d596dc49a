//! How a check runs, and what it receives.
//!
//! A check is a function that takes a [`Context`] and returns `Ok(())`, or
//! the [`Failed`] that [`fail!`](crate::fail) and [`ensure!`](crate::ensure)
//! make once they have reported what was expected and what was seen. Nothing
//! here allocates: texts are formatted straight to the serial port.

use core::fmt;

use kernel_core::labs::{Frames, Labs};
use kernel_core::machine::Machine;
use kernel_core::machine_end::{End, end, stop_to_be_looked_at};
use kernel_core::memory::boot_box::BootBox;
use kernel_core::memory::lender::Lender;
use kernel_core::memory::paged::PagedMachine;
use kernel_core::memory::{reach, scratch};
use kernel_core::protection::{self, SectionRights};
use kernel_core::rng::Rng;
use kernel_core::{circumstances, conclusion, expect_panic, report, watchdog};
use kernel_system::memory::{self, StartError};
use mm_api::layout::PAGE_SIZE;
use mm_api::{Frame, FrameRange, MemoryMap, Translation, VirtAddr};
use spin::Once;

use crate::arena::Arena;

/// One check, as the kernel knows it. Its points, texts and limits are in the
/// lab's `lab.toml`.
pub struct Check {
    /// The lab's cargo package, such as `pmm`.
    pub lab: &'static str,
    /// The check's name, unique in the whole course: `[a-z0-9-]`.
    pub name: &'static str,
    /// The function that makes the check.
    pub run: fn(&mut Context) -> Outcome,
}

/// How a check ended: it passed, or failed and has reported why, or could not be made.
pub type Outcome = Result<(), Failed>;

/// Proof that a failure was reported. Only [`fail!`](crate::fail) and
/// [`ensure!`](crate::ensure) make one, so a failed check has always said what
/// it expected and what it saw.
#[derive(Debug)]
#[must_use = "a failure that was reported has to be returned"]
pub struct Failed(Cause);

/// Why a check did not pass.
#[derive(Debug)]
enum Cause {
    /// A rule does not hold.
    Rule,
    /// The machine lacks something that the check needs.
    Machine(&'static str),
}

impl Failed {
    /// Ends a check that cannot be made on this machine, which lacks `what`. That is
    /// no failure, and costs no points.
    pub fn lacking(what: &'static str) -> Self {
        Self(Cause::Machine(what))
    }

    /// Reports a failure. Use [`fail!`](crate::fail) instead of calling this.
    #[doc(hidden)]
    #[cold]
    #[inline(never)]
    pub fn report(expected: fmt::Arguments<'_>, saw: fmt::Arguments<'_>) -> Self {
        report::line("expected", expected);
        report::line("saw", saw);
        circumstances::tell();
        Self(Cause::Rule)
    }
}

/// Ends a check: `fail!(expected: ("a free frame"), saw: ("{}", told(&answer)))`.
///
/// Each side is what `format!` takes. It returns `Err(Failed)` from the function
/// around it, which must return [`Outcome`] or another `Result<_, Failed>`.
#[macro_export]
macro_rules! fail {
    (expected: ($($expected:tt)*), saw: ($($saw:tt)*) $(,)?) => {
        return ::core::result::Result::Err($crate::check::Failed::report(
            ::core::format_args!($($expected)*),
            ::core::format_args!($($saw)*),
        ))
    };
}

/// Ends a check unless a condition holds:
/// `ensure!(count == 3, expected: ("3 free frames"), saw: ("{count}"))`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, expected: ($($expected:tt)*), saw: ($($saw:tt)*) $(,)?) => {
        if !$condition {
            $crate::fail!(expected: ($($expected)*), saw: ($($saw)*));
        }
    };
}

/// What a check receives: the machine that it runs on, random numbers that depend
/// on the seed alone, and ways to report more than `ok`.
pub struct Context {
    machine: &'static Machine,
    labs: &'static Labs,
    lender: Lender<'static>,
    seed: u64,
    rng: Rng,
}

impl Context {
    /// The context of the one check that this boot runs.
    fn new(machine: &'static Machine, labs: &'static Labs, lender: Lender<'static>, seed: u64) -> Self {
        Self { machine, labs, lender, seed, rng: Rng::new(seed) }
    }

    /// The labs' components.
    #[must_use]
    pub fn labs(&self) -> &'static Labs {
        self.labs
    }

    /// The seed of this boot: `seed=` on the command line.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Random numbers, drawn from [`seed`](Self::seed).
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The memory map of the machine, as the bootloader gave it, and what is
    /// reserved in it: the kernel's image, boot data, modules, the PC's own
    /// areas in the first MiB, and the memory that [`scratch`](Self::scratch)
    /// hands out.
    #[must_use]
    pub fn machine_map(&self) -> MemoryMap<'static> {
        self.machine.map()
    }

    /// The machine that the check runs on. Its lender is the
    /// [`machine_lender`](Self::machine_lender).
    #[must_use]
    pub fn machine(&self) -> &'static Machine {
        self.machine
    }

    /// Lends the machine's own memory. There is one such lender per boot, and it takes
    /// nothing back.
    pub fn machine_lender(&mut self) -> &mut Lender<'static> {
        &mut self.lender
    }

    /// A lender for an invented memory map. It answers as if the machine had that
    /// map, and lends scratch memory in place of the frames asked for.
    ///
    /// `reachable` is the range that it claims the kernel can reach.
    ///
    /// # Errors
    /// Fails the check if the scratch memory is used up. A lender takes 1 bit of
    /// it for every frame below the end of `reachable`.
    pub fn synthetic_lender<'m>(&mut self, map: MemoryMap<'m>, reachable: FrameRange) -> Result<Lender<'m>, Failed> {
        let bits = self.scratch(reachable.end().div_ceil(u32::BITS))?;
        Ok(Lender::synthetic(map, reachable, bits))
    }

    /// `words` words of zeroed memory that nobody else uses, for as long as the kernel
    /// runs. A machine with 64 MiB has at least 8 MiB of it, one with 16 MiB at least
    /// 2 MiB.
    ///
    /// # Errors
    /// Fails the check if too little is left.
    pub fn scratch(&mut self, words: u32) -> Result<&'static mut [u32], Failed> {
        match scratch::take(words) {
            Some(memory) => Ok(memory),
            None => no_scratch(),
        }
    }

    /// An arena of this many pages of scratch memory, for a heap to grow into.
    ///
    /// # Errors
    /// Fails the check if the scratch memory is used up.
    pub fn arena(&mut self, pages: u32) -> Result<&'static Arena, Failed> {
        // One page more, for the first one to be aligned.
        let words = self.scratch((pages + 1) * (PAGE_SIZE / 4) - 1)?;
        match BootBox::new(Arena::new(words)) {
            Some(arena) => Ok(arena.leak()),
            None => no_scratch(),
        }
    }

    /// Brings the machine's memory up: labs 01 to 03, each upon the one before. The kernel's sections
    /// have the kernel's default rights.
    ///
    /// # Errors
    /// Fails the check if one of them does not come up.
    pub fn start_memory(&mut self) -> Outcome {
        judge_start(memory::start(self.machine, self.labs, &mut self.lender, &SectionRights::KERNELS_OWN, &mut |_| {}))
    }

    /// Brings the memory up as the running system does: the kernel's sections have the rights that lab
    /// 06 gives them, and the processor enforces what lab 06 tells it to.
    ///
    /// # Errors
    /// As for [`start_memory`](Self::start_memory).
    pub fn start_protected(&mut self) -> Outcome {
        let rights = SectionRights::ask(self.labs.protections());
        judge_start(memory::start(self.machine, self.labs, &mut self.lender, &rights, &mut |_| {}))?;
        protection::enforce(self.labs.protections());
        Ok(())
    }

    /// Brings the memory up without a heap, for a check that builds its own.
    ///
    /// # Errors
    /// As for [`start_memory`](Self::start_memory).
    pub fn start_pages(&mut self) -> Outcome {
        let rights = SectionRights::KERNELS_OWN;
        judge_start(memory::start_pages(self.machine, self.labs, &mut self.lender, &rights, &mut |_| {}))
    }

    /// The machine under the page tables, over a frame allocator that was built with the machine's
    /// map and lender. Can be had once per boot.
    ///
    /// # Errors
    /// Fails the check if the scratch memory is used up.
    pub fn paged_machine(&mut self, frames: Frames) -> Result<&'static PagedMachine, Failed> {
        match PagedMachine::start(self.machine, &mut self.lender, frames, &SectionRights::KERNELS_OWN) {
            Some(machine) => Ok(machine),
            None => no_scratch(),
        }
    }

    /// Calls `work` with the 1024 words of a frame of the machine, through the
    /// direct map or, where that does not reach, a temporary mapping.
    ///
    /// Returns `None`, without calling `work`, if the frame is not usable, is reserved, or
    /// was lent by [`machine_lender`](Self::machine_lender): others use such frames.
    pub fn with_frame<R>(&mut self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> Option<R> {
        if !mm_oracle::is_usable(&self.machine.map(), frame) || self.lender.is_lent(frame) {
            return None;
        }
        // SAFETY: the frame is memory, and nobody else uses it: it is neither reserved, nor
        // lent, nor scratch memory, which is reserved.
        #[allow(unsafe_code)]
        Some(unsafe { reach::with_frame(frame, work) })
    }

    /// Claims that the loaded directory translates `address` to this. The grader, which
    /// watches from outside, compares the claim with the tables at the next
    /// [`checkpoint`](Self::checkpoint).
    pub fn claim(&self, address: VirtAddr, meaning: Option<Translation>) {
        let address = address.as_u32();
        match meaning {
            Some(Translation { address: physical, protection }) => {
                let physical = physical.as_u32();
                report::line("claim", format_args!("{address:#010x} {physical:#010x} {protection}"));
            }
            None => report::line("claim", format_args!("{address:#010x} none")),
        }
    }

    /// Stops the machine, so that the grader compares the claims since the last
    /// checkpoint with the tables in the machine's memory; then the check continues. `name`
    /// says what has just happened. If nobody watches, nothing happens.
    ///
    /// The number of a check's checkpoints is in its `lab.toml`.
    pub fn checkpoint(&self, name: &str) {
        report::line("checkpoint", format_args!("{name}"));
        stop_to_be_looked_at();
    }

    /// Reports a number that the check measured, for example
    /// `measure("instructions", 74, "per-call")`. Neither `key` nor `unit` may
    /// contain a space.
    pub fn measure(&self, key: &str, value: u64, unit: &str) {
        report::line("measure", format_args!("{key} {value} {unit}"));
    }

    /// Reports one more line about the circumstances of the steps that follow:
    /// `context.note(format_args!("after {count} frames"))`.
    pub fn note(&self, text: fmt::Arguments<'_>) {
        report::line("context", text);
    }
}

/// The name of the check that passes by a panic.
static PASSED_BY_PANIC: Once<&str> = Once::new();

/// Makes a call that has to panic, as the last step of the check with this name: the panic
/// passes the check. Fails the check if the call returns; `expected` says why it must not.
pub fn has_to_panic(name: &'static str, expected: fmt::Arguments<'_>, call: impl FnOnce()) -> Outcome {
    PASSED_BY_PANIC.call_once(|| name);
    expect_panic(Some(|| conclusion::panicked(PASSED_BY_PANIC.get().copied().unwrap_or_default())));
    call();
    expect_panic(None);
    fail!(expected: ("{expected}"), saw: ("that it returned"))
}

/// Fails the check if the memory did not come up.
fn judge_start(result: Result<(), StartError>) -> Outcome {
    match result {
        Ok(()) => Ok(()),
        Err(error) => fail!(expected: ("the machine's memory to come up"), saw: ("{error}")),
    }
}

/// Fails the check, because the scratch memory is used up.
fn no_scratch<T>() -> Result<T, Failed> {
    fail!(expected: ("scratch memory for the check"), saw: ("only {} words are left", scratch::left()))
}

/// Whether every name is made of `[a-z0-9-]` and none occurs twice, to be
/// asserted when the kernel is compiled.
#[must_use]
pub const fn names_are_sound(all: &[&[Check]]) -> bool {
    let mut lab = 0;
    while lab < all.len() {
        let mut index = 0;
        while index < all[lab].len() {
            let name = all[lab][index].name.as_bytes();
            if !is_name(name) || occurrences(all, name) != 1 {
                return false;
            }
            index += 1;
        }
        lab += 1;
    }
    true
}

/// Whether a name is made of `[a-z0-9-]`.
const fn is_name(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        if !matches!(name[index], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        index += 1;
    }
    !name.is_empty()
}

/// How many checks have this name.
const fn occurrences(all: &[&[Check]], name: &[u8]) -> u32 {
    let mut count = 0;
    let mut lab = 0;
    while lab < all.len() {
        let mut index = 0;
        while index < all[lab].len() {
            if equal(all[lab][index].name.as_bytes(), name) {
                count += 1;
            }
            index += 1;
        }
        lab += 1;
    }
    count
}

/// `==`, which traits do not offer in a `const fn`.
const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Prints every check's lab and name, and ends the machine.
pub fn list(all: &[&[Check]]) -> ! {
    for check in all.iter().copied().flatten() {
        report::line("check", format_args!("{} {}", check.lab, check.name));
    }
    report::word("end");
    end(End::Ok)
}

/// Runs the check with this name, reports how it went, and ends the machine.
pub fn run(all: &[&[Check]], name: &str, machine: &'static Machine, labs: &'static Labs) -> ! {
    report::plan();
    let Some(check) = all.iter().copied().flatten().find(|check| check.name == name) else {
        // No `begin`: this is not about a student's code.
        report::line("context", format_args!("this kernel has no check named {name}"));
        end(End::NotOk)
    };
    let line = machine.command_line();
    let kib = machine.usable_bytes() / 1024;
    let Some(lender) = machine.take_lender() else {
        report::line("context", format_args!("the machine's memory was lent to somebody else"));
        end(End::NotOk)
    };
    let mut context = Context::new(machine, labs, lender, line.seed);
    let told = circumstances::address();
    report::line("begin", format_args!("{name} seed={} memory_kib={kib} circumstances={told:#010x}", line.seed));
    watchdog::arm(line.budget);
    let outcome = (check.run)(&mut context);
    match outcome {
        Ok(()) => conclusion::returned(name, End::Ok),
        Err(Failed(Cause::Machine(lacks))) => conclusion::not_available(name, format_args!("{lacks}")),
        Err(Failed(Cause::Rule)) => conclusion::returned(name, End::NotOk),
    }
}
