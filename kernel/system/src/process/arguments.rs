//! What a program is started with: its name, its arguments and its environment.

use abi::Errno;
use alloc::vec::Vec;
use mm_api::layout::PAGE_SIZE;
use mm_api::{ARGUMENTS_MAX, VirtAddr};

use super::address_space::AddressSpace;
use super::spawn_error::SpawnError;
use super::user_memory::{copy_in, word_in};

/// The most bytes of a path, including the NUL at its end.
const PATH: usize = 64;
/// Bytes that are searched for a NUL at a time. A power of two, so that no piece crosses from one
/// page into the next.
const PIECE: u32 = 64;

/// The path, the arguments and the environment that a program is started with.
pub struct Command {
    path: [u8; PATH],
    path_length: usize,
    /// The strings of `argv`, then those of `envp`, each with a NUL at its end.
    bytes: Vec<u8>,
    arguments: usize,
    count: usize,
}

impl Command {
    /// A program without arguments and environment.
    ///
    /// # Errors
    /// `ENAMETOOLONG` if the path is too long.
    fn new(path: &[u8]) -> Result<Self, Errno> {
        let mut copy = [0; PATH];
        copy.get_mut(..path.len()).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(path);
        Ok(Self { path: copy, path_length: path.len(), bytes: Vec::new(), arguments: 0, count: 0 })
    }

    /// A program with these arguments; its name becomes the first one.
    ///
    /// # Errors
    /// `ENAMETOOLONG`, `E2BIG`, `ENOMEM`.
    pub fn from_kernel(name: &str, arguments: &[&str]) -> Result<Self, Errno> {
        let mut command = Self::new(name.as_bytes())?;
        for argument in core::iter::once(&name).chain(arguments) {
            command.add(argument.as_bytes())?;
            command.end_string()?;
        }
        command.arguments = command.count;
        Ok(command)
    }

    /// Reads the arguments of `execve` from the calling program: a path, and two lists of strings,
    /// each an array of addresses that ends with a null. A list whose own address is null is empty.
    ///
    /// # Errors
    /// `EFAULT`, `ENAMETOOLONG`, `E2BIG`, `ENOMEM`.
    pub fn copy_in(space: &mut AddressSpace, path: VirtAddr, argv: VirtAddr, envp: VirtAddr) -> Result<Self, Errno> {
        let mut bytes = [0; PATH];
        let mut length = 0;
        read_string(space, path, |piece| {
            bytes.get_mut(length..length + piece.len()).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(piece);
            length += piece.len();
            Ok(())
        })?;
        let mut command = Self::new(&bytes[..length])?;
        command.add_list(space, argv)?;
        if command.count == 0 {
            // Programs rely on finding their name there.
            command.add(&bytes[..length])?;
            command.end_string()?;
        }
        command.arguments = command.count;
        command.add_list(space, envp)?;
        Ok(command)
    }

    fn add_list(&mut self, space: &mut AddressSpace, list: VirtAddr) -> Result<(), Errno> {
        if list == VirtAddr::new(0) {
            return Ok(());
        }
        let mut place = list;
        loop {
            match VirtAddr::new(word_in(space, place)?) {
                string if string == VirtAddr::new(0) => return Ok(()),
                string => read_string(space, string, |piece| self.add(piece))?,
            }
            self.end_string()?;
            place = place.checked_add(4).ok_or(Errno::EFAULT)?;
        }
    }

    /// Adds bytes to the last string. Refuses more than fits onto a stack with the addresses of the
    /// strings.
    fn add(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let size = self.bytes.len() + bytes.len() + 4 * self.count;
        if size > ARGUMENTS_MAX as usize {
            return Err(Errno::E2BIG);
        }
        self.bytes.try_reserve(bytes.len()).map_err(|_| Errno::ENOMEM)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn end_string(&mut self) -> Result<(), Errno> {
        self.add(&[0])?;
        self.count += 1;
        Ok(())
    }

    /// The name of the program: the part of the path after the last slash.
    pub fn program(&self) -> &str {
        let name = self.path[..self.path_length].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        // No program has a name that is not UTF-8.
        str::from_utf8(name).unwrap_or("?")
    }

    /// The strings: those of `argv`, then those of `envp`.
    ///
    /// # Errors
    /// If there is no memory for the list.
    pub fn strings(&self) -> Result<Vec<&[u8]>, SpawnError> {
        let mut strings = Vec::new();
        strings.try_reserve_exact(self.count).map_err(|_| SpawnError::KernelHeap)?;
        strings.extend(self.bytes.split_inclusive(|&byte| byte == 0).map(|string| &string[..string.len() - 1]));
        Ok(strings)
    }

    /// How many of the strings are `argv`.
    pub fn argument_count(&self) -> usize {
        self.arguments
    }
}

/// Calls `take` with the bytes of a string in the program's memory, piece by piece, without the
/// NUL.
fn read_string(
    space: &mut AddressSpace,
    mut address: VirtAddr,
    mut take: impl FnMut(&[u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    const { assert!(PAGE_SIZE.is_multiple_of(PIECE)) };
    loop {
        let mut piece = [0; PIECE as usize];
        let length = PIECE - address.as_u32() % PIECE;
        let piece = &mut piece[..length as usize];
        copy_in(space, address, piece)?;
        if let Some(end) = piece.iter().position(|&byte| byte == 0) {
            return take(&piece[..end]);
        }
        take(piece)?;
        address = address.checked_add(length).ok_or(Errno::EFAULT)?;
    }
}
