//! The system calls.

/// Makes the enum and the way back from a number, from one list.
macro_rules! calls {
    ($($(#[$doc:meta])* $Name:ident = $number:literal,)*) => {
        /// A system call, by its number in `eax`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u32)]
        pub enum SystemCall {
            $($(#[$doc])* $Name = $number,)*
        }

        impl SystemCall {
            /// Every call, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$Name),*];

            /// The call with this number, if there is one.
            #[must_use]
            pub const fn new(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$Name),)*
                    _ => None,
                }
            }
        }
    };
}

calls! {
    /// `exit(code)`: ends the process; the low eight bits are what its parent gets to know.
    Exit = 1,
    /// `fork()`: makes a copy of the process. The answer is the copy's number, and 0 in the copy.
    Fork = 2,
    /// `read(fd, pointer, bytes)`: how many bytes came; 0 at the end of the file.
    Read = 3,
    /// `write(fd, pointer, bytes)`: how many bytes were taken.
    Write = 4,
    /// `waitpid(pid, pointer, options)`: the number of a child that ended, whose
    /// [`WaitStatus`](crate::WaitStatus) is stored where the pointer says, unless that is null.
    /// `pid` is the child's number, or −1 for any.
    Waitpid = 7,
    /// `execve(path, argv, envp)`: runs another program in this process.
    Execve = 11,
    /// `getpid()`: the number of this process.
    Getpid = 20,
    /// `brk(address)`: moves the end of the heap. The answer is where it is then:
    /// unchanged if it could not be moved, so `brk(0)` asks for it. Never an error.
    Brk = 45,
    /// `munmap(address, bytes)`: ends the mappings of these pages. The answer is 0.
    Munmap = 91,
    /// `mprotect(address, bytes, protection)`: says what the program may do with these pages.
    /// The answer is 0.
    Mprotect = 125,
    /// `sched_yield()`: lets others run.
    SchedYield = 158,
    /// `nanosleep(requested, remaining)`: sleeps at least as long as the two 32-bit
    /// words at `requested` say, seconds and nanoseconds. `remaining` may be null.
    Nanosleep = 162,
    /// `mmap2(address, bytes, protection, flags, fd, offset)`: memory where there was none; see
    /// [`mapping`](crate::mapping). The answer is its address.
    Mmap2 = 192,
    /// `meminfo(what, pointer, bytes, pid)`: see [`meminfo`](crate::meminfo).
    Meminfo = 1000,
    /// `sbrk(bytes)`: moves the end of the heap by a signed number of bytes. The
    /// answer is where it was before.
    Sbrk = 1001,
}

impl SystemCall {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_call() {
        for &call in SystemCall::ALL {
            assert_eq!(SystemCall::new(call.number()), Some(call));
        }
        assert!(SystemCall::ALL.is_sorted_by_key(|call| call.number()));
        for number in [0, 5, 999, 1002, u32::MAX] {
            assert_eq!(SystemCall::new(number), None);
        }
    }
}
