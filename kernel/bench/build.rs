//! Tells the linker where the benchmark's image belongs.

fn main() {
    println!("cargo::rerun-if-changed=linker.ld");
    println!("cargo::rerun-if-changed=src/boot.s");
    // From the course's folder, where cargo runs rustc: so a course that is moved links still.
    println!("cargo::rustc-link-arg-bins=-Tkernel/bench/linker.ld");
}
