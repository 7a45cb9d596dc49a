//! Lab 05: the stacks of processes and of the kernel.
//!
//! This file is not yours to edit: it chooses between your files and the
//! reference's, and proves to the compiler that what it chose are stacks. Your
//! files are [`zeroed_pages.rs`](../zeroed_pages.rs),
//! [`user_stack.rs`](../user_stack.rs) and
//! [`kernel_stacks.rs`](../kernel_stacks.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/kernel_stacks.rs")]
mod kernel_stacks;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/user_stack.rs")]
mod user_stack;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/zeroed_pages.rs")]
mod zeroed_pages;

#[cfg(not(feature = "compiled"))]
pub use kernel_stacks::StackArea;
#[cfg(not(feature = "compiled"))]
pub use user_stack::ProcessStack;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::{ProcessStack, StackArea};

/// Compiles only if [`ProcessStack`] and [`StackArea`] keep the signatures of the
/// traits.
const _: fn() = || {
    fn is_a_user_stack<T: mm_api::UserStack>() {}
    fn are_kernel_stacks<T: mm_api::KernelStacks>() {}
    is_a_user_stack::<ProcessStack>();
    are_kernel_stacks::<StackArea>();
};
