//! `soak [N]`: N processes live and end, in every way that a process can. Afterwards the kernel
//! must have as much memory as before: frames, bytes of its heap, kernel stacks, and processes.
//! Only then is the exit code 0.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::ffi::CStr;
use core::hint::black_box;

use user::abi::mapping::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};
use user::abi::meminfo::Physical;
use user::abi::{Errno, PAGE_SIZE, Signal, WaitStatus};
use user::start::Start;
use user::{arch, eprintln, mapping, meminfo, memory, println, process};

user::program!(main);

/// Lives between two lines of progress.
const LIVES_A_LINE: u32 = 1000;
/// The exit code of this program when `runs` has started it.
const LIFE: u8 = 77;
/// How often other processes may run until all orphans have ended.
const PATIENCE: u32 = 10_000;

/// The ways in which a life can go wrong.
enum Trouble {
    /// A system call failed.
    Call(&'static str, Errno),
    /// A process did not end as it should have.
    Ended { expected: WaitStatus, seen: WaitStatus },
}

/// A way to live. Returns how many processes lived.
type Life = fn(&Lives) -> Result<u32, Trouble>;

const LIVES: &[(&str, Life)] = &[
    ("ends", Lives::ends),
    ("grows its heap", Lives::grows),
    ("runs another program", Lives::runs),
    ("faults", Lives::faults),
    ("grows its stack", Lives::calls),
    ("divides by zero", Lives::divides),
    ("cannot run a program", Lives::runs_nothing),
    ("leaves a child behind", Lives::leaves),
    ("overflows its stack", Lives::overflows),
    ("takes too much memory", Lives::takes_all),
    ("maps memory", Lives::maps),
    ("shares memory with children", Lives::shares),
    ("touches more than there is", Lives::touches_all),
];

fn main(start: &'static Start) -> u8 {
    let Some(program) = start.arguments().next() else { return 2 };
    if start.argument(1) == Some("life") {
        return Lives::run();
    }
    let Some(wanted) = start.number(1, 10_000) else {
        eprintln!("usage: soak [LIVES]");
        return 2;
    };
    // These processes stay: this one, and others such as the shell.
    let Some(others) = meminfo::physical().ok().map(|memory| memory.processes) else {
        eprintln!("soak: this kernel does not say what memory it has");
        return 1;
    };
    let mut lives = Lives { program, round: 0 };
    // The first life of each kind may need memory that the kernel then keeps.
    if let Err(code) = lives.go(2 * LIVES.len() as u32) {
        return code;
    }
    let Some(before) = measure(others) else { return 1 };
    println!("soak: before {}", Measured(&before));
    if let Err(code) = lives.go(wanted) {
        return code;
    }
    let Some(after) = measure(others) else { return 1 };
    println!("soak: after  {}", Measured(&after));
    let is_equal = important(&before) == important(&after);
    println!("soak: {}", if is_equal { "nothing is lost" } else { "NOT EQUAL" });
    u8::from(!is_equal)
}

/// The memory in use, once there are at most this many processes.
fn measure(processes: u32) -> Option<Physical> {
    for _ in 0..PATIENCE {
        // Reaps orphans, if this is the first process.
        while let Ok(Some(_)) = process::try_wait(None) {}
        match meminfo::physical() {
            Ok(memory) if memory.processes <= processes => return Some(memory),
            Ok(_) => process::yield_now(),
            Err(_) => break,
        }
    }
    eprintln!("soak: there are more than {processes} processes, though all of them should have ended");
    None
}

/// The figures that must be the same afterwards.
fn important(memory: &Physical) -> [u32; 8] {
    [
        memory.free_frames,
        memory.kernel_table_frames,
        memory.kernel_heap_frames,
        memory.kernel_allocation_frames,
        memory.kernel_heap_bytes,
        memory.kernel_heap_blocks,
        memory.kernel_stacks,
        memory.processes,
    ]
}

/// Prints these figures in words.
struct Measured<'a>(&'a Physical);

impl core::fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [free, tables, heap, allocations, bytes, blocks, stacks, processes] = important(self.0);
        write!(
            f,
            "{free} frames free, {tables} of the kernel's tables, {heap} of its heap, {allocations} allocated; "
        )?;
        write!(f, "{bytes} bytes in {blocks} blocks; {stacks} kernel stacks, {processes} processes")
    }
}

/// The processes that live and end.
struct Lives {
    /// The name of this program.
    program: &'static CStr,
    round: u32,
}

