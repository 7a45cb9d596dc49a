//! Tells the linker where a program's image belongs.

fn main() {
    println!("cargo::rerun-if-changed=program.ld");
    // From the course's folder, where cargo runs rustc: so a course that is moved links still.
    println!("cargo::rustc-link-arg-bins=-Tkernel/user/program.ld");
    // A program is loaded with all that is in its file, so nothing but the program is.
    println!("cargo::rustc-link-arg-bins=--strip-all");
}
