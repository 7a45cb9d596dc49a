//! Many allocators, each measured in a machine of its own: one that panics or hangs does not cost the others their figures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::de::DeserializeOwned;

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::processors;

use super::kernel::{Kernel, read};

/// Figures of many allocators.
pub struct Measured<T> {
    /// The measurements, in the order of the names.
    pub rows: Vec<T>,
    /// The names of those that panicked or hung, and their output.
    pub failed: Vec<(String, String)>,
}

/// Boots the benchmark with the arguments for each name, as many machines at a time as there are processors.
///
/// # Errors
/// If no allocator could be measured at all.
pub fn each<T: DeserializeOwned + Send>(
    kernel: &Kernel<'_>,
    names: &[String],
    words: &(impl Fn(&str) -> String + Sync),
    progress: &Progress,
) -> Result<Measured<T>> {
    progress.start_counting("Counting instructions", names.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(number) else { return all };
            let result = kernel.run(words(name).trim_end()).and_then(|text| read::<T>(&text));
            progress.step(name);
            all.push((number, result));
        }
    };
    let mut all = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors().min(names.len())).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            all.extend(worker.join().map_err(|_| Error::new("an allocator could not be measured"))?);
        }
        Ok::<(), Error>(())
    })?;
    all.sort_by_key(|(number, _)| *number);
    let mut measured = Measured { rows: Vec::new(), failed: Vec::new() };
    for (name, (_, result)) in names.iter().zip(all) {
        match result {
            Ok(rows) => measured.rows.extend(rows),
            Err(error) => {
                let said = error.tool_output().unwrap_or_default().trim();
                measured.failed.push((name.clone(), format!("{error} {said}").trim_end().to_owned()));
            }
        }
    }
    Ok(measured)
}
