//! The textbook's heap on a trace, one call after the other, with each of its policies.

mod picture;
mod run;
mod trace;

use alloc::format;
use alloc::string::String;

use crate::Shown;
use crate::drawing::plural;
use crate::input::{choices, value};

use run::{FITS, Fitting, Outcome, Run};
use trace::{Call, Trace};

/// The fits, and traces worth a look.
pub const CHOICES: &str = "fit\tfirst fit, newest first\tfirst
fit\tfirst fit, by address\taddress
fit\tnext fit\tnext
fit\tbest fit\tbest
fit\tworst fit\tworst
trace\tbest fit keeps a large block\ta=116 b=12 c=12 d=124 -c e=100 -a f=12 g=116 -e h=12 -f i=124 -g j=92
trace\tbest fit leaves crumbs\ta=60 b=124 c=28 -c d=12 -a e=12 -b f=84 g=12 h=12 -e -f i=100 -d -g j=108
trace\tby address, the low end fills up\ta=68 b=36 c=12 d=52 -a e=92 -d f=12 -b -c g=12 h=124 -e i=12 j=124
trace\tnext fit spreads its blocks\ta=92 b=84 c=68 -b d=36 -a e=12 f=12 -d g=12 h=124 -c i=108 -f -h j=52
trace\tworst fit cuts up every large block\ta=92 b=12 c=92 d=124 -d -a e=84 f=12 -f -c g=108 -g h=116 i=12 j=108
trace\ta buffer that grows\ta=16 b=8 c=32 -a d=64 -c e=96 -d f=128 -e g=160 -f h=192 -g";

/// The reader's choices.
struct Choice {
    fitting: &'static Fitting,
    merges: bool,
}

/// Draws the heap after the first `step` calls of the trace; without a step, after all of them.
pub fn show(input: &str) -> Shown {
    let first = || choices(CHOICES, "trace").next().map_or("", |(_, trace)| trace);
    let (trace, complaint) = match Trace::parse(value(input, "trace").unwrap_or_else(first)) {
        Ok(trace) => (trace, None),
        Err(complaint) => (Trace::default(), Some(complaint)),
    };
    let fit = value(input, "fit").unwrap_or("first");
    let choice = Choice {
        fitting: FITS.iter().find(|fitting| fitting.key == fit).unwrap_or(&FITS[0]),
        merges: value(input, "merging") != Some("off"),
    };
    let all = trace.calls.len();
    let step = value(input, "step").and_then(|step| step.parse().ok()).unwrap_or(all).min(all);
    let calls = &trace.calls[..step];
    let run = choice.fitting.run(choice.merges, calls);
    let says = complaint.unwrap_or_else(|| sentence(&trace, step, &run));
    let svg = picture::draw(&trace, step, &choice, &run, &says);
    Shown { says, state: format!("{step}/{all}"), svg }
}

/// The effect of the last call, and the state of the heap.
fn sentence(trace: &Trace, step: usize, run: &Run) -> String {
    let Some(call) = step.checked_sub(1).map(|last| &trace.calls[last]) else {
        return String::from("No call yet: the heap has taken no memory.");
    };
    let what = match (call, run.outcome) {
        (Call::Allocate { name, bytes }, Outcome::At(offset)) => {
            format!("{name} gets {} at offset {offset}.", plural(*bytes, "byte"))
        }
        (Call::Allocate { name, bytes }, _) => {
            format!("{name} gets nothing: there is no room for {}.", plural(*bytes, "byte"))
        }
        (Call::Free { name }, Outcome::Nothing) => format!("{name} was never there, so nothing is freed."),
        (Call::Free { name }, _) => format!("{name} is freed."),
    };
    let free = match run.largest_free {
        0 => String::from("No block is free."),
        largest if run.free_blocks == 1 => format!("One block is free, of {largest} bytes."),
        largest => format!("{} blocks are free, the largest of {largest} bytes.", run.free_blocks),
    };
    format!("Call {step} of {}: {what} {free} The heap has taken {} bytes.", trace.calls.len(), run.taken)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// How much memory each fit takes for a trace, with merging: as in [`FITS`].
    fn taken(name: &str) -> [u32; 5] {
        let (_, text) = choices(CHOICES, "trace").find(|(found, _)| *found == name).unwrap();
        let trace = Trace::parse(text).unwrap();
        let taken = |fitting: &Fitting| fitting.run(true, &trace.calls).taken;
        core::array::from_fn(|index| taken(&FITS[index]))
    }

    #[test]
    fn each_trace_shows_what_it_says() {
        let [first, address, _, best, _] = taken("best fit keeps a large block");
        assert!(best < first.min(address));
        let [first, address, _, best, worst] = taken("best fit leaves crumbs");
        assert!(best > first.max(address).max(worst));
        let [first, address, ..] = taken("by address, the low end fills up");
        assert!(address < first);
        let [first, _, next, ..] = taken("next fit spreads its blocks");
        assert!(next > first);
        let [first, address, next, best, worst] = taken("worst fit cuts up every large block");
        assert!(worst > first.max(address).max(next).max(best));
    }

    #[test]
    fn the_choices_are_the_fits_and_traces_without_a_refusal() {
        let fits: Vec<_> = choices(CHOICES, "fit").collect();
        assert_eq!(fits, FITS.iter().map(|fitting| (fitting.name, fitting.key)).collect::<Vec<_>>());
        for (name, text) in choices(CHOICES, "trace") {
            let trace = Trace::parse(text).unwrap();
            for fitting in FITS {
                assert_eq!(fitting.run(true, &trace.calls).refused, 0, "{name}, {}", fitting.name);
            }
        }
    }

    #[test]
    fn merging_makes_one_block_of_two_neighbours() {
        let state = |merging| show(&format!("merging {merging}\ntrace a=40 b=40 c=8 -a -b")).says;
        assert!(state("on").contains("One block is free, of 96 bytes."), "{}", state("on"));
        assert!(state("off").contains("2 blocks are free, the largest of 48 bytes."), "{}", state("off"));
    }

    #[test]
    fn a_step_back_is_the_state_before() {
        let at = |step| show(&format!("trace a=24 b=24 -a\nstep {step}"));
        assert_eq!((at(0).state, at(2).state, at(9).state), ("0/3".into(), "2/3".into(), "3/3".into()));
        assert!(at(0).says.starts_with("No call yet"));
        assert!(at(2).says.starts_with("Call 2 of 3: b gets 24 bytes at offset "), "{}", at(2).says);
        assert!(at(3).says.starts_with("Call 3 of 3: a is freed. One block is free"), "{}", at(3).says);
    }

    #[test]
    fn what_is_no_trace_is_said() {
        assert!(show("trace a=").says.contains("a="));
        let full = show("trace a=900 b=900").says;
        assert!(full.contains("b gets nothing: there is no room for 900 bytes."), "{full}");
        assert!(show("trace a=900 b=900 -b").says.contains("b was never there"));
    }
}
