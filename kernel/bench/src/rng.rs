//! Pseudorandom numbers, which are the same for the same seed.

/// The seed of a run: 0 for the published figures.
#[derive(Clone, Copy)]
pub struct Seed(u32);

impl Seed {
    /// The seed of the published figures.
    pub const PUBLISHED: Self = Self(0);

    /// Another seed.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// A generator for one purpose. `own` is the purpose's own seed, which must not be 0.
    pub fn rng(self, own: u32) -> Rng {
        // The factor is odd, so different seeds stay different; a result of 0 is replaced.
        let mixed = own ^ self.0.wrapping_mul(0x9E37_79B1);
        Rng::new(if mixed == 0 { own } else { mixed })
    }
}

/// Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
pub struct Rng(u32);

impl Rng {
    /// A generator; the seed must not be 0.
    fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which must not be 0. Slightly uneven, which does not matter here.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((u64::from(self.0) * u64::from(limit)) >> 32) as u32
    }
}
