//! Loads a program.

use abi::aux;
use alloc::vec::Vec;
use kernel_core::trap::TrapFrame;
use loader::Program;
use mm_api::layout::PAGE_SIZE;
use mm_api::{Arguments, Auxiliary};

use super::address_space::AddressSpace;
use super::arguments::Command;
use super::spawn_error::SpawnError;

/// Bytes of a program header in a 32-bit ELF file.
const PROGRAM_HEADER_BYTES: u32 = 32;

/// Loads a program and destroys its memory again, to find out whether it can be loaded.
///
/// # Errors
/// See [`SpawnError`].
pub fn try_to_load(file: &[u8]) -> Result<(), SpawnError> {
    let command = Command::from_kernel("program", &[]).map_err(SpawnError::Arguments)?;
    let (space, _) = load(file, &command)?;
    space.destroy();
    Ok(())
}

/// Loads a program with its arguments. Returns its memory, and the registers that it begins with.
///
/// # Errors
/// See [`SpawnError`].
pub fn load(file: &[u8], command: &Command) -> Result<(AddressSpace, TrapFrame), SpawnError> {
    let program = Program::new(file).map_err(SpawnError::NotAProgram)?;
    let entry = program.entry();
    let known = [
        Auxiliary { kind: aux::PAGESZ, value: PAGE_SIZE },
        Auxiliary { kind: aux::ENTRY, value: entry.as_u32() },
        Auxiliary { kind: aux::PHENT, value: PROGRAM_HEADER_BYTES },
        Auxiliary { kind: aux::PHNUM, value: program.program_header_count() },
        Auxiliary { kind: aux::PHDR, value: program.program_headers().map_or(0, |address| address.as_u32()) },
    ];
    // The last three describe program headers that are in memory.
    let auxv = if program.program_headers().is_some() { &known[..] } else { &known[..2] };
    let strings: Vec<&[u8]> = command.strings()?;
    let (argv, envp) = strings.split_at(command.argument_count());
    let (space, stack) = AddressSpace::load(&program, &Arguments { argv, envp, auxv })?;
    Ok((space, TrapFrame::for_user(entry, stack)))
}
