//! A trace of a processor: its state before every instruction, as QEMU's log writes it with `-d cpu`.

use std::collections::BTreeMap;

/// The first word of a state.
pub const FIRST: &str = "EAX=";
/// The first word of what QEMU itself keeps besides the state, and whose values may differ for one state.
const LAST: &str = "CCS=";

/// EFLAGS.TF and EFLAGS.IF.
const TRAP_OR_INTERRUPT: u32 = 1 << 8 | 1 << 9;

/// CR0.PG.
const PAGING: u32 = 1 << 31;
/// CR4.PAE.
const PHYSICAL_EXTENSION: u32 = 1 << 5;

/// A processor's state before an instruction: its registers, segments and descriptors, as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct State<'t>(&'t str);

impl State<'_> {
    /// The address of the instruction.
    pub fn eip(self) -> Option<u32> {
        self.number("EIP=")
    }

    /// The stack pointer.
    fn esp(self) -> Option<u32> {
        self.number("ESP=")
    }

    /// Whether no device's interrupt and no trap can come before the instruction has been executed.
    pub fn is_undisturbed(self) -> bool {
        self.number("EFL=").is_some_and(|flags| flags & TRAP_OR_INTERRUPT == 0)
            && self.0.contains(" II=0 ")
            && self.0.contains(" SMM=0 HLT=0")
    }

    /// CR3 if the processor translates addresses by tables with two levels.
    pub fn directory(self) -> Option<u32> {
        let (cr0, cr4) = (self.number("CR0=")?, self.number("CR4=")?);
        if cr0 & PAGING != 0 && cr4 & PHYSICAL_EXTENSION == 0 { self.number("CR3=") } else { None }
    }

    fn number(self, name: &str) -> Option<u32> {
        let at = self.0.find(name)? + name.len();
        u32::from_str_radix(self.0.get(at..at + 8)?, 16).ok()
    }
}

/// The states in a log, in order, at most `most` of them. The last one may be cut, and is left out.
///
/// QEMU may write a state twice when it returns to its main loop before the instruction, so of states that are alike
/// and follow each other there is one here.
pub fn states(log: &str, most: usize) -> Vec<State<'_>> {
    let mut states: Vec<State<'_>> = Vec::new();
    let mut count = 0;
    let mut rest = log.find(FIRST).map_or("", |at| &log[at..]);
    while count < most
        && let Some(end) = rest.find(LAST)
        && let Some(next) = rest[end..].find(FIRST)
    {
        let state = State(&rest[..end]);
        if states.last() != Some(&state) {
            states.push(state);
        }
        count += 1;
        rest = &rest[end + next..];
    }
    states
}

/// The states from the last one that occurred before up to its return: the cycle in which the processor seems to be.
pub fn cycle<'a, 't>(states: &'a [State<'t>]) -> Option<&'a [State<'t>]> {
    let (last, before) = states.split_last()?;
    if before.is_empty() {
        // One state again and again: an instruction that jumps to itself.
        return Some(states);
    }
    let start = before.iter().rposition(|state| state == last)?;
    Some(&states[start..before.len()])
}

/// A state of a cycle, and how often the cycle comes to the same address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Landmark<'t> {
    /// The state.
    pub state: State<'t>,
    /// The address of its instruction.
    pub eip: u32,
    /// How many states of the cycle have this address.
    pub times: usize,
}

/// The state of a cycle by which it is best recognised, the same wherever the cycle was entered: the one whose address
/// is rarest, and of these the one in the innermost call.
pub fn landmark<'t>(cycle: &[State<'t>]) -> Option<Landmark<'t>> {
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    for state in cycle {
        *times.entry(state.eip()?).or_default() += 1;
    }
    let landmarks = cycle.iter().filter_map(|state| {
        let eip = state.eip()?;
        Some(Landmark { state: *state, eip, times: *times.get(&eip)? })
    });
    landmarks.min_by_key(|mark| (mark.times, mark.state.esp(), mark.eip, mark.state))
}

