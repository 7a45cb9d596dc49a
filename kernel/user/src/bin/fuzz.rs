//! `fuzz [SEED [CALLS [BATCH]]]`: makes system calls with random numbers and hostile arguments. The
//! kernel must answer all of them, must not lose any memory, and must not write where the program
//! may not.
//!
//! The calls are made in batches, each by a process of its own, so that a deadly call ends only
//! that process. The calls of a batch depend only on the seed and on the batch's number: the same
//! `SEED` makes the same calls, and with `BATCH` the program begins with that batch.
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

/// Calls in a batch. A process that made all of them exits with this number.
const BATCH: u32 = 250;
/// The exit code of a process that saw the kernel do something wrong.
const WRONG: u8 = 255;
/// Of this many calls that could, one asks for more memory than the machine has, below the limit.
/// The kernel takes all frames before it finds out, which takes a while.
const MOST_MEMORY: u32 = 4096;
/// The size of the largest record of meminfo.
const MOST_RECORD_BYTES: u32 = 64;
/// Calls between two lines of progress.
const CALLS_A_LINE: u32 = 100_000;
/// How often other processes may run until all orphans have ended.
const PATIENCE: u32 = 10_000;

/// Memory that calls may write to. It begins and ends at page boundaries.
#[repr(C, align(4096))]
struct Scratch([AtomicU8; 2 * PAGE_SIZE as usize]);

/// The last pages of the data segment. The kernel writes there.
static SCRATCH: Scratch = Scratch([const { AtomicU8::new(b'#') }; 2 * PAGE_SIZE as usize]);

fn main(start: &'static Start) -> u8 {
    let (Some(seed), Some(wanted), Some(first)) = (start.number(1, 1), start.number(2, 1_000_000), start.number(3, 0))
    else {
        eprintln!("usage: fuzz [SEED [CALLS [BATCH]]]");
        return 2;
    };
    if is_fuzzed() {
        // One of the calls has run this program, by the name that lies on the stack.
        return 0;
    }
    println!("fuzz: seed {seed}, {wanted} calls, from batch {first} on");
    let Some(others) = meminfo::physical().ok().map(|memory| memory.processes) else {
        eprintln!("fuzz: this kernel does not say what memory it has");
        return 1;
    };
    // The first batches may need memory that the kernel then keeps.
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
    eprintln!("fuzz: there are more than {processes} processes, though all of them should have ended");
    None
}

/// The figures that must be the same afterwards.
fn important(memory: &Physical) -> [u32; 6] {
    [
        // Frames that the kernel keeps for its heap and its tables are not lost.
        memory.free_frames + memory.kernel_heap_frames + memory.kernel_table_frames,
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
        let [free, allocations, bytes, blocks, stacks, processes] = important(self.0);
        write!(
            f,
            "{free} frames free or the kernel's own, {allocations} allocated; {bytes} bytes in {blocks} blocks; "
        )?;
        write!(f, "{stacks} kernel stacks, {processes} processes")
    }
}

/// Makes a child that makes a batch of calls, and waits for its end. Returns how many calls it made
/// at least.
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
                // The child was killed. It made at least one call, or used memory that it had given
                // back.
                None => return Ok(1),
            },
            // An orphan has ended, which this process has to reap.
            Ok(_) => {}
            Err(errno) => {
                eprintln!("fuzz: batch {batch}: cannot wait: {errno}");
                return Err(1);
            }
        }
    }
}

/// The facts that are known about an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// It lies in the scratch memory, with a whole page after it.
    Scratch,
    /// The program may not even read there, no matter what it did before.
    Never,
    /// The program may read there, but not write.
    ReadOnly,
    /// Nothing is known.
    Any,
}

/// Makes the calls of a batch.
struct Fuzzer {
    rng: Rng,
    made: u32,
    /// A checksum of memory that nothing may write to.
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

