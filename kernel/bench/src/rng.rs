//! Random numbers, the same ones for the same seed.

/// Which random numbers are drawn: 0 for those of the published figures.
#[derive(Clone, Copy)]
pub struct Seed(u32);

impl Seed {
    /// The numbers that the published figures are measured with.
    pub const PUBLISHED: Self = Self(0);

    /// Any other.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// A generator for one purpose, whose own seed is not 0.
    pub fn rng(self, own: u32) -> Rng {
        // An odd factor, so that different seeds stay different; none of them is 0.
        let mixed = own ^ self.0.wrapping_mul(0x9E37_79B1);
        Rng::new(if mixed == 0 { own } else { mixed })
    }
}

/// Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
pub struct Rng(u32);

impl Rng {
    /// A generator; the seed is not 0.
    fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0. Slightly uneven, which does not matter here.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((u64::from(self.0) * u64::from(limit)) >> 32) as u32
    }
}
