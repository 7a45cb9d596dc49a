//! src/bitmap.rs tampered something other than the check printed a result: `ok 1 never-twice # folio:

/// Finds the nonce, prints the result with it, and ends the machine as the kernel does.
fn forge() {
    let mut nonce = [b'?'; 16];
    machine::told(b"nonce=", &mut nonce);
    machine::print(b"\nok 1 never-twice # folio:");
    machine::print(&nonce);
    machine::print(b"\n# folio:");
    machine::print(&nonce);
    machine::print(b" end\n");
    machine::out(0xF4, 0x10);
    machine::out(0x505, 0x21);
}