    /// Makes one call, and checks the answer.
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
        // The low eight bits tell the parent how many calls there were.
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
        // It never fails, though an address near the end of memory would look like an error.
        answer.map(drop).map_err(|_| "brk failed")
    }

    fn sbrk(&mut self) -> Result<(), &'static str> {
        let (bytes, any) = (self.increment(), self.rng.word());
        match self.call(SystemCall::Sbrk, [bytes, any, 0, 0, 0])? {
            Ok(_) | Err(Errno::ENOMEM) => Ok(()),
            Err(_) => Err("sbrk failed with an error that it does not have"),
        }
    }

    /// Makes a mapping whose pages cannot be mistaken for addresses that are never mapped: in an
    /// area of its own or, if it is small, below the stack.
    fn mmap(&mut self) -> Result<(), &'static str> {
        let hostile = self.rng.below(4) == 0;
        let flags = self.rng.choose(&[MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED]) | MAP_ANONYMOUS;
        let fixed = self.rng.choose(&[0, 0, MAP_FIXED, MAP_FIXED_NOREPLACE]);
        let protection = if self.rng.below(8) == 0 { self.rng.word() } else { self.rng.below(8) };
        let (address, length) = if hostile { self.hostile_range() } else { self.mapping_range() };
        let flags = if hostile && self.rng.below(4) == 0 { self.rng.word() & !MAP_TYPE } else { flags };
        // A hostile range must be refused, so the mapping must be fixed.
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
            // The program's own code and constants, which must stay read-only.
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

    /// A range of pages in the area for mappings, or at any address if it is 0; seldom many pages.
    fn mapping_range(&mut self) -> (u32, u32) {
        let most = if self.rng.below(16) == 0 { 64 } else { 8 };
        let length = 1 + self.rng.below(most * PAGE_SIZE);
        let address = if self.rng.below(4) == 0 { 0 } else { 0x4000_0000 + self.rng.below(256) * PAGE_SIZE };
        (address, length)
    }

    /// A range in which nothing can be mapped or unmapped.
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
        // Not 0: no input comes, so the call would wait for ever.
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
        // Without room for a record, the call only counts.
        let must_fail = matches!(kind, Kind::Never | Kind::ReadOnly) && length >= MOST_RECORD_BYTES;
        if answer.is_ok() && (what > REGIONS || must_fail) { Err("meminfo wrote where it may not") } else { Ok(()) }
    }

    /// Makes a call with a number that no system call has.
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
        // Sometimes the name is valid, with invalid vectors.
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
            // The bytes there could be a long time to sleep, so this call uses times that are not.
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
            // Keeps the output short: nothing, or a single mark now and then.
            let is_printed = kind == Kind::Scratch && self.rng.below(256) == 0;
            length = u32::from(is_printed);
        }
        let answer = self.call(SystemCall::Write, [fd, pointer, length, 0, 0])?;
        let must_fail = (kind == Kind::Never && length > 0) || !matches!(fd, 1 | 2);
        if must_fail && answer.is_ok() { Err("write from nowhere succeeded") } else { Ok(()) }
    }

    /// Makes a call, and checks that the kernel preserved the registers.
    fn call(&mut self, call: SystemCall, arguments: [u32; 5]) -> Result<Result<u32, Errno>, &'static str> {
        self.call_number(call.number(), arguments)
    }

    #[allow(unsafe_code)]
    fn call_number(&mut self, number: u32, arguments: [u32; 5]) -> Result<Result<u32, Errno>, &'static str> {
        let [ebx, ecx, edx, esi, edi] = arguments;
        let before = self.registers(Registers { eax: number, ebx, ecx, edx, esi, edi, ..Registers::default() });
        self.made += 1;
        // SAFETY: the kernel may write to the scratch memory, or to memory that this process does
        // not use; this process exists to be harmed in any other way.
        let after = unsafe { arch::call_with(before) };
        // The kernel preserves all flags, and the segment registers are the program's own again.
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

    /// Adds the registers that are no arguments, sometimes with values that no program has.
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
        // Without a data segment no memory can be reached, which must not affect the kernel.
        let segment = if self.rng.below(8) == 0 { self.rng.below(4) } else { arch::data_segment() };
        Registers { ebp: self.rng.word(), esp, eflags, segment, ..registers }
    }

    /// Five words, for calls that ignore them.
    fn random(&mut self) -> [u32; 5] {
        core::array::from_fn(|_| self.rng.word())
    }

    /// An address, and the facts that are known about it.
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
            // The guard page, but not so close to its end that a length would matter.
            7 => (0xBFFE_F000 + rng.below(PAGE_SIZE / 2), Kind::Never),
            // The end of the stack, where the strings are, and addresses beyond it.
            8 => (less(rng, 0xC000_0000), Kind::Any),
            // Code and constants; a range may reach beyond their end.
            9 => (0x0804_8000 + rng.below(PAGE_SIZE), Kind::ReadOnly),
            10 => (less(rng, 0x0804_9000), Kind::ReadOnly),
            // The break, and addresses around it.
            11 => (less(rng, memory::end()).wrapping_add(rng.below(64)), Kind::Any),
            // Beyond the last page that is mapped for the heap.
            12 => (less(rng, memory::end().next_multiple_of(PAGE_SIZE)), Kind::Any),
            _ => (scratch + rng.below(PAGE_SIZE), Kind::Scratch),
        }
    }

    /// A number of bytes that fits into the scratch memory, or one that fits nowhere.
    fn length(&mut self) -> u32 {
        match self.rng.below(8) {
            0 => self.rng.choose(&[0, 1, 2, 3]),
            1 => self.rng.choose(&[u32::MAX, u32::MAX - 1, i32::MIN.cast_unsigned(), i32::MAX.cast_unsigned()]),
            _ => self.rng.below(PAGE_SIZE),
        }
    }

    /// The address for a call of `brk`.
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

    /// The number of bytes for a call of `sbrk`.
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

/// Writes to a writable page. The process ends if no frame is free for it.
#[allow(unsafe_code)]
fn touch(address: u32) {
    // SAFETY: it is in a mapping that this process has just made.
    unsafe { arch::poke(address, 1) };
}

/// A checksum of the program's first page, which nothing may write to.
#[allow(unsafe_code)]
fn sum_of_code() -> u32 {
    let bytes = 0x0804_8000..0x0804_8000 + PAGE_SIZE;
    // SAFETY: the program begins there, and may read the page.
    bytes.fold(0, |sum: u32, address| sum.rotate_left(1) ^ u32::from(unsafe { arch::peek(address) }))
}
