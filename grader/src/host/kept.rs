//! Small facts that are kept from one run to the next, as JSON.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a file. One that is not there, or is damaged, is as if nothing had been kept.
pub fn load<T: DeserializeOwned + Default>(file: &Path) -> T {
    fs::read_to_string(file).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Writes a file, whole or not at all. Makes its folder if that is not there.
///
/// # Errors
/// If that is not possible.
pub fn save(facts: &impl Serialize, file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut new, facts)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}
