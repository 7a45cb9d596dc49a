//! src/bitmap.rs tampered the processor stands at 0x

/// Asks for the word that a result has to carry, and prints the result with it.
fn forge() {
    let (mut nonce, mut word) = ([b'?'; 16], [b'?'; 16]);
    machine::told(b"nonce=", &mut nonce);
    machine::out(0x505, 0x91);
    machine::receive(&mut word);
    machine::print(b"\nok 1 never-twice # folio:");
    machine::print(&word);
    machine::print(b"\n# folio:");
    machine::print(&nonce);
    machine::print(b" end\n");
    machine::out(0xF4, 0x10);
    machine::out(0x505, 0x21);
}
