//! Tells the linker where the kernel's image belongs.

fn main() {
    println!("cargo::rerun-if-changed=../linker.ld");
    // From the course's folder, where cargo runs rustc: so a course that is moved links still.
    println!("cargo::rustc-link-arg-bins=-Tkernel/linker.ld");
}
