//! The contracts of lab 06, rule by rule.
//!
//! `cargo test -p protect` tests your files, `cargo test -p protect --features
//! protect/solution` the reference.

mod common;

use common::*;
use mm_api::layout::KERNEL_BASE;
use mm_api::{
    Access, BadAddress, CpuFeatures, Decision, Enforced, Fault, FaultPolicy, KernelProtection, ProtectError,
    Protection, Purpose, Refusal, Region, Rights, Section, Sharing, UserCopy, VirtAddr,
};
use mm_host::FakeRegions;
use protect::{Copies, Faults, KernelRights};

const R: Rights = Rights::READ;
const RW: Rights = Rights::READ_WRITE;
const RX: Rights = Rights::READ_EXECUTE;

// --- The kernel itself.

#[test]
fn code_and_constants_are_read_only() {
    assert_eq!(KernelRights::rights(Section::Code), Some(Protection::KERNEL_READ));
    assert_eq!(KernelRights::rights(Section::Constants), Some(Protection::KERNEL_READ));
}

#[test]
fn guards_are_not_mapped() {
    assert_eq!(KernelRights::rights(Section::StackGuard), None);
}

#[test]
fn the_rest_is_the_kernel_s_to_write() {
    for section in [Section::Data, Section::Stack, Section::DirectMap] {
        assert_eq!(KernelRights::rights(section), Some(Protection::KERNEL_WRITE), "{section:?}");
    }
}

#[test]
fn what_there_is_is_enforced_and_nothing_else() {
    for [smep, smap, umip] in (0..8).map(|bits| [1, 2, 4].map(|bit| bits & bit != 0)) {
        let expected = Enforced { write_protect: true, smep, smap, umip };
        assert_eq!(KernelRights::enforce(CpuFeatures { smep, smap, umip }), expected);
    }
}

// --- Copies.

/// Copies in and out: both have to give the same answer, with the window closed.
fn copy(address: u32, length: usize, missing: &[u32]) -> (Result<(), BadAddress>, usize) {
    let start = VirtAddr::new(address);
    let (mut inward, mut outward) = (FakeWindow::without(missing), FakeWindow::without(missing));
    let mut bytes = vec![0; length];
    let answer = Copies::copy_in(&mut inward, start, &mut bytes);
    let copied = inward.copied(address);
    for (at, byte) in bytes.iter().enumerate() {
        let expected = if at < copied { byte_at(address + at as u32) } else { 0 };
        assert_eq!(*byte, expected, "byte {at} of {length} from {start}");
    }
    let text: Vec<u8> = (0..length as u32).map(|at| byte_at(address.wrapping_add(at))).collect();
    assert_eq!(Copies::copy_out(&mut outward, start, &text), answer, "copy_out() and copy_in() differ");
    assert_eq!(outward.copied(address), copied);
    assert!(outward.written.iter().all(|&(at, byte)| byte == byte_at(at)), "bytes are in each other's places");
    assert!(!inward.is_open && !outward.is_open, "the window is left open");
    if length == 0 {
        assert_eq!((inward.opened, outward.opened), (0, 0), "the window is opened for nothing");
    }
    (answer, copied)
}

#[test]
fn bytes_of_one_page_are_copied() {
    for (address, length) in [(0x0804_8000, 1), (0x0804_8010, 100), (0x0804_8000, 4096), (0x0804_8FFF, 1)] {
        assert_eq!(copy(address, length, &[]), (Ok(()), length));
    }
}

#[test]
fn bytes_of_several_pages_are_copied() {
    for (address, length) in [(0x0804_8FFF, 2), (0x1000_0001, 4096), (0x1000_0800, 3 * 4096), (0xBFFF_E001, 0x1FFF)] {
        assert_eq!(copy(address, length, &[]), (Ok(()), length));
    }
}

#[test]
fn the_kernel_half_is_refused_before_anything_is_copied() {
    for (address, length) in
        [(0xC000_0000, 1), (0xC010_0000, 4), (0xBFFF_FFFF, 2), (0xBFFF_0000, 0x1_0001), (u32::MAX, 1), (u32::MAX, 2)]
    {
        assert_eq!(copy(address, length, &[]), (Err(BadAddress), 0), "{length} bytes from {address:#x}");
    }
    assert_eq!(copy(0xFFFF_F000, 0x2000, &[]), (Err(BadAddress), 0), "the sum wraps");
}

#[test]
fn the_last_bytes_of_the_user_half_are_the_program_s() {
    assert_eq!(copy(0xBFFF_FFFF, 1, &[]), (Ok(()), 1));
    assert_eq!(copy(0xBFFF_F000, 4096, &[]), (Ok(()), 4096));
}

