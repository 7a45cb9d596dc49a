//! `ps` and `mem`: show the answers of `meminfo` as tables and pictures.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use user::abi::meminfo::{
    ENDED, EXECUTE, GUARD, HEAP, IMAGE, MAPPING, Physical, Process, READ, READY, RUNNING, Region, SHARED, STACK,
    WAITING, WRITE, trim_name,
};
use user::abi::{Errno, PAGE_SIZE};
use user::{meminfo, print, println};

use crate::picture::{Part, bar};

/// Rows of the picture of physical memory.
const ROWS: u32 = 4;
/// The characters for processes in the picture, one after the other.
const SIGNS: &str = "123456789abcdefghijklmnopqrstuvwxyz";

/// Prints the processes, one per line.
pub fn processes() -> Result<(), Errno> {
    let rate = meminfo::physical()?.ticks_per_second.max(1);
    println!("  PID PARENT STATE    CPU(ms)  KiB  image heap stack mapped shared tables kernel  NAME");
    for process in meminfo::processes()? {
        let state = match process.state {
            RUNNING => "running",
            READY => "ready",
            WAITING => "waiting",
            ENDED => "ended",
            _ => "?",
        };
        println!(
            "{:>5} {:>6} {state:<8} {:>7} {:>4}  {:>5} {:>4} {:>5} {:>6} {:>6} {:>6} {:>6}  {}",
            process.pid,
            process.parent,
            u64::from(process.ticks) * 1000 / u64::from(rate),
            kib(process.frames()),
            process.image_frames,
            process.heap_frames,
            process.stack_frames,
            process.mapping_frames,
            process.shared_frames,
            process.table_frames,
            process.kernel_stack_frames,
            trim_name(&process.name()),
        );
    }
    Ok(())
}

/// Prints the use of physical memory, by owner.
pub fn physical() -> Result<(), Errno> {
    let memory = meminfo::physical()?;
    let processes = meminfo::processes()?;
    let reserved = memory.memory_frames.saturating_sub(memory.managed_frames);
    let kernel = [
        ('.', "free", memory.free_frames),
        ('#', "reserved: the kernel's image, programs, records", reserved),
        ('T', "the kernel's page directory and tables", memory.kernel_table_frames),
        ('H', "the kernel's heap", memory.kernel_heap_frames),
        ('V', "the kernel's virtual allocations", memory.kernel_allocation_frames),
        ('K', "the kernel, for anything else", memory.kernel_other_frames),
        ('S', "shared by several processes", memory.shared_frames),
    ];
    println!("Physical memory: {} frames, {} KiB", memory.memory_frames, kib(memory.memory_frames));
    let signs = || SIGNS.chars().chain(core::iter::repeat('*'));
    let used = kernel.iter().skip(1).map(|&(sign, _, size)| Part { sign, size });
    let owned = processes.iter().zip(signs()).map(|(process, sign)| Part { sign, size: process.frames() });
    let free = Part { sign: '.', size: memory.free_frames };
    bar(&used.chain(owned).chain([free]).collect::<Vec<_>>(), ROWS);
    for (sign, text, frames) in kernel {
        print_owner(sign, frames, text);
    }
    for (process, sign) in processes.iter().zip(signs()) {
        print!("  {sign} {:>7} frames {:>8} KiB  process {}, ", process.frames(), kib(process.frames()), process.pid);
        println!("{}", trim_name(&process.name()));
    }
    let sum = accounted(&memory, &processes);
    if sum != memory.managed_frames {
        println!("  {} frames are managed, but the sum is {sum}", memory.managed_frames);
    }
    println!(
        "The kernel's heap has {} bytes in {} blocks in use; there are {} kernel stacks.",
        memory.kernel_heap_bytes, memory.kernel_heap_blocks, memory.kernel_stacks
    );
    Ok(())
}

fn print_owner(sign: char, frames: u32, text: &str) {
    println!("  {sign} {frames:>7} frames {:>8} KiB  {text}", kib(frames));
}

/// The number of all managed frames, added up by owner.
fn accounted(memory: &Physical, processes: &[Process]) -> u32 {
    let kernel = memory.kernel_table_frames
        + memory.kernel_heap_frames
        + memory.kernel_allocation_frames
        + memory.kernel_other_frames;
    memory.free_frames + memory.shared_frames + kernel + processes.iter().map(Process::frames).sum::<u32>()
}

/// Prints a process's address space, beginning with the highest address.
pub fn address_space(pid: u32) -> Result<(), Errno> {
    let mut regions = meminfo::regions(pid)?;
    regions.sort_by_key(|region| Reverse(region.start));
    println!("Address space of process {pid}: what is mapped (#), and what may be (.)");
    println!("  0xffffffff +--------------------+");
    println!("             | the kernel         | the same in every process");
    let mut above = 0xC000_0000;
    println!("  {above:#010x} +--------------------+");
    for region in &regions {
        if region.end < above {
            print_gap(above - region.end);
            println!("  {:#010x} +--------------------+", region.end);
        }
        print_region(region);
        println!("  {:#010x} +--------------------+", region.start);
        above = region.start;
    }
    if above > 0 {
        print_gap(above);
        println!("  0x00000000 +--------------------+");
    }
    Ok(())
}

fn print_gap(bytes: u32) {
    println!("             :                    : {}", Size(bytes));
}

fn print_region(region: &Region) {
    let has = |bit| region.rights & bit != 0;
    let name = match region.kind {
        IMAGE if has(EXECUTE) => "code",
        IMAGE if has(WRITE) => "data",
        IMAGE => "constants",
        HEAP => "heap",
        STACK => "stack",
        GUARD => "guard",
        MAPPING => "mapping",
        _ => "?",
    };
    let pages = (region.end - region.start) / PAGE_SIZE;
    // As in Linux's /proc/PID/maps.
    let letter = |bit, letter| if has(bit) { letter } else { '-' };
    let sharing = if has(SHARED) { 's' } else { 'p' };
    let rights = [letter(READ, 'r'), letter(WRITE, 'w'), letter(EXECUTE, 'x'), sharing];
    let rights: String = rights.iter().collect();
    const CELLS: u32 = 20;
    let cells = pages.clamp(1, CELLS);
    let mapped = (u64::from(region.mapped_pages) * u64::from(cells)).div_ceil(u64::from(pages.max(1))) as u32;
    // A stack is mapped from its end downwards, any other region from its start.
    let mapped = if region.kind == STACK { cells - mapped.min(cells)..cells } else { 0..mapped };
    let signs = (0..CELLS).map(|cell| match cell {
        cell if cell >= cells || region.kind == GUARD => ' ',
        cell if mapped.contains(&cell) => '#',
        _ => '.',
    });
    let picture: String = signs.collect();
    println!(
        "             |{picture}| {name:<9} {rights}  {}, {} of {pages} pages mapped",
        Size(region.end - region.start),
        region.mapped_pages
    );
}

/// A number of bytes, printed as KiB or MiB.
struct Size(u32);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 10 << 20 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{} KiB", bytes >> 10),
        }
    }
}

fn kib(frames: u32) -> u32 {
    frames * (PAGE_SIZE / 1024)
}
