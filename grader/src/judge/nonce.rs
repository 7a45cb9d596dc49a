//! The nonce that a boot's results have to carry.

use crate::host::error::{Error, Result};

/// Sixteen random hexadecimal digits.
///
/// # Errors
/// If the operating system has no random numbers.
pub fn nonce() -> Result<String> {
    getrandom::u64()
        .map(|number| format!("{number:016x}"))
        .map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))
}
