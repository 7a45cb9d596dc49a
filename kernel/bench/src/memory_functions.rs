//! Measures the time of lab 00's functions and of those of the compiler's own library. Time,
//! because a count of instructions does not show the cost of a `rep` instruction.
//!
//! The time stamp counter ticks at the rate of the computer's own counter, with an emulator or without.

use core::hint::black_box;

use mm_api::MemoryFunctions;

use crate::machine::{println, ticks};

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
    #[cfg(feature = "memory-in-place")]
    ("folio memory", memory::FUNCTIONS),
    #[cfg(feature = "memory-champion")]
    ("folio memory champion", memory::CHAMPION),
];

/// The lengths of the calls, in bytes.
const LENGTHS: [usize; 8] = [1, 8, 24, 64, 256, 1024, 4096, 65536];
/// The largest length, with room for an overlap.
const ROOM: usize = 65536 + 64;
/// Bytes of the calls that are timed together: so many that reading the clock costs nothing.
const BYTES_A_SAMPLE: usize = 32768;
/// The number of samples, of which the shortest counts: other work of the computer only makes a sample
/// longer.
const SAMPLES: usize = 60;

/// Memory to work on.
struct Buffers {
    to: [u8; ROOM],
    from: [u8; ROOM],
}

static mut BUFFERS: Buffers = Buffers { to: [0; ROOM], from: [0; ROOM] };

/// Measures all candidates, and writes a line for each function and length.
pub fn measure_all() {
    println!("function,bytes,candidate,ticks");
    // SAFETY: this function is called once, and there is one processor.
    let Some(buffers) = (unsafe { (&raw mut BUFFERS).as_mut() }) else { return };
    let (to, from) = (buffers.to.as_mut_ptr(), buffers.from.as_ptr());
    for n in LENGTHS {
        for (name, functions) in CANDIDATES {
            let calls: [(&str, &dyn Fn()); 5] = [
                // SAFETY: the ranges are in the buffers.
                ("memcpy", &|| _ = unsafe { (functions.memcpy)(to, from, n) }),
                // SAFETY: the ranges are in the buffers.
                ("memset", &|| _ = unsafe { (functions.memset)(to, 0, n) }),
                // SAFETY: the ranges are in the buffers.
                ("memmove down", &|| _ = unsafe { (functions.memmove)(to, to.add(48), n) }),
                // SAFETY: the ranges are in the buffers.
                ("memmove up", &|| _ = unsafe { (functions.memmove)(to.add(48), to, n) }),
                // SAFETY: the ranges are in the buffers.
                ("memcmp", &|| _ = black_box(unsafe { (functions.memcmp)(to, from, n) })),
            ];
            for (function, call) in calls {
                println!("{function},{n},{name},{:.1}", time(call, n));
            }
        }
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