impl Lives {
    /// Runs lives until at least this many processes have lived.
    fn go(&mut self, wanted: u32) -> Result<(), u8> {
        let mut lived = 0;
        while lived < wanted {
            let (what, life) = LIVES[self.round as usize % LIVES.len()];
            self.round += 1;
            let before = lived;
            match life(self) {
                Ok(more) => lived += more,
                Err(Trouble::Call(call, errno)) => {
                    eprintln!("soak: a process that {what}: {call}: {errno}");
                    return Err(1);
                }
                Err(Trouble::Ended { expected, seen }) => {
                    eprintln!("soak: a process that {what}: expected {expected}, saw {seen}");
                    return Err(1);
                }
            }
            if before / LIVES_A_LINE != lived / LIVES_A_LINE {
                println!("soak: {lived} of {wanted}");
            }
        }
        Ok(())
    }

    /// Makes a process, and waits until it has ended as expected. Orphans that end meanwhile are
    /// reaped.
    fn one(&self, expected: WaitStatus, work: impl FnOnce() -> u8) -> Result<u32, Trouble> {
        let child = process::spawn(work).map_err(|errno| Trouble::Call("fork", errno))?;
        loop {
            match process::wait(None) {
                Ok((ended, seen)) if ended == child && seen == expected => return Ok(1),
                Ok((ended, seen)) if ended == child => return Err(Trouble::Ended { expected, seen }),
                Ok(_) => {}
                Err(errno) => return Err(Trouble::Call("waitpid", errno)),
            }
        }
    }

    fn ends(&self) -> Result<u32, Trouble> {
        let code = self.round as u8;
        self.one(WaitStatus::exited(code), || code)
    }

    fn grows(&self) -> Result<u32, Trouble> {
        let pages = 1 + self.round % 40;
        self.one(WaitStatus::exited(0), || u8::from(!use_heap(pages)))
    }

    fn runs(&self) -> Result<u32, Trouble> {
        self.one(WaitStatus::exited(LIFE), || {
            let errno = process::exec(self.program, &[self.program, c"life"], &[c"HOME=/"]);
            eprintln!("soak: execve: {errno}");
            1
        })
    }

    /// The life of this program when `runs` has started it.
    fn run() -> u8 {
        if use_heap(3) { LIFE } else { 1 }
    }

    fn faults(&self) -> Result<u32, Trouble> {
        let addresses = [0, 0xC010_0000, 0x0804_8000, 0xBFFE_F000, 0x7000_0000];
        let address = addresses[self.round as usize / LIVES.len() % addresses.len()];
        self.one(WaitStatus::killed(Signal::Segmentation), || {
            use_heap(2);
            poke(address, 1);
            0
        })
    }

    fn calls(&self) -> Result<u32, Trouble> {
        let bytes = 4096 + self.round % 11 * 4096;
        self.one(WaitStatus::exited(0), || u8::from(!arch::push_and_pop(bytes)))
    }

    fn divides(&self) -> Result<u32, Trouble> {
        self.one(WaitStatus::killed(Signal::Arithmetic), || {
            arch::divide_by_zero();
            0
        })
    }

    fn runs_nothing(&self) -> Result<u32, Trouble> {
        self.one(WaitStatus::exited(0), || {
            u8::from(process::exec(c"no-such-program", &[c"a", c"b"], &[]) != Errno::ENOENT)
        })
    }

    fn leaves(&self) -> Result<u32, Trouble> {
        self.one(WaitStatus::exited(0), || {
            let behind = || {
                for _ in 0..3 {
                    process::yield_now();
                }
                use_heap(1);
                5
            };
            u8::from(process::spawn(behind).is_err())
        })?;
        Ok(2)
    }

    fn overflows(&self) -> Result<u32, Trouble> {
        self.one(WaitStatus::killed(Signal::Segmentation), || descend(0) as u8)
    }

    /// Maps, splits, protects and unmaps, and leaves the rest to the kernel.
    fn maps(&self) -> Result<u32, Trouble> {
        let pages = 2 + self.round % 70;
        self.one(WaitStatus::exited(0), || {
            let Some(start) = map(pages, MAP_PRIVATE) else { return 1 };
            (0..pages).step_by(3).for_each(|page| poke(start + page * PAGE_SIZE, 1));
            let middle = start + pages / 2 * PAGE_SIZE;
            u8::from(!unmap(middle, PAGE_SIZE) || !protect(start, PROT_READ))
        })
    }

