//! `args WORDS…`: prints the words and strings that the kernel laid out on its stack, and whether
//! they are as the System V ABI requires.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::abi::aux;
use user::println;
use user::start::Start;

user::program!(main);

fn main(start: &Start) -> u8 {
    println!("stack pointer  {:#010x}", start.stack_pointer());
    println!("argc           {}", start.argc());
    for (index, (argument, address)) in start.arguments().zip(start.argument_addresses()).enumerate() {
        println!("argv[{index}]        {address:#010x} {argument:?}");
    }
    for (index, variable) in start.environment().enumerate() {
        println!("envp[{index}]        {variable:?}");
    }
    for (kind, value) in start.auxiliary() {
        let name = match kind {
            aux::PHDR => "AT_PHDR",
            aux::PHENT => "AT_PHENT",
            aux::PHNUM => "AT_PHNUM",
            aux::PAGESZ => "AT_PAGESZ",
            aux::ENTRY => "AT_ENTRY",
            _ => "",
        };
        println!("auxv {kind:>3} {name:<9} {value:#010x}");
    }
    let mut wrong = 0;
    let mut check = |is_right: bool, rule: &str| {
        if !is_right {
            println!("wrong: {rule}");
            wrong += 1;
        }
    };
    check(start.stack_pointer().is_multiple_of(16), "the stack pointer is a multiple of 16 where a program begins");
    check(start.argv_end() == 0, "a 0 follows the arguments' addresses");
    check(start.argument_addresses().all(|address| address > start.stack_pointer()), "the strings lie further up");
    let page_size = start.auxiliary().find(|&(kind, _)| kind == aux::PAGESZ).map(|(_, value)| value);
    check(page_size.is_none_or(|size| size == user::abi::PAGE_SIZE), "AT_PAGESZ is 4096");
    check(user::arch::code_segment() & 3 == 3, "a program runs in ring 3");
    u8::from(wrong > 0)
}
