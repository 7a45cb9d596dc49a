//! `fuzz [SEED [CALLS [BATCH]]]`: system calls with random numbers and hostile
//! arguments. The kernel must answer all of them, must not lose anything, and
//! must not write where the program may not.
//!
//! The calls are made in batches, each by a process of its own, so that what
//! kills it kills nobody else. What a batch does depends on the seed and the
//! batch's number alone: the same `SEED` makes the same calls, and with `BATCH`
//! it begins with that one.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::AtomicU8;

use user::abi::mapping::{
    MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, MAP_TYPE, PROT_EXEC, PROT_READ, PROT_WRITE,
};
use user::abi::meminfo::{PHYSICAL, PROCESSES, Physical, REGIONS};
use user::abi::{Errno, PAGE_SIZE, STDOUT, SystemCall, WNOHANG};
use user::arch::Registers;
use user::rng::Rng;
use user::start::Start;
use user::{arch, eprintln, meminfo, memory, println, process};

user::program!(main);

/// Calls in a batch. A process that made all of them says so with this number.
const BATCH: u32 = 250;
/// What a process gives to `exit` that saw the kernel do something wrong.
const WRONG: u8 = 255;
/// One of so many calls that could, asks for more memory than there is below the
/// limit. The kernel has to take all frames before it knows, which takes a while.
const MOST_MEMORY: u32 = 4096;
/// No record of meminfo is larger.
const MOST_RECORD_BYTES: u32 = 64;
/// Calls between two lines that say how far it is.
const CALLS_A_LINE: u32 = 100_000;
/// Times that others are let run, until all that have no parent any more have ended.
const PATIENCE: u32 = 10_000;

/// Memory that calls may write to. It begins and ends with pages.
#[repr(C, align(4096))]
struct Scratch([AtomicU8; 2 * PAGE_SIZE as usize]);

/// In the data segment, whose last pages it is. The kernel writes there.
static SCRATCH: Scratch = Scratch([const { AtomicU8::new(b'#') }; 2 * PAGE_SIZE as usize]);

fn main(start: &'static Start) -> u8 {
    let (Some(seed), Some(wanted), Some(first)) = (start.number(1, 1), start.number(2, 1_000_000), start.number(3, 0))
    else {
        eprintln!("usage: fuzz [SEED [CALLS [BATCH]]]");
        return 2;
    };
    if is_fuzzed() {
        // One of the calls has run this program, by the name that it found on the stack.
        return 0;
    }
    println!("fuzz: seed {seed}, {wanted} calls, from batch {first} on");
    let Some(others) = meminfo::physical().ok().map(|memory| memory.processes) else {
        eprintln!("fuzz: this kernel does not say what memory it has");
        return 1;
    };
    // The first batches may need memory that the kernel keeps for later ones.
    for warm_up in 0..8 {
        if let Err(code) = run_batch(seed, u32::MAX - warm_up) {
            return code;
        }
    }
    let Some(before) = measure(others) else { return 1 };
    println!("fuzz: before {}", Measured(&before));
    let (mut calls, mut killed, mut batch) = (0_u32, 0_u32, first);
    while calls < wanted {
        let made = match run_batch(seed, batch) {
            Ok(made) => made,
            Err(code) => {
                eprintln!("fuzz: to see this again: fuzz {seed} 1 {batch}");
                return code;
            }
        };
        if (calls + made) / CALLS_A_LINE != calls / CALLS_A_LINE {
            println!("fuzz: {} calls, seed {seed}, batch {batch}", calls + made);
        }
        calls += made;
        killed += u32::from(made < BATCH);
        batch += 1;
    }
    let Some(after) = measure(others) else { return 1 };
    println!("fuzz: after  {}", Measured(&after));
    let is_equal = important(&before) == important(&after);
    println!(
        "fuzz: seed {seed}: at least {calls} calls in {} processes, {killed} of which ended early; {}",
        batch - first,
        if is_equal { "nothing is lost" } else { "NOT EQUAL" }
    );
    u8::from(!is_equal)
}

/// Whether this process's parent runs the same program.
fn is_fuzzed() -> bool {
    let myself = meminfo::process(process::id());
    let parent = myself.and_then(|myself| meminfo::process(myself.parent).map(|parent| (myself, parent)));
    parent.is_ok_and(|(myself, parent)| myself.name() == parent.name())
}