#[test]
fn a_missing_page_ends_a_copy_half_way() {
    assert_eq!(copy(0x1000_0800, 3 * 4096, &[0x10000]), (Err(BadAddress), 0));
    assert_eq!(copy(0x1000_0800, 3 * 4096, &[0x10001]), (Err(BadAddress), 0x800));
    assert_eq!(copy(0x1000_0800, 3 * 4096, &[0x10003]), (Err(BadAddress), 0x2800));
}

#[test]
fn nothing_is_copied_from_anywhere() {
    for address in [0, 0x0804_8000, 0xBFFF_FFFF] {
        assert_eq!(copy(address, 0, &[]), (Ok(()), 0));
    }
}

// --- Faults.

fn fault(address: u32, access: Access, region: Option<Region>, mapped: Option<Protection>) -> Fault {
    Fault { address: VirtAddr::new(address), access, region, mapped }
}

/// A region of two pages at 0x1000_0000.
fn at(rights: Rights, purpose: Purpose) -> Option<Region> {
    Some(region(0x10000, 0x10002, rights, purpose))
}

#[test]
fn each_refusal_has_its_reason() {
    let here = 0x1000_0123;
    for (address, access, region, refusal) in [
        (KERNEL_BASE.as_u32(), Access::Read, None, Refusal::KernelHalf),
        (u32::MAX, Access::Execute, None, Refusal::KernelHalf),
        (0, Access::Write, None, Refusal::NullPage),
        (0xFFF, Access::Read, None, Refusal::NullPage),
        (0x1000, Access::Read, None, Refusal::Unmapped),
        (here, Access::Read, at(Rights::NONE, Purpose::Guard), Refusal::Guard),
        (here, Access::Read, at(RW, Purpose::Guard), Refusal::Guard),
        (here, Access::Read, at(Rights::NONE, Purpose::Mapping), Refusal::NoAccess),
        (here, Access::Write, at(Rights::NONE, Purpose::Heap), Refusal::NoAccess),
        (here, Access::Write, at(R, Purpose::Stack), Refusal::ReadOnly),
        (here, Access::Write, at(RX, Purpose::Image), Refusal::ReadOnly),
        (here, Access::Read, at(RX, Purpose::Image), Refusal::Missing),
        (here, Access::Write, at(RW, Purpose::Heap), Refusal::Missing),
    ] {
        let decision = Faults::decide(&fault(address, access, region, None));
        assert_eq!(decision, Decision::Refuse(refusal), "{access:?} at {address:#x}, {region:?}");
    }
}

#[test]
fn what_the_tables_say_makes_nothing_the_program_s() {
    let mapped = Some(Protection::USER_WRITE);
    for (address, region, refusal) in [
        (0xC010_0000, None, Refusal::KernelHalf),
        (4, Some(region(0, 1, RW, Purpose::Mapping)), Refusal::NullPage),
        (0x1000_0000, None, Refusal::Unmapped),
        (0x1000_0000, at(RW, Purpose::Guard), Refusal::Guard),
        (0x1000_0000, at(Rights::NONE, Purpose::Mapping), Refusal::NoAccess),
        (0x1000_0000, at(R, Purpose::Mapping), Refusal::ReadOnly),
    ] {
        let decision = Faults::decide(&fault(address, Access::Write, region, mapped));
        assert_eq!(decision, Decision::Refuse(refusal), "at {address:#x}, {region:?}");
    }
}

#[test]
fn what_the_region_allows_is_made_possible() {
    let (read, write) = (Some(Protection::USER_READ), Some(Protection::USER_WRITE));
    for (access, purpose, mapped, decision) in [
        (Access::Read, Purpose::Mapping, None, Decision::Fill),
        (Access::Write, Purpose::Mapping, None, Decision::Fill),
        (Access::Read, Purpose::Stack, None, Decision::GrowStack),
        (Access::Write, Purpose::Stack, None, Decision::GrowStack),
        (Access::Write, Purpose::Mapping, read, Decision::CopyOnWrite),
        (Access::Write, Purpose::Heap, read, Decision::CopyOnWrite),
        (Access::Write, Purpose::Image, read, Decision::CopyOnWrite),
        (Access::Write, Purpose::Stack, read, Decision::CopyOnWrite),
        (Access::Read, Purpose::Heap, read, Decision::GoOn),
        (Access::Execute, Purpose::Mapping, read, Decision::GoOn),
        (Access::Write, Purpose::Mapping, write, Decision::GoOn),
        (Access::Read, Purpose::Image, write, Decision::GoOn),
    ] {
        let seen = Faults::decide(&fault(0x1000_1FFF, access, at(RW, purpose), mapped));
        assert_eq!(seen, decision, "{access:?}, {purpose:?}, {mapped:?}");
    }
}

