//! The contest of frame allocators.

use crate::host::error::Result;
use crate::host::progress::Progress;
use crate::peers::frames::{Cost, measure_each};
use crate::peers::{Kernel, Measured};

use super::board::Board;
use super::entrant::{Entrant, Names, NoPoints, Score, geometric_mean, mean};

/// The cost of the records, as the heading of a column. One bit is added for the frame
/// itself, so that an allocator without any records has finite points.
const WASTE: &str = "1 + bits of records a frame";

/// Measures all frame allocators, and ranks them.
///
/// # Errors
/// If they cannot be measured.
pub fn board(kernel: &Kernel<'_>, names: Names, seed: u32, progress: &Progress) -> Result<Board> {
    let measured = measure_each(kernel, seed, progress)?;
    let title = format!("Frame allocators, memories of 32 MiB to 3.5 GiB, seed {seed}");
    Ok(Board::new(title, WASTE, seed, entrants(&measured, names)))
}

fn entrants(measured: &Measured<Cost>, names: Names) -> Vec<Entrant> {
    let mut found: Vec<(&str, Vec<&Cost>)> = Vec::new();
    for cost in &measured.rows {
        match found.iter_mut().find(|(name, _)| *name == cost.allocator) {
            Some((_, costs)) => costs.push(cost),
            None => found.push((&cost.allocator, vec![cost])),
        }
    }
    let all = found.iter().map(|(_, costs)| costs.len()).max().unwrap_or(0);
    let ran = found.iter().filter_map(|(name, costs)| {
        let (kind, name) = names.of(name)?;
        Some(Entrant { name, kind, outcome: outcome(costs, all) })
    });
    let failed = measured.failed.iter().filter_map(|(name, said)| {
        let (kind, name) = names.of(name)?;
        Some(Entrant { name, kind, outcome: Err(NoPoints::Ended(said.clone())) })
    });
    ran.chain(failed).collect()
}

/// The score of an allocator's measurements; `all` is how many there are for one that supports everything.
fn outcome(costs: &[&Cost], all: usize) -> Result<Score, NoPoints> {
    if let Some(wrong) = costs.iter().find(|cost| cost.verdict != "ok") {
        let place = format!("{} MiB, {} frames at a time", wrong.memory_mib, wrong.frames_a_run);
        return Err(NoPoints::Wrong { place, what: wrong.verdict.clone() });
    }
    if costs.len() < all {
        return Err(NoPoints::NotForAll);
    }
    let bits = mean(costs.iter().map(|cost| 8.0 * cost.metadata_bytes_per_frame));
    let instructions = geometric_mean(costs.iter().flat_map(|cost| [cost.allocate, cost.free]));
    Ok(Score::new(1.0 + bits, instructions, None))
}

#[cfg(test)]
mod tests {
    use super::super::{Discipline, Place};
    use super::*;
    use crate::peers::read;

    const TEXT: &str = "\
allocator,memory_mib,frames_a_run,pattern,percent_taken,calls,allocate_mean,allocate_worst,free_mean,free_worst,metadata_bytes,metadata_bytes_per_frame,verdict
folio pmm,32,1,low,99,1024,50.0,242,200.0,198,36936,0.125,ok
folio pmm,1024,1,low,99,1024,50.0,242,200.0,198,36936,0.125,ok
small,32,1,low,99,1024,10.0,12,10.0,18,36936,0.125,ok
bad,32,1,low,99,1024,10.0,12,10.0,18,36936,0.125,wrong
bad,1024,1,low,99,1024,10.0,12,10.0,18,36936,0.125,ok
(empty call),32,1,low,99,1024,7.0,7,5.0,5,0,0.000,ok
";

    #[test]
    fn only_who_does_everything_right_has_points() {
        let failed = vec![("hung".to_owned(), "it hung".to_owned())];
        let measured = Measured { rows: read(TEXT).unwrap(), failed };
        let names = Names { discipline: Discipline::Frames, place: Place::Own };
        let found = entrants(&measured, names);
        let outcomes: Vec<_> = found
            .iter()
            .map(|entrant| (entrant.name.as_str(), entrant.outcome.as_ref().map(|score| score.points)))
            .collect();
        assert_eq!(outcomes.len(), 4);
        let points = outcomes[0].1.unwrap();
        assert!((points - 100_000.0 / (2.0 * 100.0)).abs() < 1e-6, "{points}");
        assert_eq!(outcomes[1], ("small", Err(&NoPoints::NotForAll)));
        assert!(matches!(outcomes[2].1, Err(NoPoints::Wrong { .. })));
        assert_eq!(outcomes[3].1, Err(&NoPoints::Ended("it hung".into())));
    }
}
