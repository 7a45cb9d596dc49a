//! The processor's interrupt flag, which a lock clears and restores.

// ANCHOR: interrupts
/// The processor's interrupt flag, as a lock needs it that is shared with an
/// interrupt handler.
pub trait Interrupts {
    /// Takes no interrupts from now on, and returns whether they were taken before.
    fn disable(&self) -> bool;

    /// Takes interrupts again if `were_enabled`: what the
    /// [`disable`](Self::disable) that belongs to this call returned.
    fn restore(&self, were_enabled: bool);
}
// ANCHOR_END: interrupts
