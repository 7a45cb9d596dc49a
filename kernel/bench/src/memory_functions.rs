//! Measures the time of lab 00's functions, of those of the compiler's own library, and of the
//! processor's string instructions. Time, because a count of instructions does not show the cost of a
//! `rep` instruction.
//!
//! The time stamp counter ticks at the rate of the computer's own counter, with an emulator or without.

use core::hint::black_box;

use mm_api::MemoryFunctions;

use crate::machine::{println, ticks};
use crate::string_instructions;

/// The compiler's own functions, which the benchmark is linked with.
mod library {
    unsafe extern "C" {
        pub fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
        pub fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
        pub fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8;
        pub fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32;
    }
}

/// `compiler_builtins`, called in the same way as the others.
const LIBRARY: MemoryFunctions = MemoryFunctions {
    // SAFETY: the caller's promise.
    memcpy: |dest, src, n| unsafe { library::memcpy(dest, src, n) },
    // SAFETY: the caller's promise.
    memmove: |dest, src, n| unsafe { library::memmove(dest, src, n) },
    // SAFETY: the caller's promise.
    memset: |dest, value, n| unsafe { library::memset(dest, value, n) },
    // SAFETY: the caller's promise.
    memcmp: |left, right, n| unsafe { library::memcmp(left, right, n) },
};

/// The implementations to be measured.
const CANDIDATES: &[(&str, MemoryFunctions)] = &[
    ("compiler_builtins", LIBRARY),
    ("rep movsd/stosd", string_instructions::FUNCTIONS),
    #[cfg(feature = "memory-in-place")]
    ("folio memory", memory::FUNCTIONS),
    #[cfg(feature = "memory-champion")]
    ("folio memory champion", memory::CHAMPION),
];

/// The lengths of the calls, in bytes.
const LENGTHS: [usize; 9] = [1, 8, 16, 24, 64, 256, 1024, 4096, 65536];
/// The largest length, with room for an overlap and for what is not aligned.
const ROOM: usize = 65536 + 64;
/// The distance between ranges that overlap, in bytes.
const SHIFT: usize = 48;
/// Bytes of the calls that are timed together: so many that reading the clock costs nothing.
const BYTES_A_SAMPLE: usize = 32768;
/// The number of samples, of which the shortest counts: other work of the computer only makes a sample
/// longer.
const SAMPLES: usize = 60;

/// Memory to work on.
#[repr(C, align(4096))]
struct Buffers {
    to: [u8; ROOM],
    from: [u8; ROOM],
}

static mut BUFFERS: Buffers = Buffers { to: [0; ROOM], from: [0; ROOM] };

/// Where the ranges of a call begin, in bytes behind a multiple of 4096.
struct Alignment {
    name: &'static str,
    dest: usize,
    src: usize,
}

/// In the second case no range begins at a word, and no word of one lies as in the other.
const ALIGNMENTS: [Alignment; 2] =
    [Alignment { name: "aligned", dest: 0, src: 0 }, Alignment { name: "unaligned", dest: 1, src: 3 }];

/// Measures all candidates, and writes a line for each function, alignment and length.
pub fn measure_all() {
    println!("function,alignment,bytes,candidate,ticks");
    for alignment in ALIGNMENTS {
        for n in LENGTHS {
            for (name, functions) in CANDIDATES {
                measure(name, functions, &alignment, n);
            }
        }
    }
}

/// Measures a candidate's functions on ranges of `n` bytes.
fn measure(name: &str, functions: &MemoryFunctions, alignment: &Alignment, n: usize) {
    let buffers = &raw mut BUFFERS;
    // SAFETY: the offsets are in the buffers.
    let (to, from, other) = unsafe {
        let to = (&raw mut (*buffers).to).cast::<u8>().add(alignment.dest);
        let start = (&raw mut (*buffers).to).cast::<u8>().add(alignment.src);
        (to, (&raw const (*buffers).from).cast::<u8>().add(alignment.src), start.add(SHIFT))
    };
    let calls: [(&str, &dyn Fn()); 5] = [
        // SAFETY: the ranges are in the buffers, here and below.
        ("memcpy", &|| _ = unsafe { (functions.memcpy)(to, from, n) }),
        // SAFETY: as above.
        ("memset", &|| _ = unsafe { (functions.memset)(to, 0, n) }),
        // SAFETY: as above.
        ("memmove down", &|| _ = unsafe { (functions.memmove)(to, other, n) }),
        // SAFETY: as above.
        ("memmove up", &|| _ = unsafe { (functions.memmove)(other, to, n) }),
        // SAFETY: as above.
        ("memcmp", &|| _ = black_box(unsafe { (functions.memcmp)(to, from, n) })),
    ];
    for (function, call) in calls {
        println!("{function},{},{n},{name},{:.1}", alignment.name, time(call, n));
    }
}

/// The ticks of a call: the shortest mean of several samples.
fn time(call: &dyn Fn(), n: usize) -> f64 {
    let calls = (BYTES_A_SAMPLE / n).clamp(4, 1000);
    let sample = || {
        let start = ticks();
        for _ in 0..calls {
            call();
        }
        ticks() - start
    };
    let least = (0..SAMPLES).map(|_| sample()).min().unwrap_or(0);
    least as f64 / calls as f64
}
