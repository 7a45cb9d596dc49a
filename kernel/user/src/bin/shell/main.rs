//! `shell`: runs programs, and shows how memory is used.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod line;
mod picture;
mod show;

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

use user::abi::{Errno, WaitStatus};
use user::process::{self, Fork};
use user::start::Start;
use user::{eprintln, io, print, println};

use crate::line::Command;

user::program!(main);

/// The exit code of a child that could not run its program.
const NOT_RUN: u8 = 126;

/// The programs that `help` lists.
const PROGRAMS: &[(&str, &str)] = &[
    ("hello", "say hello"),
    ("echo WORDS...", "print the words"),
    ("cat", "print what is typed, until Ctrl-D"),
    ("args WORDS...", "print what a program finds on its stack"),
    ("count [N [MS]] [busy]", "count to N, and sleep or work MS milliseconds between"),
    ("grow [MS]", "take memory, page by page, until there is none"),
    ("demo [MS]", "four programs that grow until memory is full"),
    ("crash KIND", "do something wrong; without KIND, say what there is"),
    ("forktree [DEPTH]", "a tree of processes, each of which makes two more"),
    ("soak [N]", "N processes' lives; then compare memory with before"),
    ("fuzz [SEED [N]]", "N system calls with random arguments"),
    ("costs", "count what forks, exits and system calls take"),
    ("costs-image", "the same with 4 MiB of zeros in the image"),
    ("brk-test [NAME]", "check the heap of a process (lab 04)"),
    ("stack-test [NAME]", "check the stacks of a process (lab 05)"),
    ("protect-test [NAME]", "check what a program may and may not do (lab 06)"),
];

fn main(start: &'static Start) -> u8 {
    let environment: Vec<&CStr> = start.environment().collect();
    println!("Folio's shell. `help` says what there is to do.");
    let mut buffer = [0; 512];
    loop {
        reap();
        print!("folio> ");
        match io::read_line(&mut buffer) {
            Ok(Some(line)) => {
                if let Some(code) = execute(line, &environment) {
                    return code;
                }
            }
            Ok(None) => {
                println!("exit");
                return 0;
            }
            Err(errno) => {
                eprintln!("shell: cannot read the terminal: {errno}");
                return 1;
            }
        }
    }
}

/// Executes a line. Returns the exit code if the shell is to end.
fn execute(line: &str, environment: &[&CStr]) -> Option<u8> {
    let command = match Command::parse(line) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("shell: {error}");
            return None;
        }
    };
    let words: Vec<&str> = command.words.iter().map(alloc::string::String::as_str).collect();
    match words[..] {
        [] => {}
        ["help"] => help(),
        ["exit"] => return Some(0),
        ["exit", code] => match code.parse() {
            Ok(code) => return Some(code),
            Err(_) => eprintln!("shell: exit takes a number from 0 to 255"),
        },
        ["ps"] => told(show::processes()),
        ["mem"] => told(show::physical()),
        ["mem", pid] => match pid.parse() {
            Ok(pid) => told(show::address_space(pid)),
            Err(_) => eprintln!("shell: mem takes the number of a process; `ps` lists them"),
        },
        ["exit" | "help" | "ps" | "mem", ..] => eprintln!("shell: too many words; see `help`"),
        [program, ..] => run(program, &command, environment),
    }
    None
}

/// Prints the error if the kernel did not answer.
fn told(answer: Result<(), Errno>) {
    if let Err(errno) = answer {
        eprintln!("shell: the kernel does not say: {errno}");
    }
}

fn help() {
    println!("Here:");
    for (what, text) in [
        ("ps", "the processes"),
        ("mem", "what physical memory is used for"),
        ("mem PID", "the address space of a process"),
        ("exit [CODE]", "end the shell, and with it the machine"),
    ] {
        println!("  {what:<22} {text}");
    }
    println!("Programs (with `&` at the end, the shell does not wait for them):");
    for (what, text) in PROGRAMS {
        println!("  {what:<22} {text}");
    }
}

/// Runs a program, and waits for it unless it is to run in the background.
fn run(program: &str, command: &Command, environment: &[&CStr]) {
    // No word contains a NUL: the terminal gives none.
    let arguments: Vec<CString> = command.words.iter().filter_map(|word| CString::new(word.as_str()).ok()).collect();
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    let Some(path) = arguments.first() else { return };
    let child = match process::fork() {
        Ok(Fork::Child) => {
            match process::exec(path, &arguments, environment) {
                Errno::ENOENT => eprintln!("shell: there is no program `{program}`; see `help`"),
                errno => eprintln!("shell: cannot run {program}: {errno}"),
            }
            process::exit(NOT_RUN)
        }
        Ok(Fork::Parent(child)) => child,
        Err(errno) => {
            eprintln!("shell: cannot make a process: {errno}");
            return;
        }
    };
    if command.background {
        println!("[{child}]");
        return;
    }
    // An orphan becomes a child of the first process, which is this one. So the shell waits for any
    // child; otherwise orphans would fill the table of processes.
    loop {
        match process::wait(None) {
            Ok((ended, status)) if ended == child => return tell_end(child, program, status),
            Ok((ended, status)) => println!("[{ended}] {status}"),
            Err(errno) => return eprintln!("shell: cannot wait for {program}: {errno}"),
        }
    }
}

/// Prints how a program ended, unless it succeeded or has reported its failure itself.
fn tell_end(pid: u32, program: &str, status: WaitStatus) {
    if !matches!(status.code(), Some(0 | NOT_RUN)) {
        println!("[{pid}] {program}: {status}");
    }
}

/// Reaps background programs that have ended, and prints how.
fn reap() {
    while let Ok(Some((child, status))) = process::try_wait(None) {
        println!("[{child}] {status}");
    }
}
