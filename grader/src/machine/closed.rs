//! Whether an instruction's effect depends on registers and memory alone.
//!
//! An instruction that asks a device, a clock or a counter may do something else the next time, and so may one that
//! changes what the processor keeps beside its registers. Only instructions that are listed here are taken for *closed*:
//! those of ordinary code for integers. The numbers are those of Intel's SDM, volume 2, appendix A, "Opcode Map".

/// The longest instruction, in bytes.
pub const LONGEST: usize = 15;

/// The bytes that may stand before an instruction: segments, sizes, LOCK and REP.
const PREFIXES: [u8; 11] = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3];

/// Whether the instruction that these bytes begin with is closed.
pub fn is_closed(bytes: &[u8]) -> bool {
    let after = bytes.iter().take(LONGEST).skip_while(|byte| PREFIXES.contains(byte)).copied().collect::<Vec<u8>>();
    match after[..] {
        [0x0F, second, third, ..] => is_closed_in_the_second_map(second, register_field(third)),
        [first, second, ..] => is_closed_in_the_first_map(first, register_field(second)),
        _ => false,
    }
}

/// The middle field of the byte that describes operands. In some opcodes it tells instructions apart.
const fn register_field(byte: u8) -> u8 {
    byte >> 3 & 7
}

/// The opcodes of one byte.
const fn is_closed_in_the_first_map(opcode: u8, field: u8) -> bool {
    match opcode {
        // Arithmetic. The last two columns push and pop segments, or are decimal.
        0x00..=0x3F => opcode & 7 < 6,
        // INC, DEC, PUSH, POP, PUSHA, POPA.
        0x40..=0x61 => true,
        // PUSH and IMUL with a constant.
        0x68..=0x6B => true,
        // Jcc, arithmetic with a constant, TEST, XCHG, MOV, LEA, POP.
        0x70..=0x8B | 0x8D | 0x8F => true,
        // XCHG, NOP and PAUSE, CBW, CWD, PUSHF, POPF, SAHF, LAHF.
        0x90..=0x99 | 0x9C..=0x9F => true,
        // MOV, strings, TEST, shifts, RET.
        0xA0..=0xC3 => true,
        // MOV, ENTER, LEAVE, shifts.
        0xC6..=0xC9 | 0xD0..=0xD3 => true,
        // LOOP, JCXZ, CALL, JMP.
        0xE0..=0xE3 | 0xE8 | 0xE9 | 0xEB => true,
        // CMC, TEST to IDIV, CLC, STC, CLI, STI, CLD, STD, INC, DEC.
        0xF5..=0xFE => true,
        // INC, DEC, CALL, JMP, PUSH; the far calls and jumps load a segment.
        0xFF => matches!(field, 0 | 1 | 2 | 4 | 6),
        _ => false,
    }
}

/// The opcodes that begin with 0F.
const fn is_closed_in_the_second_map(opcode: u8, field: u8) -> bool {
    match opcode {
        // PREFETCH and NOP.
        0x0D | 0x18..=0x1F => true,
        // CMOVcc, Jcc, SETcc.
        0x40..=0x4F | 0x80..=0x9F => true,
        // BT, SHLD, BTS, SHRD, IMUL.
        0xA3..=0xA5 | 0xAB..=0xAD | 0xAF => true,
        // CMPXCHG, BTR, MOVZX, POPCNT, BT to BTC, BSF, BSR, MOVSX, XADD.
        0xB0 | 0xB1 | 0xB3 | 0xB6..=0xB8 | 0xBA..=0xC1 => true,
        // CMPXCHG8B; RDRAND is among the others.
        0xC7 => field == 1,
        // BSWAP.
        0xC8..=0xCF => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instruction, and whatever follows it.
    fn closed(instruction: &[u8]) -> bool {
        is_closed(&[instruction, &[0x90; LONGEST]].concat())
    }

    #[test]
    fn ordinary_code_is_closed() {
        for (name, bytes) in [
            ("jmp .", &[0xEB, 0xFE][..]),
            ("add eax, [esi]", &[0x03, 0x06]),
            ("lock cmpxchg [ecx], edx", &[0xF0, 0x0F, 0xB1, 0x11]),
            ("pause", &[0xF3, 0x90]),
            ("rep stosd", &[0xF3, 0xAB]),
            ("call [eax + 12]", &[0xFF, 0x50, 0x0C]),
            ("movzx eax, word ptr [ecx]", &[0x0F, 0xB7, 0x01]),
            ("popcnt eax, ecx", &[0xF3, 0x0F, 0xB8, 0xC1]),
            ("pushfd", &[0x9C]),
        ] {
            assert!(closed(bytes), "{name}");
        }
    }

    #[test]
    fn what_asks_a_device_a_clock_or_the_processor_is_not() {
        for (name, bytes) in [
            ("in al, dx", &[0xEC][..]),
            ("in eax, 0x40", &[0xE5, 0x40]),
            ("out dx, al", &[0xEE]),
            ("out 0xf4, al", &[0xE6, 0xF4]),
            ("rep insd", &[0xF3, 0x6D]),
            ("rep outsb", &[0xF3, 0x6E]),
            ("rdtsc", &[0x0F, 0x31]),
            ("rdtscp", &[0x0F, 0x01, 0xF9]),
            ("rdpmc", &[0x0F, 0x33]),
            ("rdmsr", &[0x0F, 0x32]),
            ("wrmsr", &[0x0F, 0x30]),
            ("rdrand eax", &[0x0F, 0xC7, 0xF0]),
            ("rdseed eax", &[0x0F, 0xC7, 0xF8]),
            ("cpuid", &[0x0F, 0xA2]),
            ("hlt", &[0xF4]),
            ("mov cr3, eax", &[0x0F, 0x22, 0xD8]),
            ("mov eax, dr6", &[0x0F, 0x21, 0xF0]),
            ("invlpg [eax]", &[0x0F, 0x01, 0x38]),
            ("int 0x80", &[0xCD, 0x80]),
            ("int3", &[0xCC]),
            ("iretd", &[0xCF]),
            ("jmp far [eax]", &[0xFF, 0x28]),
            ("call far [eax]", &[0xFF, 0x18]),
            ("mov ds, eax", &[0x8E, 0xD8]),
            ("pop ds", &[0x1F]),
            ("fld1", &[0xD9, 0xE8]),
            ("sysenter", &[0x0F, 0x34]),
            ("prefixes only", &[0x66; LONGEST]),
        ] {
            assert!(!closed(bytes), "{name}");
        }
        assert!(!is_closed(&[]) && !is_closed(&[0x0F]));
    }
}
