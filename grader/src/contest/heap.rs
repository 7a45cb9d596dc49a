//! The contest of heaps.

use comfy_table::Table;

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::peers::heaps::{Cost, Figures, measure_with};
use crate::peers::table::{align, plain_table};
use crate::peers::{Kernel, policies, read};

use super::Drawing;
use super::board::Board;
use super::entrant::{Entrant, Kind, Names, NoPoints, Score, geometric_mean, mean};
use super::history::History;
use super::picture::{Caption, picture};

/// The unit of waste, as the heading of a column.
const WASTE: &str = "lost, in percent";

/// Measures all heaps.
///
/// # Errors
/// If they cannot be measured.
pub fn measure(kernel: &Kernel<'_>, seed: u32, progress: &Progress) -> Result<Figures> {
    measure_with(kernel, seed, progress)
}

/// Ranks all heaps, and compares the student's with the others on each trace.
pub fn board(figures: &Figures, names: Names, seed: u32) -> Board {
    let entrants = entrants(figures, names);
    let title = format!("Heaps, the traces of seed {seed}");
    let is_measured = entrants.iter().any(|entrant| entrant.kind == Kind::Own && entrant.outcome.is_ok());
    let mut board = Board::new(title, WASTE, seed, entrants);
    if is_measured {
        let title = "Trace by trace: instructions a call, and payload in percent of the smallest heap that is enough";
        board.add(title.to_owned(), by_trace(figures.by_trace(), names));
    }
    board
}

/// The measurements of all heaps, by the benchmark's names.
fn by_heap(costs: &[Cost]) -> Vec<(&str, Vec<&Cost>)> {
    let mut found: Vec<(&str, Vec<&Cost>)> = Vec::new();
    for cost in costs {
        match found.iter_mut().find(|(name, _)| *name == cost.heap) {
            Some((_, costs)) => costs.push(cost),
            None => found.push((&cost.heap, vec![cost])),
        }
    }
    found
}

fn entrants(figures: &Figures, names: Names) -> Vec<Entrant> {
    let found = by_heap(figures.by_trace());
    let ran = found.iter().filter_map(|(name, costs)| {
        let (kind, name) = names.of(name)?;
        Some(Entrant { name, kind, outcome: outcome(costs) })
    });
    let failed = figures.failed().iter().filter_map(|(name, said)| {
        let (kind, name) = names.of(name)?;
        Some(Entrant { name, kind, outcome: Err(NoPoints::Ended(said.clone())) })
    });
    ran.chain(failed).collect()
}

/// The score of a heap's measurements on all traces.
fn outcome(costs: &[&Cost]) -> Result<Score, NoPoints> {
    let mut used = Vec::new();
    for cost in costs {
        let wrong = |what: &str| NoPoints::Wrong { place: cost.trace.clone(), what: what.to_owned() };
        if cost.verdict != "ok" {
            return Err(wrong(&cost.verdict));
        }
        match cost.utilization {
            Some(percent) if cost.failed == 0 => used.push(percent),
            _ => return Err(wrong("refuses requests")),
        }
    }
    let instructions = geometric_mean(costs.iter().map(|cost| cost.mean));
    let worst = costs.iter().filter(|cost| !cost.reallocates()).map(|cost| cost.worst).max();
    Ok(Score::new(100.0 - mean(used.into_iter()), instructions, worst))
}

/// The student's heap on each trace, and the best other heap in each quantity.
fn by_trace(costs: &[Cost], names: Names) -> Table {
    let own_name = by_heap(costs)
        .into_iter()
        .find_map(|(name, _)| names.of(name).filter(|(kind, _)| *kind == Kind::Own).map(|(_, shown)| (name, shown)));
    let (own_name, shown) = own_name.unwrap_or_default();
    let mut table = plain_table(&["", &shown, "quickest other", &shown, "thriftiest other"]);
    for own in costs.iter().filter(|cost| cost.heap == own_name) {
        let others = costs.iter().filter(|cost| {
            cost.trace == own.trace && cost.heap != own.heap && cost.verdict == "ok" && names.of(&cost.heap).is_some()
        });
        let name = |cost: &Cost| names.of(&cost.heap).map(|(_, name)| name).unwrap_or_default();
        let quickest = others.clone().min_by(|one, other| one.mean.total_cmp(&other.mean));
        let thriftiest = others.max_by(|one, other| percent(one).total_cmp(&percent(other)));
        table.add_row([
            own.trace.clone(),
            format!("{:.0}", own.mean),
            quickest.map_or_else(String::new, |cost| format!("{:.0} {}", cost.mean, name(cost))),
            format!("{:.1}", percent(own)),
            thriftiest.map_or_else(String::new, |cost| format!("{:.1} {}", percent(cost), name(cost))),
        ]);
    }
    align(&mut table, 4);
    table
}

fn percent(cost: &Cost) -> f64 {
    cost.utilization.unwrap_or(0.0)
}

