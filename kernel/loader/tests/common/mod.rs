//! Makes ELF files, right ones and wrong ones.

/// The fields of a file header, the program headers, and the contents after them.
#[derive(Clone, Debug)]
pub struct File {
    pub ident: [u8; 16],
    pub kind: u16,
    pub machine: u16,
    pub version: u32,
    pub entry: u32,
    pub table_offset: u32,
    pub flags: u32,
    pub header_size: u16,
    pub program_header_size: u16,
    /// The count in the file header; `None` for the true one.
    pub count: Option<u16>,
    pub headers: Vec<ProgramHeader>,
    pub contents: Vec<u8>,
}

/// A program header.
#[derive(Clone, Copy, Debug)]
pub struct ProgramHeader {
    pub kind: u32,
    pub offset: u32,
    pub address: u32,
    pub file_size: u32,
    pub size: u32,
    pub flags: u32,
    pub align: u32,
}

pub const LOAD: u32 = 1;

pub const X: u32 = 1;
pub const W: u32 = 2;
pub const R: u32 = 4;

/// Where the contents of a file with this many program headers begin.
pub fn contents_offset(headers: usize) -> u32 {
    52 + 32 * headers as u32
}

impl File {
    /// A right program: code, constants, and data of which a part is zero.
    pub fn right() -> Self {
        let at = |offset, address, file_size, size, flags| ProgramHeader {
            kind: LOAD,
            offset,
            address,
            file_size,
            size,
            flags,
            align: 4096,
        };
        Self {
            headers: vec![
                at(0, 0x0804_8000, 0x1100, 0x1100, R | X),
                at(0x1100, 0x0804_A100, 0x80, 0x80, R),
                at(0x1180, 0x0804_B180, 0x100, 0x3000, R | W),
            ],
            contents: (0..0x1280 - contents_offset(3)).map(|index| index as u8).collect(),
            ..Self::of(vec![], 0x0804_8100)
        }
    }

    /// A program with these headers and no contents.
    pub fn of(headers: Vec<ProgramHeader>, entry: u32) -> Self {
        Self {
            ident: *b"\x7FELF\x01\x01\x01\0\0\0\0\0\0\0\0\0",
            kind: 2,
            machine: 3,
            version: 1,
            entry,
            table_offset: 52,
            flags: 0,
            header_size: 52,
            program_header_size: 32,
            count: None,
            headers,
            contents: vec![],
        }
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.ident.to_vec();
        let count = self.count.unwrap_or(self.headers.len() as u16);
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(self.machine.to_le_bytes());
        for word in [self.version, self.entry, self.table_offset, 0, self.flags] {
            bytes.extend(word.to_le_bytes());
        }
        for half in [self.header_size, self.program_header_size, count, 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for header in &self.headers {
            let ProgramHeader { kind, offset, address, file_size, size, flags, align } = *header;
            for word in [kind, offset, address, address, file_size, size, flags, align] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend(&self.contents);
        bytes
    }
}
