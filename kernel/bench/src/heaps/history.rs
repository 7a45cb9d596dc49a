//! The history of a heap: where it puts the blocks of a trace, call by call.

use crate::machine::println;

use super::candidate::Entry;
use super::memory::Region;
use super::replay::{Block, Kind, Observer, replay};
use super::script::Script;

/// Runs a script on a heap in this region, and writes a line for each block that is handed out or
/// about to be given back.
///
/// # Panics
/// If the heap refuses a call.
pub fn tell(entry: &Entry, script: &Script, region: &Region<'_>) {
    println!("call,block,offset,bytes");
    let mut teller = Teller { region, call: 0 };
    (entry.with)(region, &mut |heap| replay(script, heap, &mut teller));
}

/// Writes a line for each event.
struct Teller<'a> {
    region: &'a Region<'a>,
    /// How many calls were made.
    call: u32,
}

impl Observer for Teller<'_> {
    fn make<T>(&mut self, _kind: Kind, call: impl FnOnce() -> T) -> T {
        self.call += 1;
        call()
    }

    fn handed_out(&mut self, block: Block, _kept: usize) {
        let offset = self.region.offset(block.pointer);
        println!("{},{},{offset},{}", self.call, block.number, block.layout.size());
    }

    /// The line has no offset: from now on, the block does not exist.
    fn about_to_return(&mut self, block: Block) {
        println!("{},{},,", self.call, block.number);
    }

    fn refused(&mut self, _kind: Kind) -> bool {
        panic!("the heap refuses call {} in a region of {} bytes", self.call, self.region.bytes)
    }
}
