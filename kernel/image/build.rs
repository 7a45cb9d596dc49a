//! Passes the linker script of the kernel's image to the linker.

fn main() {
    println!("cargo::rerun-if-changed=../linker.ld");
    // The path is relative to the course's folder, where cargo runs rustc, so a course that was
    // moved still links.
    println!("cargo::rustc-link-arg-bins=-Tkernel/linker.ld");
}
