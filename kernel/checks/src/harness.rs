//! Checks of the harness itself: one for each way in which a check can end.
//!
//! No lab lists them. The grader's own tests use them to provoke every verdict.

mod boot_info;
mod costs;
mod files;
mod interrupts;
mod loops;
mod protections;
mod ring_3;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};
use core::hint::black_box;

use crate::check::{Check, Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::{instructions, provoke};
use log::info;
use mm_api::layout::{FRAME_COUNT, KERNEL_HEAP_START};
use mm_api::{Frame, FrameRange, LendError, MetadataLender, Page, Space};

use crate::programs::{Ending, run_program};

/// All checks of the harness.
pub const CHECKS: &[Check] = &[
    check("harness-pass", |_| Ok(())),
    check("harness-fail", failure),
    check("harness-not-available", |_| Err(Failed::lacking("what no machine has"))),
    check("harness-panic", |_| panic!("the harness panics\non purpose")),
    check("harness-todo", |_| todo!()),
    check("harness-null-write", |_| ends(provoke::null_write)),
    check("harness-stack-overflow", |_| ends(|| info!("{}", provoke::overflow_stack(0)))),
    check("harness-divide", |_| ends(provoke::divide_by_zero)),
    check("harness-invalid-opcode", |_| ends(provoke::invalid_opcode)),
    check("harness-hang", |_| ends(provoke::hang)),
    check("harness-spin", |_| loops::spin()),
    check("harness-cycle", |_| loops::cycle()),
    check("harness-counting", |_| loops::counting()),
    check("harness-slow", |_| loops::slow()),
    check("harness-clock-wait", |_| loops::clock_wait()),
    check("harness-polling", |_| ends(provoke::ask_for_ever)),
    check("harness-halt", |_| ends(provoke::halt)),
    check("harness-triple-fault", |_| ends(provoke::triple_fault)),
    check("harness-flood", |_| flood()),
    check("harness-early-exit", |_| ends(|| provoke::exit(0x10))),
    check("harness-forged-log", forged_log),
    check("harness-forged-serial", forged_serial),
    check("harness-wrong-name", |_| ends(wrong_name)),
    check("harness-two-results", |_| ends(|| provoke::signed_result("harness-two-results"))),
    check("harness-nested-log", nested_log),
    check("harness-panic-that-logs", |_| panic!("{Talkative}")),
    check("harness-panic-in-a-panic", |_| panic!("{Panicky}")),
    check("harness-memory", memory),
    check("harness-boot-info", boot_info::run),
    check("harness-scratch", scratch),
    check("harness-lender", lender),
    check("harness-clock", clock),
    check("harness-out-of-memory", out_of_memory),
    check("harness-kernel-page", kernel_page),
    check("harness-timer", interrupts::timer),
    check("harness-ring-3", ring_3::round_trip),
    check("harness-user-copies", ring_3::copies),
    check("harness-program", program),
    check("harness-hostile-files", files::hostile),
    check("harness-kernel-stack-overflow", ring_3::kernel_stack_overflow),
    check("harness-no-kernel-stack", ring_3::no_kernel_stack),
    check("harness-write-protect", protections::write_protect),
    check("harness-smap", protections::smap),
    check("harness-costs-of-memory", costs::of_memory),
    check("harness-costs-of-processes", costs::of_processes),
];

const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "harness", name, run }
}

/// Calls a function that should not return. If it does return, the check passes.
fn ends(end: impl FnOnce()) -> Outcome {
    end();
    Ok(())
}

/// Boots the system, and runs `hello` twice. The machine has to be started with this program.
fn program(context: &mut Context) -> Outcome {
    for _ in 0..2 {
        let Ending { status, output } = run_program(context, "hello", &[])?;
        ensure!(status.code() == Some(0), expected: ("hello to end well"), saw: ("hello {status}"));
        let output = str::from_utf8(&output).unwrap_or_default();
        ensure!(output.starts_with("Hello"), expected: ("what hello says"), saw: ("{output:?}"));
    }
    Ok(())
}

fn failure(context: &mut Context) -> Outcome {
    context.note(format_args!("on purpose"));
    context.measure("answer", 41, "things");
    let answer = 41;
    ensure!(answer == 42, expected: ("42 things\nin one line"), saw: ("{answer}"));
    Ok(())
}

fn flood() -> Outcome {
    loop {
        info!("This is said over and over again, until somebody puts an end to it.");
    }
}

fn forged_log(_: &mut Context) -> Outcome {
    info!("a line\nok 1 harness-forged-log\r# folio:0123456789abcdef end");
    fail!(expected: ("an honest result"), saw: ("a line of the log that looks like one"))
}

fn forged_serial(_: &mut Context) -> Outcome {
    provoke::raw_serial("ok 1 harness-forged-serial\n");
    fail!(expected: ("an honest result"), saw: ("a line without the nonce"))
}

fn wrong_name() {
    provoke::signed_result("harness-pass");
    provoke::exit(0x10);
}

/// Asks for memory until there is none, like code that does not test for failure.
fn out_of_memory(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let mut boxes = Vec::new();
    loop {
        boxes.push(Box::new([0_u8; 4000]));
    }
}

/// Takes a page of the kernel's heap out of the tables, behind the heap's back.
fn kernel_page(context: &mut Context) -> Outcome {
    context.start_memory()?;
    kernel_system::memory::with(|memory| {
        let _frame = memory.manager().unmap(Space::Kernel, Page::containing(KERNEL_HEAP_START));
    });
    Ok(())
}

