//! The start of a program: the arguments that the kernel laid out on its stack.
//!
//! The words from the stack pointer on (System V ABI, i386 supplement, section 2.3.1): `argc`; the
//! addresses of the arguments; 0; the addresses of the environment's strings; 0; the auxiliary
//! vector, pairs of words up to a pair that begins with 0.

use core::ffi::{CStr, c_char};
use core::{ptr, slice};

use crate::process;

/// A program's `main`. Its result is the exit code.
#[doc(hidden)]
pub type Main = fn(&'static Start) -> u8;

unsafe extern "Rust" {
    /// The program's `main`, by the name that [`program!`](crate::program) gives it.
    safe fn folio_program_main() -> Main;
}

/// Sets the function that the program begins with: `fn(&'static Start) -> u8`.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        // The library refers to this name only, so it clashes with no other.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "Rust" fn folio_program_main() -> $crate::start::Main {
            $main
        }
    };
}

/// The arguments, the environment and the auxiliary vector that a program was started with.
#[derive(Debug)]
pub struct Start {
    stack_pointer: u32,
    argc: u32,
    argv: &'static [*const c_char],
    envp: &'static [*const c_char],
    auxv: &'static [[u32; 2]],
}

/// The first Rust function, called by `start.s` with the stack pointer that the kernel set.
#[unsafe(no_mangle)]
extern "C" fn folio_program_start(stack: *const u32) -> ! {
    // SAFETY: nothing ran before but `start.s`, and nothing writes to the words that the kernel
    // laid out.
    let start = unsafe { Start::read(stack) };
    // This function does not return, so the value lives for as long as the program does.
    let start: *const Start = &raw const start;
    // SAFETY: the value is never dropped, as stated above.
    process::exit(folio_program_main()(unsafe { &*start }))
}

impl Start {
    /// Reads the words that the kernel laid out.
    ///
    /// # Safety
    /// `stack` has to be the stack pointer that the program began with, and the words there must
    /// never be changed.
    unsafe fn read(stack: *const u32) -> Self {
        // SAFETY: the caller's promise: the stack begins with `argc`, and then has that many
        // pointers, a 0, pointers up to another 0, and pairs up to a third.
        unsafe {
            let argc = stack.read();
            let argv = stack.add(1);
            let envp = argv.add(argc as usize + 1);
            let variables = count(envp);
            let auxv = envp.add(variables + 1).cast::<[u32; 2]>();
            let mut pairs = 0;
            while (*auxv.add(pairs))[0] != abi::aux::NULL {
                pairs += 1;
            }
            Self {
                stack_pointer: stack.expose_provenance() as u32,
                argc,
                argv: slice::from_raw_parts(argv.cast(), argc as usize),
                envp: slice::from_raw_parts(envp.cast(), variables),
                auxv: slice::from_raw_parts(auxv, pairs),
            }
        }
    }

    /// The stack pointer that the program began with.
    #[must_use]
    pub fn stack_pointer(&self) -> u32 {
        self.stack_pointer
    }

    /// `argc`: the number of arguments, including the program's name.
    #[must_use]
    pub fn argc(&self) -> u32 {
        self.argc
    }

    /// The word after the last argument's address, which has to be 0.
    #[must_use]
    pub fn argv_end(&self) -> u32 {
        // SAFETY: `read` found the words up to the environment.
        unsafe { self.argv.as_ptr_range().end.cast::<u32>().read() }
    }

    /// The arguments, beginning with the program's name.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &'static CStr> + Clone {
        strings(self.argv)
    }

    /// Argument number `index`; `None` if it is missing or not UTF-8.
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<&'static str> {
        self.arguments().nth(index)?.to_str().ok()
    }

    /// Argument number `index` as a number: `or` if there is no such argument, `None` if it is not
    /// a number.
    #[must_use]
    pub fn number(&self, index: usize, or: u32) -> Option<u32> {
        if self.arguments().len() <= index { Some(or) } else { self.argument(index)?.parse().ok() }
    }

    /// The environment's strings, each as `NAME=value`.
    pub fn environment(&self) -> impl ExactSizeIterator<Item = &'static CStr> + Clone {
        strings(self.envp)
    }

    /// The auxiliary vector, as pairs of a kind and a value.
    pub fn auxiliary(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + Clone {
        self.auxv.iter().map(|&[kind, value]| (kind, value))
    }

    /// The addresses of the arguments, for tests of the kernel.
    #[must_use]
    pub fn argument_addresses(&self) -> impl ExactSizeIterator<Item = u32> + Clone {
        self.argv.iter().map(|pointer| pointer.addr() as u32)
    }
}

/// The strings that these pointers name.
fn strings(pointers: &'static [*const c_char]) -> impl ExactSizeIterator<Item = &'static CStr> + Clone {
    // SAFETY: the kernel laid out a NUL-terminated string for each of them.
    pointers.iter().map(|&pointer| unsafe { CStr::from_ptr(pointer) })
}

/// How many words come before the first 0.
///
/// # Safety
/// There has to be a 0.
unsafe fn count(words: *const u32) -> usize {
    let mut count = 0;
    // SAFETY: the caller's promise.
    while unsafe { ptr::read(words.add(count)) } != 0 {
        count += 1;
    }
    count
}
