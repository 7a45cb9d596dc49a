//! Tells the linker where a program's image belongs.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/program.ld");
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rustc-link-arg-bins=-T{script}");
    // A program is loaded with all that is in its file, so nothing but the program is.
    println!("cargo::rustc-link-arg-bins=--strip-all");
}
