//! labs/01-pmm/src/bitmap.rs could_not_build asked for more than 4 GiB of memory
//!
//! A macro that doubles what it is given, until there is no memory left.

macro_rules! grow {
    ($($t:tt)*) => { grow! { $($t)* $($t)* } };
}

#[expect(unused)]
fn grown() {
    grow! { 1 2 3 4 5 6 7 8 }
}
