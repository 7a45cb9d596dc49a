//! Labs 04 and 05 behind the table: a heap and a stack for each process.

use core::ptr::NonNull;

use mm_api::{Arguments, BreakError, Pages, StackError, VirtAddr};

use crate::memory::boot_box::{BootBox, EmptyBox};

/// Lab 04's component: the heap of a process. It has the methods of [`mm_api::ProcessHeap`].
pub struct ProcessHeap(BootBox<dyn HeapObject>);

/// [`mm_api::ProcessHeap`] as a trait object.
trait HeapObject: mm_api::ProcessHeap + Send {
    /// [`mm_api::ProcessHeap::fork`], in a box.
    fn fork_boxed(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<ProcessHeap, BreakError>;
}

impl<T: mm_api::ProcessHeap + Send + 'static> HeapObject for T {
    fn fork_boxed(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<ProcessHeap, BreakError> {
        let place = EmptyBox::<T>::take().ok_or(BreakError::OutOfFrames)?;
        let copy = place.put(self.fork(from, to)?);
        Ok(ProcessHeap(coerced!(copy => dyn HeapObject)))
    }
}

/// [`mm_api::ProcessHeap::new`], in a box.
pub(super) fn new_heap<T: mm_api::ProcessHeap + Send + 'static>(
    image_end: VirtAddr,
    limit: VirtAddr,
) -> Result<ProcessHeap, BreakError> {
    let place = EmptyBox::<T>::take().ok_or(BreakError::OutOfFrames)?;
    let heap = place.put(T::new(image_end, limit)?);
    Ok(ProcessHeap(coerced!(heap => dyn HeapObject)))
}

#[allow(missing_docs, clippy::missing_errors_doc)] // Documented in the trait.
impl ProcessHeap {
    #[must_use]
    pub fn start(&self) -> VirtAddr {
        self.0.start()
    }

    #[must_use]
    pub fn current(&self) -> VirtAddr {
        self.0.current()
    }

    pub fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        self.0.brk(pages, address)
    }

    pub fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        self.0.sbrk(pages, increment)
    }

    pub fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        self.0.fork_boxed(from, to)
    }

    pub fn clear(&mut self, pages: &mut dyn Pages) {
        self.0.clear(pages);
    }
}

/// Lab 05's component: the stack of a process. It has the methods of [`mm_api::UserStack`].
pub struct UserStack(BootBox<dyn StackObject>);

/// [`mm_api::UserStack`] as a trait object.
trait StackObject: Send {
    /// The stack.
    fn stack(&self) -> &dyn mm_api::UserStack;

    /// The stack, to be changed.
    fn stack_mut(&mut self) -> &mut dyn mm_api::UserStack;

    /// [`mm_api::UserStack::fork`], in a box.
    fn fork_boxed(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<UserStack, StackError>;

    /// [`mm_api::UserStack::destroy`], once. After it the stack must not be used.
    fn destroy(&mut self, pages: &mut dyn Pages);
}

/// A stack, until it is destroyed.
struct Living<T>(Option<T>);

impl<T> Living<T> {
    const GONE: &str = "a stack is used after it was destroyed";
}

impl<T: mm_api::UserStack + Send + 'static> StackObject for Living<T> {
    fn stack(&self) -> &dyn mm_api::UserStack {
        self.0.as_ref().expect(Self::GONE)
    }

    fn stack_mut(&mut self) -> &mut dyn mm_api::UserStack {
        self.0.as_mut().expect(Self::GONE)
    }

    fn fork_boxed(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<UserStack, StackError> {
        let place = EmptyBox::<Self>::take().ok_or(StackError::OutOfFrames)?;
        let copy = place.put(Self(Some(self.0.as_ref().expect(Self::GONE).fork(from, to)?)));
        Ok(UserStack(coerced!(copy => dyn StackObject)))
    }

    fn destroy(&mut self, pages: &mut dyn Pages) {
        if let Some(stack) = self.0.take() {
            stack.destroy(pages);
        }
    }
}

/// [`mm_api::UserStack::create`], in a box.
pub(super) fn new_stack<T: mm_api::UserStack + Send + 'static>(pages: &mut dyn Pages) -> Result<UserStack, StackError> {
    let place = EmptyBox::<Living<T>>::take().ok_or(StackError::OutOfFrames)?;
    let stack = place.put(Living(Some(T::create(pages)?)));
    Ok(UserStack(coerced!(stack => dyn StackObject)))
}

#[allow(missing_docs, clippy::missing_errors_doc)] // Documented in the trait.
impl UserStack {
    #[must_use]
    pub fn bottom(&self) -> VirtAddr {
        self.0.stack().bottom()
    }

    pub fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        self.0.stack_mut().set_up(pages, arguments)
    }

    pub fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        self.0.stack_mut().grow(pages, address)
    }

    pub fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        self.0.fork_boxed(from, to)
    }

    pub fn destroy(mut self, pages: &mut dyn Pages) {
        self.0.destroy(pages);
    }
}
