//! Random programs on the stacks: whatever they do, the contracts hold.

mod common;

use common::*;
use mm_api::layout::{KERNEL_STACKS_START, PAGE_SIZE, USER_STACK_START};
use mm_api::{
    ARGUMENTS_MAX, Arguments, Auxiliary, KERNEL_STACK_PAGES, KernelStack, KernelStacks, Page, PageRange, Pages,
    STACK_ALIGN, StackError, UserStack,
};
use mm_host::FakePages;
use proptest::prelude::*;
use stack::{ProcessStack, StackArea};

/// The next call for a process's stack.
#[derive(Clone, Debug)]
enum Step {
    /// Grow to the address this far from the region's end.
    Grow {
        back: u32,
    },
    SetUp {
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        auxv: Vec<(u32, u32)>,
    },
    /// Fork, and continue with the copy.
    Fork,
    Write {
        back: u32,
        byte: u8,
    },
    Frames {
        free: Option<u32>,
    },
}

fn strings() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let string = prop_oneof![
        6 => prop::collection::vec(1..=255_u8, 0..20),
        1 => prop::collection::vec(1..=255_u8, 4000..5000),
    ];
    prop::collection::vec(string, 0..8)
}

fn step() -> impl Strategy<Value = Step> {
    let auxv = prop::collection::vec((1..40_u32, any::<u32>()), 0..6);
    prop_oneof![
        4 => (1..20 * PAGE_SIZE).prop_map(|back| Step::Grow { back }),
        4 => (strings(), strings(), auxv).prop_map(|(argv, envp, auxv)| Step::SetUp { argv, envp, auxv }),
        2 => Just(Step::Fork),
        3 => (1..16 * PAGE_SIZE, any::<u8>()).prop_map(|(back, byte)| Step::Write { back, byte }),
        2 => prop::option::weighted(0.5, 0..8_u32).prop_map(|free| Step::Frames { free }),
    ]
}

/// Makes one call, and verifies all of its promises.
fn perform(pages: &mut FakePages, stack: &mut ProcessStack, free: &mut Option<u32>, step: &Step) {
    pages.set_free_frames(*free);
    let (size, before) = (count(pages, stack), pages.contents());
    match step {
        Step::Grow { back } => {
            let to = back.div_ceil(PAGE_SIZE);
            let expected = match to {
                _ if END - back < USER_STACK_START.as_u32() => Err(StackError::Outside),
                _ if to <= size => Err(StackError::AlreadyMapped),
                _ if free.is_some_and(|free| to - size > free) => Err(StackError::OutOfFrames),
                _ => Ok(()),
            };
            assert_eq!(stack.grow(pages, address(END - back)), expected);
            if expected.is_ok() {
                assert_pages(pages, stack, to);
            } else {
                assert_eq!(pages.contents(), before);
            }
            for (page, bytes) in before {
                assert_eq!(pages.bytes(page.start(), PAGE_SIZE), bytes);
            }
        }
        Step::SetUp { argv, envp, auxv } => {
            let argv: Vec<&[u8]> = argv.iter().map(|string| &string[..]).collect();
            let envp: Vec<&[u8]> = envp.iter().map(|string| &string[..]).collect();
            let auxv: Vec<Auxiliary> =
                auxv.iter().map(|(kind, value)| Auxiliary { kind: *kind, value: *value }).collect();
            let arguments = Arguments { argv: &argv, envp: &envp, auxv: &auxv };
            let least = least(&arguments);
            match stack.set_up(pages, &arguments) {
                Ok(pointer) => {
                    assert!(least <= u64::from(ARGUMENTS_MAX));
                    assert!(pointer.as_u32().is_multiple_of(STACK_ALIGN));
                    assert!(stack.bottom() <= pointer && count(pages, stack) >= size);
                    assert_eq!(read(pages, pointer), Found::expected(&arguments));
                }
                Err(error) => {
                    assert_eq!(pages.contents(), before);
                    match error {
                        StackError::TooManyArguments => assert!(least > u64::from(ARGUMENTS_MAX) - 64),
                        StackError::OutOfFrames => assert!(free.is_some()),
                        _ => panic!("{error:?}"),
                    }
                }
            }
        }
        Step::Fork => {
            let mut other = process();
            other.set_free_frames(*free);
            match stack.fork(pages, &mut other) {
                Ok(copy) => {
                    assert_eq!(other.contents(), before);
                    let old = std::mem::replace(stack, copy);
                    old.destroy(pages);
                    assert_eq!(pages.mapped(), []);
                    *pages = other;
                }
                Err(error) => {
                    assert_eq!(error, StackError::OutOfFrames);
                    assert!(free.is_some_and(|free| free < size));
                    assert_eq!((other.mapped(), pages.contents()), (vec![], before));
                }
            }
        }
        Step::Write { back, byte } if *back <= size * PAGE_SIZE => pages.write(address(END - back), &[*byte]),
        Step::Write { .. } => {}
        Step::Frames { free: now } => *free = *now,
    }
}

/// The next call for the kernel's stacks.
#[derive(Clone, Debug)]
enum KernelStep {
    Create { free: Option<u32> },
    Destroy { index: usize },
}

fn kernel_step() -> impl Strategy<Value = KernelStep> {
    prop_oneof![
        3 => prop::option::weighted(0.2, 0..4_u32).prop_map(|free| KernelStep::Create { free }),
        2 => any::<usize>().prop_map(|index| KernelStep::Destroy { index }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_process_s_stack_is_what_it_should_be(steps in prop::collection::vec(step(), 1..40)) {
        let (mut pages, mut stack) = with_stack();
        let mut free = None;
        for step in &steps {
            perform(&mut pages, &mut stack, &mut free, step);
            prop_assert!(count(&pages, &stack) <= REGION.len());
        }
        stack.destroy(&mut pages);
        prop_assert_eq!(pages.mapped(), vec![]);
    }

    #[test]
    fn the_kernel_s_stacks_are_what_they_should_be(
        len in 0..400_u32,
        steps in prop::collection::vec(kernel_step(), 1..200),
    ) {
        let area = PageRange::new(Page::containing(KERNEL_STACKS_START), len).unwrap();
        let mut pages = FakePages::new(area);
        let mut stacks = StackArea::new(area);
        let mut made: Vec<KernelStack> = Vec::new();
        for step in &steps {
            match *step {
                KernelStep::Create { free } => {
                    pages.set_free_frames(free);
                    let room = (made.len() as u32) < len / (KERNEL_STACK_PAGES + 1);
                    let expected = match free {
                        _ if !room => Some(StackError::NoRoom),
                        Some(_) => Some(StackError::OutOfFrames),
                        None => None,
                    };
                    match stacks.create(&mut pages) {
                        Ok(stack) => {
                            prop_assert_eq!(expected, None);
                            made.push(stack);
                        }
                        Err(error) => prop_assert_eq!(Some(error), expected),
                    }
                }
                KernelStep::Destroy { .. } if made.is_empty() => {}
                KernelStep::Destroy { index } => {
                    let index = index % made.len();
                    stacks.destroy(&mut pages, made.swap_remove(index));
                }
            }
            let mut expected: Vec<Page> = made.iter().flat_map(|stack| stack.pages().iter()).collect();
            expected.sort();
            prop_assert_eq!(pages.mapped(), expected);
            for stack in &made {
                let guard = stack.guard().unwrap();
                prop_assert!(area.contains(guard) && area.contains_range(stack.pages()));
                prop_assert!(!pages.is_mapped(guard));
            }
        }
    }
}