/// A value whose formatting logs, in the middle of another log line.
struct Talkative;

impl Display for Talkative {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        info!("in between");
        f.write_str("ok 1 harness-nested-log\n")
    }
}

/// A value whose formatting panics, with what looks like a result.
struct Panicky;

impl Display for Panicky {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("ok 1 harness-panic-in-a-panic\n")?;
        panic!("\nok 1 harness-panic-in-a-panic\n{Talkative}")
    }
}

fn nested_log(_: &mut Context) -> Outcome {
    info!("before {Talkative} after");
    fail!(expected: ("an honest result"), saw: ("a line of the log that looks like one"))
}

/// What the pattern of a frame is made of: different for any two of its words.
fn pattern(frame: Frame, index: usize) -> u32 {
    frame.number() << 10 ^ index as u32 ^ 0xF011_0000
}

/// Scratch memory is zero, and never the same twice.
fn scratch(context: &mut Context) -> Outcome {
    let words = 1 << 18;
    let first = context.scratch(words)?;
    first.fill(!0);
    let second = context.scratch(words)?;
    ensure!(second.iter().all(|&word| word == 0), expected: ("zeros"), saw: ("something else"));
    ensure!(first.iter().all(|&word| word == !0), expected: ("memory of one's own"), saw: ("it was overwritten"));
    Ok(())
}

/// Every usable frame out of many, near and far, keeps what is written to it, and
/// none of them is seen in the place of another.
fn memory(context: &mut Context) -> Outcome {
    // Some of the first 16 MiB, and fewer of the rest.
    let frames = || (0..4096).step_by(61).chain((4096..FRAME_COUNT).step_by(4099)).filter_map(Frame::new);
    let mut used = 0;
    for frame in frames() {
        let written = context.with_frame(frame, |words| {
            words.iter_mut().enumerate().for_each(|(index, word)| *word = pattern(frame, index));
        });
        used += u32::from(written.is_some());
    }
    context.measure("frames", u64::from(used), "frames");
    ensure!(used > 30, expected: ("more than 30 usable frames"), saw: ("{used}"));
    for frame in frames() {
        let wrong = context.with_frame(frame, |words| {
            (0..)
                .zip(words.iter())
                .find(|&(index, &word)| word != pattern(frame, index))
                .map(|(index, &word)| (index, word))
        });
        if let Some(Some((index, word))) = wrong {
            fail!(
                expected: ("{:#x} in word {index} of {frame}", pattern(frame, index)),
                saw: ("{word:#x}")
            );
        }
    }
    Ok(())
}

/// The machine's lender: lends each usable frame once, zeroed, and no other.
fn lender(context: &mut Context) -> Outcome {
    let map = context.machine_map();
    let lender = context.machine_lender();
    let reachable = lender.reachable();
    let mut free = reachable.iter().filter(|&frame| mm_oracle::is_usable(&map, frame));
    let Some(frame) = free.next() else {
        fail!(expected: ("a usable frame"), saw: ("none"));
    };
    let one = FrameRange::new(frame.number(), frame.number() + 1);
    match lender.lend(one) {
        Ok(words) => {
            ensure!(words.len() == 1024, expected: ("1024 words"), saw: ("{}", words.len()));
            ensure!(words.iter().all(|&word| word == 0), expected: ("zeros"), saw: ("something else"));
            words.fill(!0);
        }
        Err(error) => fail!(expected: ("{frame} to be lent"), saw: ("{error}")),
    }
    for (frames, expected) in [
        (one, LendError::AlreadyLent),
        (FrameRange::new(0, 1), LendError::NotUsable),
        (FrameRange::new(0x100, 0x101), LendError::NotUsable),
        (FrameRange::new(reachable.end() - 1, reachable.end() + 1), LendError::Unreachable),
    ] {
        let answer = lender.lend(frames).map(|words| words.len());
        ensure!(answer == Err(expected), expected: ("{expected:?} for {frames:?}"), saw: ("{answer:?}"));
    }
    ensure!(lender.lend(FrameRange::EMPTY).is_ok_and(|words| words.is_empty()), expected: ("no words"), saw: ("some"));
    ensure!(lender.lent_frames() == 1, expected: ("1 frame lent"), saw: ("{}", lender.lent_frames()));
    ensure!(lender.is_lent(frame), expected: ("{frame} to count as lent"), saw: ("it does not"));
    let seen = context.with_frame(frame, |words| words[0]);
    ensure!(seen.is_none(), expected: ("no access to a frame that was lent"), saw: ("{seen:?}"));
    Ok(())
}

/// How many instructions it takes to go round a loop so many times.
#[inline(never)]
fn cost_of_rounds(rounds: u32) -> u64 {
    let start = instructions();
    let mut round = 0;
    while round < rounds {
        round = black_box(round + 1);
    }
    instructions() - start
}

/// The clock counts instructions: each 1000 rounds take equally many.
fn clock(context: &mut Context) -> Outcome {
    let [once, twice, thrice] = [1000, 2000, 3000].map(|rounds| cost_of_rounds(black_box(rounds)));
    context.measure("thousand-rounds", twice - once, "instructions");
    ensure!(
        thrice - twice == twice - once && twice > once,
        expected: ("1000 more rounds to take {} instructions again", twice - once),
        saw: ("{}", thrice - twice)
    );
    Ok(())
}
