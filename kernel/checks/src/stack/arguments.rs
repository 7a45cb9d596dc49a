//! Checks of the arguments that a program finds on its stack.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START};
use mm_api::{ARGUMENTS_MAX, Arguments, Auxiliary, STACK_ALIGN, StackError, VirtAddr};

use super::frame::ensure_frame;
use super::subject::{END, REGION, Subject, ensure_refused, on_process};
use kernel_core::labs::UserStack;

/// The bytes that strings of any length are cut from. No two of them within 255
/// bytes are the same, and none is NUL.
static LETTERS: [u8; ARGUMENTS_MAX as usize] = {
    let mut letters = [0; ARGUMENTS_MAX as usize];
    let mut index = 0;
    while index < letters.len() {
        letters[index] = 1 + (index % 255) as u8;
        index += 1;
    }
    letters
};

/// Empty strings: their addresses take as many bytes as 16 bits can count.
static EMPTY: [&[u8]; 0x1_0000 / 4] = [b""; 0x1_0000 / 4];

/// Entries of an auxiliary vector that take as many bytes.
static ENTRIES: [Auxiliary; 0x1_0000 / 8] = [Auxiliary { kind: 7, value: 7 }; 0x1_0000 / 8];

/// A string of `len` bytes; `from` makes it differ from others of that length.
fn letters(from: usize, len: usize) -> &'static [u8] {
    &LETTERS[from..from + len]
}

/// The auxiliary vector that the kernel passes to programs.
const AUXV: &[Auxiliary] = &[
    Auxiliary { kind: Auxiliary::PAGE_SIZE_KIND, value: PAGE_SIZE },
    Auxiliary { kind: Auxiliary::ENTRY_KIND, value: USER_CODE_START.as_u32() },
];

/// Sets a stack up, which has to succeed. Fails unless the stack is sound afterwards and
/// contains everything from the stack pointer on.
fn set_up(subject: &mut Subject<'_, '_>, stack: &mut UserStack, arguments: &Arguments<'_>) -> Result<VirtAddr, Failed> {
    let before = stack.bottom();
    let pointer = match subject.with(|pages| stack.set_up(pages, arguments)) {
        Ok(pointer) => pointer,
        Err(error) => fail!(expected: ("set_up() to lay out {}", Counts(arguments)), saw: ("{}", told(&error))),
    };
    let bottom = stack.bottom();
    ensure!(
        bottom <= before,
        expected: ("set_up() not to make the stack smaller than from {before} on"),
        saw: ("bottom() is {bottom}")
    );
    ensure!(
        bottom <= pointer && pointer.as_u32() < END,
        expected: ("the stack pointer that set_up() returns to be on the stack, from {bottom} to {}", VirtAddr::new(END)),
        saw: ("{pointer}")
    );
    subject.ensure_stack_from(stack, bottom.as_u32(), format_args!("after set_up()"))?;
    subject.ensure_nothing_old(bottom, "set_up()")?;
    Ok(pointer)
}

/// Sets a new stack up, verifies it, and destroys it.
fn ensure_set_up(subject: &mut Subject<'_, '_>, arguments: &Arguments<'_>) -> Outcome {
    let mut stack = subject.create()?;
    let pointer = set_up(subject, &mut stack, arguments)?;
    ensure_frame(subject, pointer, arguments)?;
    subject.destroy(stack);
    Ok(())
}

/// The words and strings of everyday programs.
pub fn initial_frame(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for arguments in [
            Arguments { argv: &[b"sh"], envp: &[b"PATH=/bin", b"HOME=/"], auxv: AUXV },
            Arguments { argv: &[b"args", b"one", b"two", b"three"], envp: &[b"TERM=vt100"], auxv: AUXV },
            Arguments { argv: &[b"cat", b"-n", b"-n"], envp: &[b"A=1", b"B=2", b"C=3", b"A=1"], auxv: &AUXV[1..] },
            // A kind that is not the end of the vector may have any value, and
            // kinds need not be in order.
            Arguments {
                argv: &[b"x"],
                envp: &[b"Y=y"],
                auxv: &[
                    Auxiliary { kind: u32::MAX, value: 0 },
                    Auxiliary { kind: Auxiliary::PAGE_SIZE_KIND, value: u32::MAX },
                    Auxiliary { kind: 3, value: 0xC000_0000 },
                ],
            },
        ] {
            ensure_set_up(subject, &arguments)?;
        }
        (0..8).try_for_each(|_| set_up_at_random(subject))
    })
}

/// Up to 20 strings of up to 60 bytes, and up to 3 entries, of any kinds and values.
fn set_up_at_random(subject: &mut Subject<'_, '_>) -> Outcome {
    let rng = subject.ground.context.rng();
    let strings: [&[u8]; 20] = core::array::from_fn(|index| letters(index, rng.below(61) as usize));
    // 0 is the end of the vector.
    let auxv: [Auxiliary; 3] =
        core::array::from_fn(|_| Auxiliary { kind: rng.next_u32().max(1), value: rng.next_u32() });
    let count = rng.below(21) as usize;
    let (argv, envp) = strings[..count].split_at(rng.below(count as u32 + 1) as usize);
    let auxv = &auxv[..rng.below(4) as usize];
    ensure_set_up(subject, &Arguments { argv, envp, auxv })
}

