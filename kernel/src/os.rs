//! The operating system, as far as the labs have come.

use kernel_core::machine::Machine;

/// Runs it.
pub fn run(machine: &'static Machine) -> ! {
    log::info!("Folio");
    for region in machine.map().regions {
        log::info!("{region:?}");
    }
    kernel_core::idle()
}
