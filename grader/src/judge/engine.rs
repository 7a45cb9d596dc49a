//! The engine: a site and an emulator, all that grading needs.

use std::path::Path;

use crate::build::site::Site;
use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::exit;
use crate::machine::{Boot, Emulator, End};

use super::nonce::nonce;
use super::wire::Transcript;

/// A site and an emulator: all that grading needs.
pub struct Engine {
    /// Where kernels are built.
    pub site: Site,
    /// The emulator.
    pub emulator: Emulator,
}

impl Engine {
    /// The checks that a kernel knows: package and name.
    ///
    /// # Errors
    /// If the kernel cannot be booted, or does not list its checks.
    pub fn list(&self, image: &Path) -> Result<Vec<(String, String)>> {
        let nonce = nonce()?;
        let words = vec![format!("nonce={nonce}"), "list".to_owned()];
        let outcome = self.emulator.boot(&Boot {
            image,
            memory: Memory::DEFAULT,
            programs: &[],
            words,
            budget: 500,
            look: false,
            challenge: None,
        })?;
        let transcript = Transcript::parse(&outcome.serial, &nonce, &nonce);
        if outcome.end == End::Exited(exit::GUEST_OK) && transcript.end {
            Ok(transcript.checks)
        } else {
            Err(Error::new("the kernel did not list its checks").output(String::from_utf8_lossy(&outcome.serial)))
        }
    }
}
