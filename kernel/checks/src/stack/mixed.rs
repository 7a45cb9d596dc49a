//! A check of all calls in any order.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::PAGE_SIZE;
use mm_api::{ARGUMENTS_MAX, Arguments, Auxiliary, Page, StackError, VirtAddr};

use super::frame::ensure_frame;
use super::kernel::Area;
use super::subject::{END, Subject, ensure_refused, on_process};
use kernel_core::circumstances;
use kernel_core::labs::UserStack;

/// Pages of the user stack's region.
const PAGES: u32 = 16;

/// Random calls; all rules hold after each of them.
pub fn stack_mix(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for process in 0..12 {
            circumstances::case(format_args!("process {process}"));
            let mut stack = subject.create()?;
            let mut area = Area::new(subject, 33);
            for step in 0..25 {
                circumstances::step(format_args!("round {step} of 25"));
                match subject.ground.context.rng().below(5) {
                    0 | 1 => random_growth(subject, &mut stack)?,
                    2 => random_arguments(subject, &mut stack)?,
                    3 if area.count() < 6 => area.create(subject)?,
                    3 => {
                        let answer = area.try_create(subject);
                        ensure_refused(answer, StackError::NoRoom, format_args!("create() with all 6 places taken"))?;
                    }
                    _ => {
                        let index = subject.ground.context.rng().below(6) as usize;
                        area.destroy(subject, index);
                    }
                }
                subject.ensure_stack_from(&stack, stack.bottom().as_u32(), format_args!("after random calls"))?;
                area.ensure_mapped(subject, "after random calls")?;
            }
            area.clear(subject);
            subject.destroy(stack);
        }
        Ok(())
    })
}

/// `grow()` to a random address, with or without enough free pages.
fn random_growth(subject: &mut Subject<'_, '_>, stack: &mut UserStack) -> Outcome {
    let bottom = stack.bottom();
    // Down to half a region below the region, and to its end.
    let back = subject.ground.context.rng().below(PAGES * 3 / 2 * PAGE_SIZE);
    let address = VirtAddr::new(END - 1 - back);
    let page = Page::containing(address);
    let needed = Page::containing(bottom).number().saturating_sub(page.number());
    let allowance = subject.ground.context.rng().below(12);
    let limited = subject.ground.context.rng().below(3) == 0;
    let expected = if back >= PAGES * PAGE_SIZE {
        Err(StackError::Outside)
    } else if needed == 0 {
        Err(StackError::AlreadyMapped)
    } else if limited && needed > allowance {
        Err(StackError::OutOfFrames)
    } else {
        Ok(())
    };
    subject.allow_pages(limited.then_some(allowance));
    let call = format_args!("grow({address}) of a stack from {bottom} on");
    let answer = circumstances::during(call, || subject.with(|pages| stack.grow(pages, address)));
    subject.allow_pages(None);
    let to_be = if expected.is_ok() { page.start() } else { bottom };
    ensure!(
        answer == expected,
        expected: ("grow({address}) of a stack from {bottom} on to answer {expected}", expected = told(&expected)),
        saw: ("{}", told(&answer))
    );
    let saw = stack.bottom();
    ensure!(saw == to_be, expected: ("bottom() to be {to_be} after grow({address})"), saw: ("{saw}"));
    Ok(())
}

/// `set_up()` with arguments of any size, whatever the stack contains.
fn random_arguments(subject: &mut Subject<'_, '_>, stack: &mut UserStack) -> Outcome {
    static LETTERS: [u8; 2048] = [b'z'; 2048];
    let rng = subject.ground.context.rng();
    let mut strings: [&[u8]; 24] = [b""; 24];
    for string in &mut strings {
        let most = if rng.below(4) == 0 { LETTERS.len() as u32 } else { 24 };
        *string = &LETTERS[..rng.below(most) as usize];
    }
    let count = rng.below(25) as usize;
    let auxv = [Auxiliary { kind: 6, value: PAGE_SIZE }, Auxiliary { kind: 9, value: rng.next_u32() }];
    let (argv, envp) = strings[..count].split_at(rng.below(count as u32 + 1) as usize);
    let arguments = Arguments { argv, envp, auxv: &auxv[..rng.below(3) as usize] };
    let bytes: usize = strings[..count].iter().map(|string| string.len() + 5).sum::<usize>() + 44;
    if bytes > (ARGUMENTS_MAX - 64) as usize {
        return Ok(());
    }
    let (argc, envc, auxc) = (argv.len(), envp.len(), arguments.auxv.len());
    let call = format_args!("set_up() of {argc} arguments, {envc} variables and {auxc} auxiliary entries");
    match circumstances::during(call, || subject.with(|pages| stack.set_up(pages, &arguments))) {
        Ok(pointer) => ensure_frame(subject, pointer, &arguments),
        Err(error) => {
            fail!(expected: ("set_up() with {bytes} bytes of arguments to fit"), saw: ("{}", told(&error)))
        }
    }
}
