//! Checks of SMEP and SMAP: what the kernel cannot do with the pages of programs.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::memory::paged::{Fault, PagedMachine};
use kernel_core::memory::user::{Shows, Window};
use kernel_core::protection;
use kernel_core::words::told;
use kernel_system::memory;
use mm_api::{
    BadAddress, CpuFeatures, Directory, Enforced, Page, Pages, Protection, SharedPages, Space, UserWindow, VirtAddr,
};

/// A page that the program executes, and one that it reads and writes.
const CODE: Page = Page::containing(VirtAddr::new(0x0804_8000));
pub const DATA: Page = Page::containing(VirtAddr::new(0x1000_0000));

/// A protected machine, and a loaded directory with two pages for programs.
pub struct Ground {
    pub machine: &'static PagedMachine,
    directory: Directory,
}

impl Ground {
    /// Brings the memory up, and loads the directory.
    pub fn prepare(context: &mut Context) -> Result<Self, Failed> {
        context.start_protected()?;
        let ground = memory::with(|memory| {
            let directory = memory.create_directory().ok()?;
            let mut pages = memory.user_pages(&directory);
            for page in [CODE, DATA] {
                pages.map(page).ok()?;
                pages.zero(page.start(), mm_api::layout::PAGE_SIZE);
            }
            pages.protect(CODE, Protection::USER_READ);
            let machine = memory.machine();
            memory.load(Space::Of(&directory));
            machine.put_user_code(machine.frame_of(directory.frame(), CODE)?, CODE);
            Some(Self { machine, directory })
        });
        match ground {
            Some(ground) => Ok(ground),
            None => fail!(expected: ("a directory with two pages for programs"), saw: ("an error on the way")),
        }
    }
}

impl Ground {
    /// Loads the directory with the two pages.
    pub fn load(&self) {
        memory::with(|memory| memory.load(Space::Of(&self.directory)));
    }
}

/// A protection is switched on because the processor has it: not where it lacks it. The kernel sets no bit of CR4
/// that the processor lacks, so the checks of what a protection stops ask for this as well.
pub fn ensure_chosen(context: &Context, protection: &str, is_on: fn(Enforced) -> bool) -> Outcome {
    let answer = (context.labs().protections().enforce)(CpuFeatures::default());
    ensure!(
        !is_on(answer),
        expected: ("{protection} not to be switched on where the processor lacks it: that is a general-protection fault"),
        saw: ("{}", told(&answer))
    );
    Ok(())
}

/// The kernel cannot execute a page of a program.
pub fn smep_stops(context: &mut Context) -> Outcome {
    if !protection::features().smep {
        return Err(Failed::lacking("SMEP"));
    }
    ensure_chosen(context, "SMEP", |on| on.smep)?;
    let ground = Ground::prepare(context)?;
    let saw = ground.machine.execute_by_mistake();
    let expected = Err(Fault { denied: true, write: false, user: false, execute: true });
    ensure!(
        saw == expected,
        expected: ("SMEP to stop the kernel when it goes on in a page of a program, at {}", CODE.start()),
        saw: ("{}", Tried(saw))
    );
    Ok(())
}

/// The kernel cannot read or write a page of a program, except through the window while
/// it is open.
pub fn smap_stops(context: &mut Context) -> Outcome {
    if !protection::features().smap {
        return Err(Failed::lacking("SMAP"));
    }
    ensure_chosen(context, "SMAP", |on| on.smap)?;
    let ground = Ground::prepare(context)?;
    ensure_stopped(&ground, "before the first copy")?;
    let mut refuse = |_, _| Err(BadAddress);
    let mut window = Window::new(ground.machine, Shows::Everything, &mut refuse);
    window.open();
    let (written, mut read) = (window.write(DATA.start(), b"open"), [0; 4]);
    let answer = written.and_then(|()| window.read(DATA.start(), &mut read));
    window.close();
    ensure!(
        answer.is_ok() && read == *b"open",
        expected: ("four bytes to be copied through the window"),
        saw: ("{answer}, and other bytes", answer = told(&answer))
    );
    ensure_stopped(&ground, "after the window was closed")?;
    let protections = context.labs().protections();
    for length in [4, 0] {
        let mut window = Window::new(ground.machine, Shows::Everything, &mut refuse);
        let _answer = (protections.copy_in)(&mut window, DATA.start(), &mut read[..length]);
        ensure_stopped(&ground, "after copy_in()")?;
        let mut window = Window::new(ground.machine, Shows::Everything, &mut refuse);
        let _answer = (protections.copy_out)(&mut window, CODE.start(), &read[..length]);
        ensure_stopped(&ground, "after copy_out() to a page that is read-only")?;
    }
    Ok(())
}

/// The kernel's reads and writes at a program's address are page faults.
fn ensure_stopped(ground: &Ground, when: &str) -> Outcome {
    for page in [CODE, DATA] {
        for write in [false, true] {
            let saw = match write {
                false => ground.machine.read_by_mistake(page.start()).map(|_| ()),
                true => ground.machine.write_by_mistake(page.start()),
            };
            let expected = Err(Fault { denied: true, write, user: false, execute: false });
            let what = if write { "writes to" } else { "reads" };
            ensure!(
                saw == expected,
                expected: ("SMAP to stop the kernel when it {what} {}, of a program, {when}", page.start()),
                saw: ("{}", Tried(saw))
            );
        }
    }
    Ok(())
}

/// The outcome of an access that has to be stopped.
struct Tried(Result<(), Fault>);

impl core::fmt::Display for Tried {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("that nothing stopped it"),
            Err(fault) => write!(f, "{}", told(&fault)),
        }
    }
}
