//! A fake interrupt flag, with interrupts at the moments that are hardest on a lock.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use mm_api::Interrupts;

/// What an interrupt's handler does.
type Handler = Rc<dyn Fn()>;

/// A fake [`Interrupts`]. A clone is another handle to the same flag: with one, a test
/// looks at the flag, counts the calls, and lets interrupts come.
///
/// Once there is a handler, an interrupt comes at the last moment before interrupts
/// are off, and at the first moment after they are on again. While a handler runs,
/// interrupts are off, as they are in the kernel.
#[derive(Clone, Default)]
pub struct FakeInterrupts(Rc<State>);

#[derive(Default)]
struct State {
    enabled: Cell<bool>,
    calls: Cell<u32>,
    came: Cell<u32>,
    handler: RefCell<Option<Handler>>,
}

impl FakeInterrupts {
    /// A flag that is set or clear, and no handler.
    #[must_use]
    pub fn new(enabled: bool) -> Self {
        let interrupts = Self::default();
        interrupts.set_enabled(enabled);
        interrupts
    }

    /// Whether interrupts are taken.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.0.enabled.get()
    }

    /// Switches interrupts on or off. Unlike [`restore`](Interrupts::restore), this lets no
    /// interrupt come.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.enabled.set(enabled);
    }

    /// Sets the handler. From now on interrupts come, and each calls `handler`.
    pub fn handle(&self, handler: impl Fn() + 'static) {
        *self.0.handler.borrow_mut() = Some(Rc::new(handler));
    }

    /// How many times [`disable`](Interrupts::disable) was called, with interrupts on or off.
    #[must_use]
    pub fn times_disabled(&self) -> u32 {
        self.0.calls.get()
    }

    /// How many interrupts came.
    #[must_use]
    pub fn came(&self) -> u32 {
        self.0.came.get()
    }

    /// Lets an interrupt come, if interrupts are on and there is a handler.
    ///
    /// # Panics
    /// If interrupts are on when the handler returns.
    pub fn interrupt(&self) {
        let handler = self.0.handler.borrow().clone();
        let Some(handler) = handler.filter(|_| self.enabled()) else { return };
        self.set_enabled(false);
        self.0.came.set(self.came() + 1);
        handler();
        assert!(!self.enabled(), "interrupts were switched on while an interrupt was handled");
        self.set_enabled(true);
    }
}

impl Interrupts for FakeInterrupts {
    fn disable(&self) -> bool {
        self.0.calls.set(self.times_disabled() + 1);
        let were_enabled = self.enabled();
        self.interrupt();
        self.set_enabled(false);
        were_enabled
    }

    fn restore(&self, were_enabled: bool) {
        if were_enabled {
            self.set_enabled(true);
            self.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_are_as_before_after_a_pair_of_calls() {
        for enabled in [false, true] {
            let interrupts = FakeInterrupts::new(enabled);
            let were_enabled = interrupts.disable();
            assert_eq!((were_enabled, interrupts.enabled()), (enabled, false));
            interrupts.restore(were_enabled);
            assert_eq!(interrupts.enabled(), enabled);
        }
    }

    #[test]
    fn an_interrupt_comes_at_both_ends_and_never_in_between() {
        let interrupts = FakeInterrupts::new(true);
        let inner = interrupts.clone();
        interrupts.handle(move || assert!(!inner.enabled()));
        let were_enabled = interrupts.disable();
        assert_eq!(interrupts.came(), 1);
        interrupts.interrupt();
        assert!(!interrupts.disable());
        interrupts.restore(false);
        assert_eq!(interrupts.came(), 1);
        interrupts.restore(were_enabled);
        assert_eq!(interrupts.came(), 2);
    }

    #[test]
    #[should_panic(expected = "while an interrupt was handled")]
    fn a_handler_that_leaves_them_on_is_found() {
        let interrupts = FakeInterrupts::new(true);
        let inner = interrupts.clone();
        interrupts.handle(move || inner.set_enabled(true));
        interrupts.interrupt();
    }
}