    /// Makes children that write to shared and to private memory.
    fn shares(&self) -> Result<u32, Trouble> {
        const PAGES: u32 = 12;
        self.one(WaitStatus::exited(0), || {
            let (Some(shared), Some(own)) = (map(PAGES, MAP_SHARED), map(PAGES, MAP_PRIVATE)) else { return 1 };
            let touch =
                |start: u32, value| (0..PAGES).step_by(2).for_each(|page| poke(start + page * PAGE_SIZE, value));
            touch(own, 1);
            let child = process::spawn(|| {
                touch(shared, 2);
                touch(own, 3);
                let grandchild = process::spawn(|| {
                    touch(own + PAGE_SIZE, 4);
                    0
                });
                u8::from(grandchild.and_then(|child| process::wait(Some(child))).is_err())
            });
            let ended = child.and_then(|child| process::wait(Some(child)));
            let is_right =
                ended.is_ok_and(|(_, status)| status.code() == Some(0)) && peek(shared) == 2 && peek(own) == 1;
            u8::from(!is_right)
        })?;
        Ok(3)
    }

    /// Touches more pages than there are frames: only in some rounds, since it takes all frames of
    /// the machine.
    fn touches_all(&self) -> Result<u32, Trouble> {
        if !(self.round / LIVES.len() as u32).is_multiple_of(100) {
            return self.ends();
        }
        self.one(WaitStatus::killed(Signal::Kill), || {
            let Some(start) = map(0x4_0000, MAP_PRIVATE) else { return 1 };
            (0..0x4_0000).for_each(|page| poke(start + page * PAGE_SIZE, 1));
            0
        })
    }

    fn takes_all(&self) -> Result<u32, Trouble> {
        // The request is past the limit. In some rounds it is below the limit, but more than the
        // machine has; then the kernel takes all frames before it gives them back.
        let bytes = if (self.round / LIVES.len() as u32).is_multiple_of(100) { 0x9000_0000 } else { 0xAFFF_0000 };
        self.one(WaitStatus::exited(0), || {
            let before = memory::end();
            let refused = move_end(before.wrapping_add(bytes)) == before;
            u8::from(!refused || memory::end() != before)
        })
    }
}

/// Maps this many pages.
#[allow(unsafe_code)]
fn map(pages: u32, flags: u32) -> Option<u32> {
    // SAFETY: the mapping replaces no other.
    unsafe { mapping::map(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, flags) }.ok()
}

#[allow(unsafe_code)]
fn unmap(address: u32, bytes: u32) -> bool {
    // SAFETY: only mappings of this process's own are unmapped.
    unsafe { mapping::unmap(address, bytes) }.is_ok()
}

#[allow(unsafe_code)]
fn protect(address: u32, protection: u32) -> bool {
    // SAFETY: nothing writes to the page any more.
    unsafe { mapping::protect(address, PAGE_SIZE, protection) }.is_ok()
}

#[allow(unsafe_code)]
fn move_end(address: u32) -> u32 {
    // SAFETY: only memory beyond the old break that this process took itself is given back.
    unsafe { memory::brk(address) }
}

/// Takes this many pages, uses them, and gives back half of them. Returns whether they were zero,
/// and kept the bytes that were written.
fn use_heap(pages: u32) -> bool {
    let start = memory::end().next_multiple_of(PAGE_SIZE);
    let end = start + pages * PAGE_SIZE;
    if move_end(end) != end {
        return false;
    }
    let addresses = || (start..end).step_by(PAGE_SIZE as usize / 4);
    let are_zero = addresses().all(|address| peek(address) == 0);
    addresses().for_each(|address| poke(address, address as u8 | 1));
    let are_kept = addresses().all(|address| peek(address) == address as u8 | 1);
    let half = start + pages / 2 * PAGE_SIZE;
    are_zero && are_kept && move_end(half) == half
}

#[allow(unsafe_code)]
fn peek(address: u32) -> u8 {
    // SAFETY: the kernel ends this process if no memory is there.
    unsafe { arch::peek(address) }
}

#[allow(unsafe_code)]
fn poke(address: u32, value: u8) {
    // SAFETY: this process took the memory for this purpose, or the kernel ends the process.
    unsafe { arch::poke(address, value) }
}

/// Calls itself for ever, written so that the compiler does not notice.
fn descend(depth: u32) -> u32 {
    let mut block = [depth; 64];
    black_box(&mut block);
    if depth == u32::MAX { 0 } else { black_box(descend(depth + 1)) + block[depth as usize % 64] }
}