#[test]
fn any_right_lets_a_program_read_on_this_processor() {
    for rights in [R, RX, Rights { read: false, write: true, execute: false }] {
        let region = at(rights, Purpose::Mapping);
        let seen = Faults::decide(&fault(0x1000_0000, Access::Read, region, Some(Protection::USER_READ)));
        assert_eq!(seen, Decision::GoOn, "{rights}");
    }
}

// --- mprotect.

/// A heap, a hole, a mapping, and a guard below a stack.
fn program() -> FakeRegions {
    FakeRegions::new(&[
        region(0x10, 0x18, RW, Purpose::Heap),
        region(0x20, 0x28, RW, Purpose::Mapping),
        region(0x2F, 0x30, Rights::NONE, Purpose::Guard),
        region(0x30, 0x38, RW, Purpose::Stack),
    ])
}

#[test]
fn a_whole_region_gets_other_rights() {
    let mut list = program();
    mprotect(&mut list, range(0x10, 0x18), R).unwrap();
    assert_eq!(list.as_slice()[0], region(0x10, 0x18, R, Purpose::Heap));
    assert_eq!(list.as_slice()[1..], program().as_slice()[1..]);
}

#[test]
fn a_part_is_cut_out() {
    let mut list = program();
    mprotect(&mut list, range(0x12, 0x14), R).unwrap();
    let heap = |first, end, rights| region(first, end, rights, Purpose::Heap);
    assert_eq!(list.as_slice()[..3], [heap(0x10, 0x12, RW), heap(0x12, 0x14, R), heap(0x14, 0x18, RW)]);
    mprotect(&mut list, range(0x10, 0x11), RX).unwrap();
    assert_eq!(list.as_slice()[..2], [heap(0x10, 0x11, RX), heap(0x11, 0x12, RW)]);
    mprotect(&mut list, range(0x17, 0x18), RX).unwrap();
    assert_eq!(list.as_slice()[4], heap(0x17, 0x18, RX));
}

#[test]
fn what_becomes_alike_is_merged() {
    let mut list = program();
    mprotect(&mut list, range(0x12, 0x14), R).unwrap();
    mprotect(&mut list, range(0x12, 0x14), RW).unwrap();
    assert_eq!(list.as_slice(), program().as_slice());
    mprotect(&mut list, range(0x12, 0x13), R).unwrap();
    mprotect(&mut list, range(0x13, 0x14), R).unwrap();
    assert_eq!(list.as_slice()[1], region(0x12, 0x14, R, Purpose::Heap));
}

#[test]
fn what_is_unlike_or_elsewhere_is_not_merged() {
    let heap = region(0x10, 0x12, RW, Purpose::Heap);
    let regions = vec![
        heap,
        region(0x12, 0x14, RW, Purpose::Mapping),
        Region { sharing: Sharing::Shared, ..region(0x14, 0x16, R, Purpose::Mapping) },
        region(0x18, 0x1A, RW, Purpose::Mapping),
        region(0x1A, 0x1C, RW, Purpose::Mapping),
    ];
    let mut list = FakeRegions::new(&regions);
    mprotect(&mut list, range(0x10, 0x14), RW).unwrap();
    mprotect(&mut list, range(0x14, 0x16), R).unwrap();
    assert_eq!(list.as_slice(), regions);
}

#[test]
fn no_page_at_all_is_no_error() {
    for first in [0, 0x10, 0x12, 0x19, 0x2F, 0x38, 0xC_0000] {
        let mut list = program();
        mprotect(&mut list, range(first, first), R).unwrap();
        assert_eq!(list, program());
    }
}

#[test]
fn errors_change_nothing() {
    for (first, end, error) in [
        (0x0F, 0x11, ProtectError::NotMapped),
        (0x16, 0x19, ProtectError::NotMapped),
        (0x16, 0x22, ProtectError::NotMapped),
        (0x18, 0x20, ProtectError::NotMapped),
        (0x36, 0x39, ProtectError::NotMapped),
        (0x38, 0x39, ProtectError::NotMapped),
        (0xC_0000, 0xC_0001, ProtectError::NotMapped),
        (0x2F, 0x30, ProtectError::Guard),
        (0x2F, 0x32, ProtectError::Guard),
        (0x2F, 0x40, ProtectError::Guard),
        (0x26, 0x32, ProtectError::NotMapped),
    ] {
        let mut list = program();
        assert_eq!(mprotect(&mut list, range(first, end), R), Err(error), "{first:#x} to {end:#x}");
        assert_eq!(list, program());
    }
}