/// Draws the blocks of a heap on one trace, in the smallest region that is enough.
///
/// # Errors
/// If there is no such heap or trace, or the heap does not run it.
pub fn draw(kernel: &Kernel<'_>, figures: &Figures, names: Names, seed: u32, drawing: &Drawing) -> Result<String> {
    let found = by_heap(figures.by_trace());
    let is_meant = |heap: &str| match (&drawing.heap, names.of(heap)) {
        (None, Some((kind, _))) => kind == Kind::Own,
        (Some(wanted), Some((_, name))) => *wanted == name,
        (_, None) => false,
    };
    let Some((heap, costs)) = found.iter().find(|(heap, _)| is_meant(heap)) else {
        if let Some(cost) = policy(kernel, seed, drawing)? {
            return told(kernel, &cost, &cost.heap, seed);
        }
        let all: Vec<String> = found.iter().filter_map(|(heap, _)| Some(names.of(heap)?.1)).collect();
        let what = drawing.heap.as_deref().unwrap_or("your heap");
        let advice = format!("those that did: {}; and with --trace, kernel/bench's policies", all.join(", "));
        return Err(Error::new(format!("{what} ran no trace")).advise(advice));
    };
    let least = |costs: &[&Cost]| {
        let rated = costs.iter().filter(|cost| cost.heap_bytes.is_some());
        rated.min_by(|one, other| percent(one).total_cmp(&percent(other))).map(|cost| cost.trace.clone())
    };
    let wanted = drawing.trace.clone().or_else(|| least(costs)).unwrap_or_default();
    let Some(cost) = costs.iter().find(|cost| cost.trace == wanted) else {
        let all: Vec<&str> = costs.iter().map(|cost| cost.trace.as_str()).collect();
        return Err(Error::new(format!("there is no trace {wanted}")).advise(format!("there are {}", all.join(", "))));
    };
    let shown = names.of(heap).map_or_else(|| (*heap).to_owned(), |(_, name)| name);
    told(kernel, cost, &shown, seed)
}

/// The cost of a variant of the textbook's heap on one trace, if the drawing shows one.
fn policy(kernel: &Kernel<'_>, seed: u32, drawing: &Drawing) -> Result<Option<Cost>> {
    let (Some(name), Some(trace)) = (&drawing.heap, &drawing.trace) else { return Ok(None) };
    if !policies::names(kernel)?.contains(name) {
        return Ok(None);
    }
    let mut costs: Vec<Cost> = read(&kernel.run(&format!("heap {name} {trace} seed={seed}"))?)?;
    costs.iter_mut().for_each(Cost::rate);
    Ok(costs.pop())
}

/// The picture of a heap on one trace, in the smallest region that is enough.
fn told(kernel: &Kernel<'_>, cost: &Cost, shown: &str, seed: u32) -> Result<String> {
    let Cost { heap, trace, .. } = cost;
    let Some(bytes) = cost.heap_bytes else {
        return Err(Error::new(format!("{shown} fails on the trace {trace}: {}", cost.verdict)));
    };
    let text = kernel.run(&format!("history {heap} {trace} {bytes} seed={seed}"))?;
    let history = History::new(&read(&text)?, bytes);
    Ok(picture(&history, &Caption { heap: shown, trace, seed, utilization: percent(cost) }))
}

#[cfg(test)]
mod tests {
    use super::super::{Discipline, Place};
    use super::*;

    const COSTS: &str = "\
heap,trace,calls,mean,p99,worst,allocate_mean,free_mean,reallocate_mean,payload_bytes,heap_bytes,bytes_elsewhere,failed,verdict
folio-heap,queue,20,50.0,150,160,100.4,100.4,,900,980,20,0,ok
folio-heap,text,27,200.0,900,1000,100.0,100.0,900.0,900,1480,20,0,ok
talc,queue,20,40.0,60,70,50.0,50.0,,900,1780,20,0,ok
talc,text,20,400.0,60,70,50.0,50.0,7.0,900,980,20,0,ok
bad,queue,20,50.0,60,70,50.0,50.0,,900,,20,0,overwritten
mean,queue,20,50.0,60,70,50.0,50.0,,900,980,20,3,ok
";
    const NAMES: Names = Names { discipline: Discipline::Heap, place: Place::Own };

    fn costs() -> Vec<Cost> {
        let mut costs: Vec<Cost> = read(COSTS).unwrap();
        costs.iter_mut().for_each(Cost::rate);
        costs
    }

    #[test]
    fn points_come_from_all_traces_and_the_worst_call_from_those_that_do_not_reallocate() {
        let costs = costs();
        let found = by_heap(&costs);
        let score = outcome(&found[0].1).unwrap();
        // 90 % and 60 % are used; 50 and 200 instructions are 100 on average.
        assert!((score.waste - 25.0).abs() < 1e-9 && (score.instructions - 100.0).abs() < 1e-9, "{score:?}");
        assert!((score.points - 40.0).abs() < 1e-9 && score.worst == Some(160), "{score:?}");
    }

    #[test]
    fn a_heap_that_is_wrong_or_refuses_has_no_points() {
        let costs = costs();
        let found = by_heap(&costs);
        let why = |index: usize| outcome(&found[index].1).unwrap_err();
        assert_eq!(why(2), NoPoints::Wrong { place: "queue".into(), what: "overwritten".into() });
        assert_eq!(why(3), NoPoints::Wrong { place: "queue".into(), what: "refuses requests".into() });
    }

    #[test]
    fn each_trace_names_the_best_of_the_others() {
        let table = by_trace(&costs(), NAMES).to_string();
        let line = |trace: &str| table.lines().find(|line| line.contains(trace)).unwrap().to_owned();
        assert!(line("queue").contains("40 talc") && line("queue").contains("90.0 mean"), "{table}");
        assert!(line("text").contains("400 talc") && line("text").contains("60.0"), "{table}");
    }
}
