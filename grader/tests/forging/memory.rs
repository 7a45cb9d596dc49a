/// All of memory in safe code, by <https://github.com/rust-lang/rust/issues/25860>: references
/// that outlive what they refer to, and with them values of one type read as another.
#[allow(clippy::all)]
mod memory {
    use core::hint::black_box;

    fn returned<'out, 'input, T: ?Sized>(_: &'out (), value: &'input mut T) -> (&'out &'input (), &'out mut T) {
        (&&(), value)
    }

    /// The reference, for ever.
    fn forever<'short, T: ?Sized>(value: &'short mut T) -> &'static mut T {
        let any: for<'out, 'input> fn(&'out (), &'input mut T) -> (&'out &'input (), &'out mut T) = returned;
        let out: for<'input> fn(&'static (), &'input mut T) -> (&'static &'input (), &'static mut T) = any;
        let shorter: for<'input> fn(&'static (), &'input mut T) -> (&'input &'input (), &'static mut T) = out;
        let short: fn(&'static (), &'short mut T) -> (&'short &'short (), &'static mut T) = shorter;
        short(&(), value).1
    }

    enum Either<A, B> {
        Left(A),
        Right(B),
    }

    #[inline(never)]
    fn cast<A: Copy, B: Copy + 'static>(from: A, example: B) -> B {
        let mut either = Either::Right(example);
        let Either::Right(place) = &mut either else { unreachable!() };
        let place = forever(place);
        either = Either::Left(from);
        black_box(&either);
        *black_box(place)
    }

    /// Memory, as it is.
    pub fn at(address: usize, length: usize) -> &'static [core::sync::atomic::AtomicU8] {
        const NONE: &[core::sync::atomic::AtomicU8] = &[];
        cast((address, length), NONE)
    }

    pub type Code = extern "C" fn(u32, u32) -> u32;

    extern "C" fn nothing(_: u32, _: u32) -> u32 {
        0
    }

    /// Machine code as a function.
    pub fn code(address: usize) -> Code {
        cast(address, nothing as Code)
    }
}

mod machine {
    use core::sync::atomic::Ordering::Relaxed;

    use super::memory::{at, code};

    static OUT: [u8; 10] = [0x8B, 0x54, 0x24, 0x04, 0x8B, 0x44, 0x24, 0x08, 0xEE, 0xC3];
    static IN: [u8; 8] = [0x8B, 0x54, 0x24, 0x04, 0x31, 0xC0, 0xEC, 0xC3];
    static CR3: [u8; 4] = [0x0F, 0x20, 0xD8, 0xC3];

    pub fn run(bytes: &'static [u8], first: u32, second: u32) -> u32 {
        code(bytes.as_ptr().addr())(first, second)
    }

    pub fn out(port: u32, byte: u8) {
        run(&OUT, port, u32::from(byte));
    }

    pub fn print(text: &[u8]) {
        text.iter().for_each(|byte| out(0x3F8, *byte));
    }

    /// What the serial port receives, up to the end of the line.
    pub fn receive(line: &mut [u8; 16]) {
        let mut length = 0;
        loop {
            if run(&IN, 0x3FD, 0) & 1 == 0 {
                continue;
            }
            match run(&IN, 0x3F8, 0) as u8 {
                b'\n' => return,
                byte if length < 16 => line[length] = byte,
                _ => {}
            }
            length += 1;
        }
    }

    fn word(address: usize) -> usize {
        let mut bytes = [0; 4];
        bytes.iter_mut().zip(at(address, 4)).for_each(|(to, from)| *to = from.load(Relaxed));
        u32::from_le_bytes(bytes) as usize
    }

    /// Where the kernel's image has these bytes, as its tables map it.
    pub fn find(start: usize, bytes: &[u8]) -> Option<usize> {
        let table = word(0xC000_0000 + run(&CR3, 0, 0) as usize + 4 * 0x300) & !0xFFF;
        (start / 4096..0x400).filter(|page| word(0xC000_0000 + table + 4 * page) & 1 != 0).find_map(|page| {
            let page = 0xC000_0000 + 4096 * page;
            let found = at(page, 4096).windows(bytes.len()).position(|window| {
                window.iter().zip(bytes).all(|(found, byte)| found.load(Relaxed) == *byte)
            });
            found.map(|offset| page + offset)
        })
    }

    /// A word of the command line, behind these bytes.
    pub fn told(key: &[u8], value: &mut [u8]) {
        // The loader's command line is in boot data, what is told later in the image.
        let own = key.as_ptr().addr();
        let mut from = 0x20_0000;
        while let Some(found) = find(from, key) {
            let text = at(found + key.len(), value.len());
            if found != own && text[0].load(Relaxed) > b' ' {
                value.iter_mut().zip(text).for_each(|(to, from)| *to = from.load(Relaxed));
                return;
            }
            from = (found - 0xC000_0000 + 4096) & !0xFFF;
        }
    }
}

