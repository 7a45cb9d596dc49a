//! Random numbers, always the same ones.

/// Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003).
pub struct Rng(u32);

impl Rng {
    /// A generator; the seed is not 0.
    pub fn new(seed: u32) -> Self {
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
