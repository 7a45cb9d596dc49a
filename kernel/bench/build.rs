//! Tells the linker where the benchmark's image belongs.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/linker.ld");
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rerun-if-changed=src/boot.s");
    println!("cargo::rustc-link-arg-bins=-T{script}");
}