/// The memory, once there are no more than so many processes.
fn measure(processes: u32) -> Option<Physical> {
    for _ in 0..PATIENCE {
        // Those that lost their parents, if this is the first process.
        while let Ok(Some(_)) = process::try_wait(None) {}
        match meminfo::physical() {
            Ok(memory) if memory.processes <= processes => return Some(memory),
            Ok(_) => process::yield_now(),
            Err(_) => break,
        }
    }
    eprintln!("fuzz: there are more than {processes} processes, though all of them should have ended");
    None
}

/// What has to be the same afterwards.
fn important(memory: &Physical) -> [u32; 6] {
    [
        // What the kernel's heap and tables keep for later is not lost.
        memory.free_frames + memory.kernel_heap_frames + memory.kernel_table_frames,
        memory.kernel_allocation_frames,
        memory.kernel_heap_bytes,
        memory.kernel_heap_blocks,
        memory.kernel_stacks,
        memory.processes,
    ]
}

/// The same, in words.
struct Measured<'a>(&'a Physical);

impl core::fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [free, allocations, bytes, blocks, stacks, processes] = important(self.0);
        write!(
            f,
            "{free} frames free or the kernel's own, {allocations} allocated; {bytes} bytes in {blocks} blocks; "
        )?;
        write!(f, "{stacks} kernel stacks, {processes} processes")
    }
}

/// Has a process make a batch of calls, and waits for its end: how many it made at least.
fn run_batch(seed: u32, batch: u32) -> Result<u32, u8> {
    let child = process::spawn(|| Fuzzer::new(seed, batch).run()).map_err(|errno| {
        eprintln!("fuzz: batch {batch}: no process: {errno}");
        1
    })?;
    loop {
        match process::wait(None) {
            Ok((ended, status)) if ended == child => match status.code() {
                Some(WRONG) => {
                    eprintln!("fuzz: batch {batch} saw the kernel do something wrong");
                    return Err(1);
                }
                Some(code) => return Ok(code.into()),
                // It was killed; it made one call at least to deserve that, or used memory that it had given back.
                None => return Ok(1),
            },
            // A grandchild that lost its parent.
            Ok(_) => {}
            Err(errno) => {
                eprintln!("fuzz: batch {batch}: cannot wait: {errno}");
                return Err(1);
            }
        }
    }
}

/// What is known about an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// In the scratch memory, with so many bytes from there on.
    Scratch,
    /// The program may not even read there, whatever it has done before.
    Never,
    /// In memory that the program may read, but not write to.
    ReadOnly,
    /// Nobody knows.
    Any,
}

/// Makes the calls of a batch.
struct Fuzzer {
    rng: Rng,
    made: u32,
    /// What is in memory that nobody may write to.
    code: u32,
}

impl Fuzzer {
    fn new(seed: u32, batch: u32) -> Self {
        Self { rng: Rng::new(u64::from(seed) << 32 | u64::from(batch)), made: 0, code: sum_of_code() }
    }

    fn run(mut self) -> u8 {
        while self.made < BATCH {
            if let Err(what) = self.step() {
                println!("fuzz: call {} of the batch: {what}", self.made);
                return WRONG;
            }
        }
        if sum_of_code() != self.code {
            println!("fuzz: the kernel wrote to the program's code or constants");
            return WRONG;
        }
        self.made as u8
    }

