//! The system calls.

/// Defines the enum, and the conversion from a number, from one list.
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
    /// `exit(code)`: ends the process; its parent learns the low eight bits of `code`.
    Exit = 1,
    /// `fork()`: makes a copy of the process. The answer is the copy's number, and 0 in the copy.
    Fork = 2,
    /// `read(fd, pointer, bytes)`: reads at most `bytes` bytes. The answer is their number; 0 at
    /// the end of the file.
    Read = 3,
    /// `write(fd, pointer, bytes)`: writes bytes. The answer is how many the kernel took.
    Write = 4,
    /// `waitpid(pid, pointer, options)`: reaps a child that has ended. The answer is the child's
    /// number; its [`WaitStatus`](crate::WaitStatus) is stored at `pointer`, unless that is null.
    /// `pid` is the child's number, or −1 for any.
    Waitpid = 7,
    /// `execve(path, argv, envp)`: replaces the program of this process by another.
    Execve = 11,
    /// `getpid()`: the answer is the number of this process.
    Getpid = 20,
    /// `brk(address)`: moves the break, the end of the heap. The answer is the break afterwards,
    /// which is unchanged if it could not be moved. So `brk(0)` asks for the break. Never an error.
    Brk = 45,
    /// `munmap(address, bytes)`: ends the mappings of these pages. The answer is 0.
    Munmap = 91,
    /// `mprotect(address, bytes, protection)`: changes the program's rights to these pages. The
    /// answer is 0.
    Mprotect = 125,
    /// `sched_yield()`: lets other processes run.
    SchedYield = 158,
    /// `nanosleep(requested, remaining)`: sleeps at least as long as the two 32-bit
    /// words at `requested` say, seconds and nanoseconds. `remaining` may be null.
    Nanosleep = 162,
    /// `mmap2(address, bytes, protection, flags, fd, offset)`: makes a new mapping; see
    /// [`mapping`](crate::mapping). The answer is its address.
    Mmap2 = 192,
    /// `meminfo(what, pointer, bytes, pid)`: reports how memory is used; see
    /// [`meminfo`](crate::meminfo).
    Meminfo = 1000,
    /// `sbrk(bytes)`: moves the break by a signed number of bytes. The answer is the break before
    /// the move.
    Sbrk = 1001,
}

impl SystemCall {
    /// The call's number, as a program passes it in `eax`.
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
