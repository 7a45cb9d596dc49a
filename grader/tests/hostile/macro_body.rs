//! labs/05-stack/src/user_stack.rs 8:20 `unsafe`
//!
//! A macro that makes it stands in the same file.
pub struct ProcessStack;

macro_rules! hidden {
    ($($body:tt)*) => {
        pub(super) unsafe fn peek() { $($body)* }
    };
}

hidden! { let _ = 1; }
