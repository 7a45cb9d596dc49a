//! The calls that led to a crash, shortened for a reader who looks for the mistake.

use super::symbolize::Frame;

/// Those of the calls `outer`, innermost first, that are in a lab's files and in checks.
///
/// A check often calls through a function of its own that takes a closure, to count or to note the
/// calls. Then the closure, the function that called it and the function around the closure are shown
/// as one call: of the function around the closure, at the closure's line.
pub fn told(outer: &[Frame]) -> Vec<Frame> {
    let mut told: Vec<Frame> = outer.iter().filter(|frame| frame.is_in_lab() || frame.is_in_check()).cloned().collect();
    let mut at = 0;
    while at < told.len() {
        if told[at].is_in_check()
            && let Some(around) = function_around(&told, at)
        {
            told[at].function = told[around].function.clone();
            told.drain(at + 1..=around);
        }
        at += 1;
    }
    // In a lab, only if it is called in the same line.
    told.dedup_by(|outer, inner| {
        let is_one = outer.source == inner.source && inner.is_closure();
        if is_one {
            *inner = outer.clone();
        }
        is_one
    });
    told
}

/// The index of the call of the function that the closure at `at` is written in: of those in the same
/// file, the one that has got to the nearest line before it. None if a lab was called in between.
fn function_around(told: &[Frame], at: usize) -> Option<usize> {
    let (file, line) = told[at].source.as_ref().filter(|_| told[at].is_closure())?;
    let outer = told.iter().enumerate().skip(at + 1).take_while(|(_, frame)| frame.is_in_check());
    let in_file = outer.filter_map(|(index, frame)| {
        let (other, reached) = frame.source.as_ref()?;
        (other == file && reached <= line && !frame.is_closure()).then_some((*reached, index))
    });
    in_file.max_by_key(|(reached, _)| *reached).map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        let source = Some((file.to_owned(), line));
        Frame { address: 0xC010_0000, inlined: true, function: Some(function.to_owned()), source }
    }

    fn words(outer: &[Frame]) -> Vec<String> {
        let of = |frame: &Frame| {
            let (file, line) = frame.source.clone().unwrap_or_default();
            let file = file.rsplit('/').next().unwrap_or_default().to_owned();
            format!("{file}:{line} {}", frame.function.clone().unwrap_or_default())
        };
        told(outer).iter().map(of).collect()
    }

    const FIELD: &str = "kernel/checks/src/memory/field.rs";
    const EDGES: &str = "kernel/checks/src/memory/edges.rs";
    const BLOCKS: &str = "labs/03-heap/src/blocks.rs";

    #[test]
    fn a_closure_of_a_check_is_its_function() {
        let calls = [
            frame("{closure#0}", FIELD, 169),
            frame("{closure#0}<*mut u8>", FIELD, 153),
            frame("during", "kernel/core/src/circumstances.rs", 20),
            frame("call", FIELD, 150),
            frame("call_memcpy", FIELD, 168),
            frame("copy", FIELD, 200),
            frame("edges::copy_edges", EDGES, 26),
        ];
        assert_eq!(words(&calls), ["field.rs:169 call_memcpy", "field.rs:200 copy", "edges.rs:26 edges::copy_edges"]);
    }

    #[test]
    fn a_closure_whose_function_is_not_among_the_calls_stays() {
        let calls = [frame("{closure#0}", FIELD, 169), frame("edges::copy_edges", EDGES, 26)];
        assert_eq!(words(&calls), ["field.rs:169 {closure#0}", "edges.rs:26 edges::copy_edges"]);
        let past = [frame("{closure#0}", FIELD, 169), frame("later", FIELD, 300)];
        assert_eq!(words(&past), ["field.rs:169 {closure#0}", "field.rs:300 later"]);
    }

    #[test]
    fn a_labs_own_calls_all_stay() {
        let calls = [
            frame("{closure#0}", BLOCKS, 80),
            frame("with_word", BLOCKS, 30),
            frame("free", BLOCKS, 79),
            frame("{closure#1}", EDGES, 40),
            frame("Heap::free", BLOCKS, 10),
            frame("edges::all", EDGES, 38),
        ];
        assert_eq!(words(&calls).len(), 6);
        let same_line = [frame("{closure#0}", BLOCKS, 80), frame("free", BLOCKS, 80)];
        assert_eq!(words(&same_line), ["blocks.rs:80 free"]);
    }
}