/// Each of the lists may be empty, and so may a string.
pub fn frame_empty_lists(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for arguments in [
            Arguments { argv: &[], envp: &[], auxv: &[] },
            Arguments { argv: &[b"true"], envp: &[], auxv: &[] },
            Arguments { argv: &[], envp: &[b"PATH=/bin"], auxv: &[] },
            Arguments { argv: &[], envp: &[], auxv: AUXV },
            Arguments { argv: &[b""], envp: &[b""], auxv: AUXV },
            Arguments { argv: &[b"echo", b"", b"", b"end"], envp: &[b"", b"LAST="], auxv: &[] },
        ] {
            ensure_set_up(subject, &arguments)?;
        }
        Ok(())
    })
}

/// The stack pointer is aligned, however long the strings and the lists are.
pub fn frame_aligned(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let list: [&[u8]; 5] = [b"a", b"bc", b"def", b"ghij", b"klmno"];
        let mut stack = subject.create()?;
        for len in 0..=STACK_ALIGN as usize {
            for count in 0..=4 {
                let mut argv = list;
                argv[0] = letters(0, len);
                let (argv, envp) = (&argv[..count.max(1)], &list[..count]);
                for auxv in [AUXV, &AUXV[1..]] {
                    let arguments = Arguments { argv, envp, auxv };
                    let pointer = set_up(subject, &mut stack, &arguments)?;
                    ensure!(
                        pointer.as_u32().is_multiple_of(STACK_ALIGN),
                        expected: ("a stack pointer that is a multiple of {STACK_ALIGN} with {}", Counts(&arguments)),
                        saw: ("{pointer}, which is {} too much", pointer.as_u32() % STACK_ALIGN)
                    );
                }
            }
        }
        subject.destroy(stack);
        Ok(())
    })
}

/// Strings are whole, whatever their bytes are, whatever the stack contained before, and also
/// over the boundary of pages.
pub fn frame_strings(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let mut stack = subject.create()?;
        subject.grow(&mut stack, END - 4 * PAGE_SIZE)?;
        let mut any = || subject.ground.context.rng().below(6000) as usize;
        for len in [1, 2, 3, 255, 4093, 4094, 4095, 4096, 4097, 6000, any(), any()] {
            // The stack is full of other bytes, so the NULs have to be written.
            for page in REGION.iter().filter(|page| page.start() >= stack.bottom()) {
                subject.fill(page, 0xFFFF_FFFF)?;
            }
            let arguments = Arguments {
                argv: &[b"\xFF\x80\x01", letters(7, len), b"\t \n"],
                envp: &[letters(8, len), letters(9, 1)],
                auxv: AUXV,
            };
            let pointer = set_up(subject, &mut stack, &arguments)?;
            ensure_frame(subject, pointer, &arguments)?;
        }
        subject.destroy(stack);
        Ok(())
    })
}

/// If the arguments need more pages than the stack has, it grows.
pub fn frame_grows(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        // One long string, and many short ones: 1000 of 8 bytes and an address each.
        let any = 3000 + subject.ground.context.rng().below(27_000) as usize;
        for len in [3000, 4096, 5000, 9000, 30_000, any] {
            ensure_set_up(subject, &Arguments { argv: &[b"one", letters(0, len)], envp: &[], auxv: AUXV })?;
        }
        let many: [&[u8]; 1000] = core::array::from_fn(|index| letters(index, 7));
        for count in [100, 340, 700, 1000] {
            ensure_set_up(subject, &Arguments { argv: &many[..count], envp: &many[..count], auxv: AUXV })?;
        }
        // It does not matter how large the stack is already, and it stays so.
        let arguments = Arguments { argv: &many[..500], envp: &[b"A=a"], auxv: AUXV };
        for pages in 1..=16 {
            let mut stack = subject.create()?;
            if pages > 1 {
                subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
            }
            let pointer = set_up(subject, &mut stack, &arguments)?;
            ensure_frame(subject, pointer, &arguments)?;
            subject.destroy(stack);
        }
        Ok(())
    })
}