    /// Makes one call, and looks at the answer.
    fn step(&mut self) -> Result<(), &'static str> {
        match self.rng.below(100) {
            0 => self.fork(),
            1 if self.rng.below(8) == 0 => self.exit(),
            2..4 => self.execve(),
            4..6 => self.without_arguments(SystemCall::SchedYield),
            6..14 => self.unknown(),
            14..20 => self.nanosleep(),
            20..24 => self.without_arguments(SystemCall::Getpid),
            24..32 => self.brk(),
            32..40 => self.sbrk(),
            40..56 => self.waitpid(),
            56..66 => self.read(),
            66..82 => self.write(),
            82..88 => self.mmap(),
            88..91 => self.munmap(),
            91..94 => self.mprotect(),
            _ => self.meminfo(),
        }
    }

    fn exit(&mut self) -> Result<(), &'static str> {
        let any = self.rng.word();
        // The low eight bits say how many calls there were.
        let code = self.rng.word() << 8 | self.made;
        self.call(SystemCall::Exit, [code, any, 0, 0, 0])?.ok();
        Err("exit returned")
    }

    fn fork(&mut self) -> Result<(), &'static str> {
        let arguments = self.random();
        match self.call(SystemCall::Fork, arguments)? {
            Ok(0) => process::exit(self.rng.word() as u8),
            Ok(_) | Err(Errno::ENOMEM | Errno::EAGAIN) => Ok(()),
            Err(_) => Err("fork failed with an error that it does not have"),
        }
    }

    fn without_arguments(&mut self, call: SystemCall) -> Result<(), &'static str> {
        let arguments = self.random();
        self.call(call, arguments)?.map(drop).map_err(|_| "a call without arguments failed")
    }

    fn brk(&mut self) -> Result<(), &'static str> {
        let (address, any) = (self.break_address(), self.rng.word());
        let answer = self.call(SystemCall::Brk, [address, any, 0, 0, 0])?;
        // Never an error, though an address near the end would look like one.
        answer.map(drop).map_err(|_| "brk failed")
    }

    fn sbrk(&mut self) -> Result<(), &'static str> {
        let (bytes, any) = (self.increment(), self.rng.word());
        match self.call(SystemCall::Sbrk, [bytes, any, 0, 0, 0])? {
            Ok(_) | Err(Errno::ENOMEM) => Ok(()),
            Err(_) => Err("sbrk failed with an error that it does not have"),
        }
    }

    /// Makes a mapping, where it cannot be mistaken for what is never mapped: in its own area
    /// or, being small, below the stack.
    fn mmap(&mut self) -> Result<(), &'static str> {
        let hostile = self.rng.below(4) == 0;
        let flags = self.rng.choose(&[MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED]) | MAP_ANONYMOUS;
        let fixed = self.rng.choose(&[0, 0, MAP_FIXED, MAP_FIXED_NOREPLACE]);
        let protection = if self.rng.below(8) == 0 { self.rng.word() } else { self.rng.below(8) };
        let (address, length) = if hostile { self.hostile_range() } else { self.mapping_range() };
        let flags = if hostile && self.rng.below(4) == 0 { self.rng.word() & !MAP_TYPE } else { flags };
        // Whatever is hostile must be refused, so it is fixed.
        let fixed = if hostile && fixed == 0 { MAP_FIXED } else { fixed };
        match self.call(SystemCall::Mmap2, [address, length, protection, flags | fixed, u32::MAX])? {
            Ok(_) if hostile => Err("mmap mapped what it may not"),
            Ok(start) => {
                if protection & (PROT_READ | PROT_WRITE) == PROT_READ | PROT_WRITE && self.rng.below(2) == 0 {
                    touch(start + length.saturating_sub(1).min(self.rng.below(8 * PAGE_SIZE)));
                }
                Ok(())
            }
            Err(Errno::EINVAL | Errno::ENOMEM | Errno::EEXIST | Errno::EPERM | Errno::EBADF) => Ok(()),
            Err(_) => Err("mmap failed with an error that it does not have"),
        }
    }

    fn munmap(&mut self) -> Result<(), &'static str> {
        let hostile = self.rng.below(4) == 0;
        let (address, length) = if hostile { self.hostile_range() } else { self.mapping_range() };
        let any = self.rng.word();
        match self.call(SystemCall::Munmap, [address, length, any, 0, 0])? {
            Ok(_) if hostile => Err("munmap unmapped what it may not"),
            Ok(0) | Err(Errno::EINVAL | Errno::ENOMEM) => Ok(()),
            _ => Err("munmap answered what it does not"),
        }
    }

    fn mprotect(&mut self) -> Result<(), &'static str> {
        let (mut address, length) = self.mapping_range();
        let mut protection = self.rng.below(8);
        if self.rng.below(16) == 0 {
            // Its own code and constants; never so that somebody could write to them.
            (address, protection) = (0x0804_8000, self.rng.choose(&[PROT_READ, PROT_READ | PROT_EXEC]));
        } else if self.rng.below(4) == 0 {
            let range = self.hostile_range();
            return match self.call(SystemCall::Mprotect, [range.0 | 0xC000_0000, range.1, protection, 0, 0])? {
                Ok(0) if range.1 == 0 => Ok(()),
                Ok(_) => Err("mprotect changed the kernel half"),
                Err(_) => Ok(()),
            };
        }
        match self.call(SystemCall::Mprotect, [address, length, protection, 0, 0])? {
            Ok(0) | Err(Errno::EINVAL | Errno::ENOMEM | Errno::EACCES) => Ok(()),
            _ => Err("mprotect answered what it does not"),
        }
    }

    /// Pages of the area for mappings, or 0 for anywhere; seldom many.
    fn mapping_range(&mut self) -> (u32, u32) {
        let most = if self.rng.below(16) == 0 { 64 } else { 8 };
        let length = 1 + self.rng.below(most * PAGE_SIZE);
        let address = if self.rng.below(4) == 0 { 0 } else { 0x4000_0000 + self.rng.below(256) * PAGE_SIZE };
        (address, length)
    }

    /// A range that nothing can be mapped in or taken out of.
    fn hostile_range(&mut self) -> (u32, u32) {
        let page = self.rng.below(16) * PAGE_SIZE;
        match self.rng.below(8) {
            0 => (0xC000_0000 + page, 1 + self.rng.below(u32::MAX)),
            1 => (u32::MAX - self.rng.below(PAGE_SIZE), self.rng.word() | 1),
            2 => (0x0804_8000, 1 + page),
            3 => (0xBFFE_F000 + page, 1 + page),
            4 => (0x4000_0001 + page + self.rng.below(PAGE_SIZE - 1), 1 + page),
            5 => (0x4000_0000 + page, 0),
            6 => (0x4000_0000 + page, 0x8000_0000 + self.rng.below(0x7FFF_FFFF)),
            _ => (0xFFFF_0000 + page, 0x1_0000 + page),
        }
    }

    fn waitpid(&mut self) -> Result<(), &'static str> {
        let (pointer, kind) = self.pointer();
        let child = self.rng.choose(&[u32::MAX, u32::MAX, 0, 1, process::id(), i32::MIN.cast_unsigned()]);
        let child = if self.rng.below(4) == 0 { self.rng.word() } else { child };
        let options = if self.rng.below(8) == 0 { self.rng.word() | WNOHANG } else { WNOHANG };
        match self.call(SystemCall::Waitpid, [child, pointer, options, 0, 0])? {
            Ok(ended) if ended != 0 && kind == Kind::ReadOnly => Err("waitpid wrote to read-only memory"),
            Ok(ended) if ended != 0 && kind == Kind::Never && pointer != 0 => {
                Err("waitpid wrote where there is no memory")
            }
            _ => Ok(()),
        }
    }

    fn read(&mut self) -> Result<(), &'static str> {
        let ((pointer, _), length, any) = (self.pointer(), self.length(), self.rng.word());
        // Not 0: nobody types, so it would wait for ever.
        let fd = self.rng.choose(&[1, 2, 3, 4, 255, 1 << 16, u32::MAX, i32::MIN.cast_unsigned()]);
        match self.call(SystemCall::Read, [fd, pointer, length, any, 0])? {
            Ok(_) => Err("read from what is not open succeeded"),
            Err(_) => Ok(()),
        }
    }

    fn meminfo(&mut self) -> Result<(), &'static str> {
        let ((pointer, kind), length, any) = (self.pointer(), self.length(), self.rng.word());
        let what = self.rng.choose(&[PHYSICAL, PHYSICAL, PROCESSES, REGIONS, 3, u32::MAX]);
        let pid = self.rng.choose(&[0, 1, process::id(), 2, 1 << 20, u32::MAX]);
        let answer = self.call(SystemCall::Meminfo, [what, pointer, length, pid, any])?;
        // With room for no record it only counts them.
        let must_fail = matches!(kind, Kind::Never | Kind::ReadOnly) && length >= MOST_RECORD_BYTES;
        if answer.is_ok() && (what > REGIONS || must_fail) { Err("meminfo wrote where it may not") } else { Ok(()) }
    }

    /// A number that is no call's.
    fn unknown(&mut self) -> Result<(), &'static str> {
        let number = if self.rng.below(2) == 0 { self.rng.word() } else { self.rng.below(1100) };
        if SystemCall::new(number).is_some() {
            return Ok(());
        }
        let arguments = self.random();
        match self.call_number(number, arguments)? {
            Err(Errno::ENOSYS) => Ok(()),
            _ => Err("a call that there is not was not ENOSYS"),
        }
    }

    fn execve(&mut self) -> Result<(), &'static str> {
        let ((path, kind), (argv, _), (envp, _)) = (self.pointer(), self.pointer(), self.pointer());
        // A right name with wrong vectors, at times.
        let path = if self.rng.below(4) == 0 { c"echo".as_ptr().addr() as u32 } else { path };
        let must_fail = kind == Kind::Never && path != c"echo".as_ptr().addr() as u32;
        let answer = self.call(SystemCall::Execve, [path, argv, envp, 0, 0])?;
        if must_fail && answer.is_ok() { Err("execve took a path that is nowhere") } else { Ok(()) }
    }

    fn nanosleep(&mut self) -> Result<(), &'static str> {
        let (pointer, kind) = self.pointer();
        let any = self.rng.word();
        let answer = match kind {
            Kind::Never => self.call(SystemCall::Nanosleep, [pointer, any, 0, 0, 0])?,
            // What is there would be a time, and it might be long. So here are some that are not.
            _ => {
                let time = self.rng.choose(&[[0, 0], [0, 1000], [0, 1_000_000_000], [u32::MAX, 0], [0, u32::MAX]]);
                let time = core::hint::black_box(time);
                self.call(SystemCall::Nanosleep, [time.as_ptr().addr() as u32, pointer, 0, 0, 0])?
            }
        };
        if kind == Kind::Never && answer.is_ok() { Err("nanosleep read from nowhere") } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), &'static str> {
        let fd = self.rng.choose(&[0, STDOUT, STDOUT, STDOUT, 2, 3, 1000, u32::MAX]);
        let (pointer, kind) = self.pointer();
        let mut length = self.length();
        if matches!(fd, 1 | 2) && kind != Kind::Never {
            // So that nobody has to read what comes of it: nothing, or a mark now and then.
            let is_printed = kind == Kind::Scratch && self.rng.below(256) == 0;
            length = u32::from(is_printed);
        }
        let answer = self.call(SystemCall::Write, [fd, pointer, length, 0, 0])?;
        let must_fail = (kind == Kind::Never && length > 0) || !matches!(fd, 1 | 2);
        if must_fail && answer.is_ok() { Err("write from nowhere succeeded") } else { Ok(()) }
    }

    /// Makes a call, and looks whether the kernel kept the registers.
    fn call(&mut self, call: SystemCall, arguments: [u32; 5]) -> Result<Result<u32, Errno>, &'static str> {
        self.call_number(call.number(), arguments)
    }

    #[allow(unsafe_code)]
    fn call_number(&mut self, number: u32, arguments: [u32; 5]) -> Result<Result<u32, Errno>, &'static str> {
        let [ebx, ecx, edx, esi, edi] = arguments;
        let before = self.registers(Registers { eax: number, ebx, ecx, edx, esi, edi, ..Registers::default() });
        self.made += 1;
        // SAFETY: what may be written to is the scratch memory, or what this process
        // does not use; whatever else happens to it, that is what it is there for.
        let after = unsafe { arch::call_with(before) };
        // The flags of arithmetic are nobody's; of segments the program's own come back.
        if (Registers { eax: number, eflags: before.eflags, ..after }) != before {
            return Err("a register was not kept");
        }
        let answer = Errno::from_eax(after.eax);
        match answer {
            Err(errno) if errno.is_known() => Ok(answer),
            Err(_) => Err("an error that there is not"),
            Ok(_) => Ok(answer),
        }
    }

    /// With the registers that are no arguments: now and then as no program has them.
    fn registers(&mut self, registers: Registers) -> Registers {
        let real = arch::stack_pointer();
        let esp = match self.rng.below(8) {
            0 => self.rng.choose(&[0, 1, 4, 0xC000_0000, 0xFFC0_0000, u32::MAX, 0xBFFE_F004, 0x0804_8000]),
            1 => real - self.rng.below(64),
            2 => self.rng.word(),
            _ => real,
        };
        let flags = [arch::DIRECTION, arch::NESTED_TASK, arch::ALIGNMENT_CHECK];
        let eflags = if self.rng.below(4) == 0 { arch::FLAGS | self.rng.choose(&flags) } else { arch::FLAGS };
        // Without a segment nothing can be reached, which must not trouble the kernel.
        let segment = if self.rng.below(8) == 0 { self.rng.below(4) } else { arch::data_segment() };
        Registers { ebp: self.rng.word(), esp, eflags, segment, ..registers }
    }

    /// Five words that no call looks at.
    fn random(&mut self) -> [u32; 5] {
        core::array::from_fn(|_| self.rng.word())
    }

    /// An address, and what is known about it.
    fn pointer(&mut self) -> (u32, Kind) {
        let scratch = (&raw const SCRATCH).addr() as u32;
        let less = |rng: &mut Rng, address: u32| address.wrapping_sub(rng.below(64));
        let rng = &mut self.rng;
        match rng.below(16) {
            0 => (rng.below(64), Kind::Never),
            1 => (0xC000_0000 + rng.below(64), Kind::Never),
            2 => (0xC010_0000 + rng.below(1 << 20), Kind::Never),
            // The kernel's allocations, heap, stacks, temporary mappings, and the directory itself.
            3 => {
                let areas = [0xF000_0000, 0xF800_0000, 0xFC00_0000, 0xFF80_0000, 0xFFC0_0000, 0xFFFF_F000];
                (rng.choose(&areas) + rng.below(PAGE_SIZE), Kind::Never)
            }
            4 => (u32::MAX - rng.below(64), Kind::Never),
            5 => (PAGE_SIZE + rng.below(0x0800_0000), Kind::Never),
            6 => (0x9000_0000 + rng.below(0x1000_0000), Kind::Never),
            // The guard page, but not so near its end that a length would matter.
            7 => (0xBFFE_F000 + rng.below(PAGE_SIZE / 2), Kind::Never),
            // The end of the stack, where the strings are, and what lies over it.
            8 => (less(rng, 0xC000_0000), Kind::Any),
            // Code, constants; they may reach over their end.
            9 => (0x0804_8000 + rng.below(PAGE_SIZE), Kind::ReadOnly),
            10 => (less(rng, 0x0804_9000), Kind::ReadOnly),
            // The end of the heap, and around it.
            11 => (less(rng, memory::end()).wrapping_add(rng.below(64)), Kind::Any),
            // Over the end of what is mapped for the heap.
            12 => (less(rng, memory::end().next_multiple_of(PAGE_SIZE)), Kind::Any),
            _ => (scratch + rng.below(PAGE_SIZE), Kind::Scratch),
        }
    }

    /// A number of bytes that fits into the scratch memory, or one that does not fit anywhere.
    fn length(&mut self) -> u32 {
        match self.rng.below(8) {
            0 => self.rng.choose(&[0, 1, 2, 3]),
            1 => self.rng.choose(&[u32::MAX, u32::MAX - 1, i32::MIN.cast_unsigned(), i32::MAX.cast_unsigned()]),
            _ => self.rng.below(PAGE_SIZE),
        }
    }

    /// Where the end of the heap is to be.
    fn break_address(&mut self) -> u32 {
        let now = memory::end();
        match self.rng.below(8) {
            0 => 0,
            1 if self.rng.below(MOST_MEMORY) == 0 => self.rng.word(),
            1 => self.rng.word() | 0xC000_0000,
            2 => self.rng.choose(&[0x0804_8000, 0x1000_0000, 0xBFFE_F001, 0xBFFF_0000, 0xC000_0000, u32::MAX]),
            3 => 0x1000_0000,
            4 => now.wrapping_add(self.rng.below(2 * PAGE_SIZE)),
            5 => now.wrapping_sub(self.rng.below(8 * PAGE_SIZE)),
            6 => now & !(PAGE_SIZE - 1),
            _ => now.wrapping_add(self.rng.below(3)),
        }
    }

    /// By how much the end of the heap is to move.
    fn increment(&mut self) -> u32 {
        match self.rng.below(8) {
            0 => 0,
            1 => self.rng.choose(&[i32::MIN.cast_unsigned(), 0x9000_0000, 0xF000_0000]),
            2 if self.rng.below(MOST_MEMORY) == 0 => i32::MAX.cast_unsigned(),
            3 => self.rng.below(16 * PAGE_SIZE).wrapping_neg(),
            4 => self.rng.below(4 * PAGE_SIZE),
            _ => self.rng.below(64),
        }
    }
}

/// Writes to a page that may be written to, and ends this process if it has none to give.
#[allow(unsafe_code)]
fn touch(address: u32) {
    // SAFETY: it is in a mapping that this process has just made.
    unsafe { arch::poke(address, 1) };
}

/// The sum of what is in the first page, which nobody may write to.
#[allow(unsafe_code)]
fn sum_of_code() -> u32 {
    let bytes = 0x0804_8000..0x0804_8000 + PAGE_SIZE;
    // SAFETY: the program begins there, and may read it.
    bytes.fold(0, |sum: u32, address| sum.rotate_left(1) ^ u32::from(unsafe { arch::peek(address) }))
}