/// Whether the monitor's `info registers` says that the processor is in this state.
pub fn is_in(state: State<'_>, says: &str) -> bool {
    let mut said = says.split_ascii_whitespace().skip_while(|word| !word.starts_with(FIRST));
    state.0.split_ascii_whitespace().all(|word| said.next() == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What QEMU logs before an instruction.
    fn entry(eip: u32, esp: u32, ecx: u32) -> String {
        format!(
            "EAX=c0001800 EBX=00000000 ECX={ecx:08x} EDX=c2080000\n\
             ESI=c02790d0 EDI=c02790dc EBP=c0279034 ESP={esp:08x}\n\
             EIP={eip:08x} EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n\
             ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\n\
             CR0=80010015 CR2=00000000 CR3=00267000 CR4=00000010\n\
             CCS=00000000 CCD={ecx:08x} CCO=EFLAGS\nEFER=0000000000000000\n"
        )
    }

    fn log(entries: &[(u32, u32, u32)]) -> String {
        entries.iter().map(|(eip, esp, ecx)| entry(*eip, *esp, *ecx)).collect()
    }

    fn eips(states: &[State<'_>]) -> Vec<u32> {
        states.iter().filter_map(|state| state.eip()).collect()
    }

    #[test]
    fn states_are_read_and_those_that_qemu_repeats_count_once() {
        let text = log(&[(1, 9, 0), (1, 9, 0), (2, 9, 0), (3, 9, 0)]);
        assert_eq!(eips(&states(&text, 100)), [1, 2], "the last one may be cut");
        assert_eq!(eips(&states(&text, 1)), [1]);
        assert_eq!(eips(&states(&format!("Triple fault\n{text}"), 100)), [1, 2]);
        assert!(states("", 100).is_empty());
        assert!(states(&text[..300], 100).is_empty());
    }

    #[test]
    fn a_cycle_is_what_lies_between_a_state_and_its_return() {
        let text = log(&[(1, 9, 0), (2, 9, 5), (3, 9, 5), (4, 8, 5), (2, 9, 5), (3, 9, 5), (4, 8, 5), (0, 0, 0)]);
        let all = states(&text, 100);
        assert_eq!(eips(cycle(&all).unwrap()), [4, 2, 3]);
        // A register that counts makes every state a new one.
        let text = log(&[(2, 9, 5), (3, 9, 5), (2, 9, 6), (3, 9, 6), (0, 0, 0)]);
        assert_eq!(cycle(&states(&text, 100)), None);
        let text = log(&[(7, 9, 5), (7, 9, 5), (7, 9, 5)]);
        assert_eq!(eips(cycle(&states(&text, 100)).unwrap()), [7]);
        assert_eq!(cycle(&[]), None);
    }

    #[test]
    fn the_landmark_is_the_same_wherever_a_cycle_is_entered() {
        let one = [(1, 9, 0), (2, 9, 0), (3, 8, 0), (2, 9, 1), (4, 8, 1)];
        for turn in 0..one.len() {
            let mut turned = one;
            turned.rotate_left(turn);
            let text = log(&[&turned[..], &[(0, 0, 0)]].concat());
            let mark = landmark(&states(&text, 100)).unwrap();
            assert_eq!((mark.eip, mark.times), (3, 1), "the innermost of those that come once");
        }
        assert_eq!(landmark(&[]), None);
    }

    #[test]
    fn a_state_is_found_in_what_the_monitor_says() {
        let text = log(&[(1, 9, 7), (2, 9, 7)]);
        let all = states(&text, 100);
        let says = |eip| format!("\r\nCPU#0\r\n{}FCW=037f\r\n", entry(eip, 9, 7).replace('\n', "\r\n"));
        assert!(is_in(all[0], &says(1)));
        assert!(!is_in(all[0], &says(2)));
        assert!(!is_in(all[0], ""));
    }

    #[test]
    fn interrupts_traps_and_halts_disturb() {
        let usual = log(&[(1, 9, 7), (2, 9, 7)]);
        assert!(states(&usual, 9)[0].is_undisturbed());
        for (from, to) in [
            ("EFL=00000002", "EFL=00000202"),
            ("EFL=00000002", "EFL=00000102"),
            ("HLT=0", "HLT=1"),
            ("SMM=0", "SMM=1"),
            ("II=0", "II=1"),
        ] {
            assert!(!states(&usual.replace(from, to), 9)[0].is_undisturbed(), "{to}");
        }
    }
}