/// Arguments that do not fit are refused, and nothing changes; arguments that just fit are not.
pub fn frame_too_large(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let (many, entries) = (&EMPTY[..1200], &ENTRIES[..1200]);
        // Beside the one string: the vectors of it and of another one, and the NULs.
        let rest = 4 * (1 + 2 + 2 + 2) + 1 + 1;
        let len = ARGUMENTS_MAX as usize - rest;
        let mut any = || subject.ground.context.rng().below(rest as u32) as usize;
        let (less, more) = (64 + any(), 1 + any());
        let cases = [
            (Arguments { argv: &[letters(0, len - less)], envp: &[b""], auxv: &[] }, true),
            (Arguments { argv: &[b""], envp: &[letters(0, len + more)], auxv: &[] }, false),
            (Arguments { argv: &[letters(0, len - 64)], envp: &[b""], auxv: &[] }, true),
            (Arguments { argv: &[b""], envp: &[letters(0, len - 64)], auxv: &[] }, true),
            (Arguments { argv: &[letters(0, len + 1)], envp: &[b""], auxv: &[] }, false),
            (Arguments { argv: &[b""], envp: &[letters(0, len + 1)], auxv: &[] }, false),
            (Arguments { argv: &[letters(0, len - 7)], envp: &[b""], auxv: &AUXV[..1] }, false),
            (Arguments { argv: &[letters(0, len - 4)], envp: &[b"", b""], auxv: &[] }, false),
            (Arguments { argv: &[letters(0, 20_000), letters(9, 20_000)], envp: &[], auxv: &[] }, false),
            (Arguments { argv: &[letters(0, 30_000)], envp: &[letters(0, 30_000); 3], auxv: AUXV }, false),
            // 1200 addresses and NULs, and as many entries: 15,600 bytes.
            (Arguments { argv: many, envp: &[letters(0, 17_000)], auxv: entries }, true),
            (Arguments { argv: many, envp: &[letters(0, 17_200)], auxv: entries }, false),
            // More than 12 bits can count, all empty: 32,000 bytes.
            (Arguments { argv: &EMPTY[..6400], envp: &[], auxv: &[] }, true),
            // A little more than 16, 20 and 24 bits can count: in strings, addresses and entries.
            (Arguments { argv: &[letters(0, 22_000); 3], envp: &[], auxv: &[] }, false),
            (Arguments { argv: &[letters(0, 32_000); 33], envp: &[], auxv: &[] }, false),
            (Arguments { argv: &[], envp: &[letters(0, 32_000); 525], auxv: &[] }, false),
            (Arguments { argv: &EMPTY, envp: &[], auxv: &[] }, false),
            (Arguments { argv: &[], envp: &EMPTY, auxv: &[] }, false),
            (Arguments { argv: &[], envp: &[], auxv: &ENTRIES }, false),
        ];
        for pages in [1, 16] {
            for (arguments, fits) in &cases {
                let mut stack = subject.create()?;
                if pages > 1 {
                    subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
                }
                for page in REGION.iter().filter(|page| page.start() >= stack.bottom()) {
                    subject.fill(page, 0x1234_5678)?;
                }
                let before = subject.state();
                if *fits {
                    let pointer = set_up(subject, &mut stack, arguments)?;
                    ensure_frame(subject, pointer, arguments)?;
                } else {
                    ensure_too_many(subject, &mut stack, arguments)?;
                    subject.ensure_stack_from(
                        &stack,
                        END - pages * PAGE_SIZE,
                        format_args!("after set_up() was refused"),
                    )?;
                    subject.ensure_unchanged(&before, "set_up() that is refused")?;
                }
                subject.destroy(stack);
            }
        }
        Ok(())
    })
}

/// Fails unless `set_up` returns `TooManyArguments`: when all pages can
/// be had, when none can, and when a page below the stack is mapped already.
fn ensure_too_many(subject: &mut Subject<'_, '_>, stack: &mut UserStack, arguments: &Arguments<'_>) -> Outcome {
    let too_many = StackError::TooManyArguments;
    let answer = subject.with(|pages| stack.set_up(pages, arguments));
    ensure_refused(answer, too_many, format_args!("set_up() with {}", Counts(arguments)))?;
    subject.allow_pages(Some(0));
    let answer = subject.with(|pages| stack.set_up(pages, arguments));
    subject.allow_pages(None);
    ensure_refused(answer, too_many, format_args!("set_up(), without a free frame, with {}", Counts(arguments)))?;
    let Some(below) = REGION.iter().rev().find(|page| page.start() < stack.bottom()) else { return Ok(()) };
    subject.map_other(below, 0xBAD)?;
    let answer = subject.with(|pages| stack.set_up(pages, arguments));
    subject.unmap_other(below)?;
    let call = format_args!("set_up(), where {below} is mapped already, with {}", Counts(arguments));
    ensure_refused(answer, too_many, call)
}

/// How many arguments there are, and how many bytes they take at least.
struct Counts<'a>(&'a Arguments<'a>);

impl core::fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Arguments { argv, envp, auxv } = self.0;
        let strings: usize = argv.iter().chain(*envp).map(|string| string.len() + 1).sum();
        let vectors = 4 * (1 + argv.len() + 1 + envp.len() + 1 + 2 * (auxv.len() + 1));
        write!(
            f,
            "{} strings in argv, {} in envp and {} entries in auxv, {} bytes together",
            argv.len(),
            envp.len(),
            auxv.len(),
            strings + vectors
        )
    }
}
