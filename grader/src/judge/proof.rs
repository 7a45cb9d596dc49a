//! What a check claims about the address space, compared with the machine's
//! memory.
//!
//! At a *checkpoint* a check claims what some addresses mean, as the student's code
//! told it, and stops the machine. The grader then reads the page tables from
//! the machine's memory and walks them. So a `translate()` whose answers do not
//! agree with the tables is caught.

use std::fmt;

use crate::machine::claim::Checkpoint;
use crate::machine::walk::{self, Rights, Snapshot};

use super::status::Status;
use super::verdict::Verdict;

/// A claim that does not agree with the tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The claim.
    pub claimed: String,
    /// The meaning that the tables in memory give.
    pub found: String,
}

/// The first claim with which the tables in memory do not agree.
pub fn compare(checkpoint: &Checkpoint, snapshot: &mut Snapshot) -> Option<Disagreement> {
    let cr3 = snapshot.cr3;
    checkpoint.claims.iter().find_map(|claim| {
        let found = walk::translate(snapshot, cr3, claim.address);
        if found.ok().map(|found| (found.physical, found.rights)) == claim.meaning {
            return None;
        }
        let name = &checkpoint.name;
        let found = match found {
            Ok(found) => Meaning(Some((found.physical, found.rights))).to_string(),
            Err(missing) => missing.to_string(),
        };
        Some(Disagreement {
            claimed: format!(
                "{name}: {} to be {}, as the contract or the call before says",
                Address(claim.address),
                Meaning(claim.meaning)
            ),
            found: format!("in the machine's memory, read from outside: {found}"),
        })
    })
}

/// Judges the claims of a check that passed. It must have stopped at `checkpoints` checkpoints.
///
/// Returns `None` if all claims are proved, and otherwise the verdict and the disagreement.
pub fn judge(
    announced: &[Checkpoint],
    snapshots: &mut [Snapshot],
    due: usize,
) -> Option<(Verdict, Option<Disagreement>)> {
    if announced.len() != due
        || snapshots.len() != due
        || announced.iter().any(|checkpoint| checkpoint.claims.is_empty())
    {
        let message = format!(
            "the check has to stop at {due} checkpoints; it announced {} stops and made {}",
            announced.len(),
            snapshots.len()
        );
        return Some((Verdict { status: Status::Tampered, message }, None));
    }
    let disagreement =
        announced.iter().zip(snapshots).find_map(|(checkpoint, snapshot)| compare(checkpoint, snapshot))?;
    let message = format!("expected {}; {}", disagreement.claimed, disagreement.found);
    Some((Verdict { status: Status::Failed, message }, Some(disagreement)))
}

/// `0x0804_8000`.
struct Address(u32);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}_{:04X}", self.0 >> 16, self.0 & 0xFFFF)
    }
}

/// A meaning in words.
struct Meaning(Option<(u32, Rights)>);

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("not mapped"),
            Some((physical, rights)) => write!(f, "mapped to {}, {rights}", Address(physical)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::claim::Claim;

    fn claim(text: &str) -> Claim {
        Claim::parse(text).unwrap()
    }

    fn checkpoint(claims: &[&str]) -> Checkpoint {
        Checkpoint { name: "after map()".into(), claims: claims.iter().map(|text| claim(text)).collect() }
    }

    /// 0xF000_0000 is mapped to frame 5, for the kernel to write; nothing else is.
    fn snapshot() -> Snapshot {
        let (mut directory, mut table) = ([0; 1024], [0; 1024]);
        directory[0x3C0] = 0x2003;
        table[0] = 0x5003;
        Snapshot { cr3: 0x1000, frames: [(1, directory), (2, table)].into() }
    }

    #[test]
    fn true_claims_pass() {
        let announced = [checkpoint(&["0xf0000123 0x5123 rw-", "0xf0001000 none", "0x0 none"])];
        assert_eq!(judge(&announced, &mut [snapshot()], 1), None);
    }

    #[test]
    fn a_translation_that_lies_does_not_pass() {
        for (lie, found) in [
            ("0xf0000123 0x6123 rw-", "mapped to 0x0000_5123, rw-"),
            ("0xf0000123 0x5123 r--", "mapped to 0x0000_5123, rw-"),
            ("0xf0000123 0x5123 rwu", "mapped to 0x0000_5123, rw-"),
            ("0xf0000123 none", "mapped to 0x0000_5123, rw-"),
            ("0xf0001000 0x6000 rw-", "entry 1 of the page table in frame 0x2 is not present (0x00000000)"),
            ("0x08048000 0x6000 rw-", "entry 32 of the page directory is not present (0x00000000)"),
        ] {
            let announced = [checkpoint(&["0xf0000000 0x5000 rw-", lie])];
            let (verdict, disagreement) = judge(&announced, &mut [snapshot()], 1).expect(lie);
            assert_eq!(verdict.status, Status::Failed);
            assert!(disagreement.unwrap().found.ends_with(found), "{lie}: {}", verdict.message);
        }
    }

    #[test]
    fn a_checkpoint_that_is_due_cannot_be_left_out() {
        let good = || checkpoint(&["0x0 none"]);
        for (announced, stops, due) in [
            (vec![], 0, 1),
            (vec![good()], 0, 1),
            (vec![], 1, 1),
            (vec![good()], 1, 2),
            (vec![good(), good()], 2, 1),
            (vec![good()], 1, 0),
            (vec![checkpoint(&[])], 1, 1),
        ] {
            let mut snapshots = vec![snapshot(); stops];
            let (verdict, _) = judge(&announced, &mut snapshots, due).expect("it is not proved");
            assert_eq!(verdict.status, Status::Tampered);
        }
        assert_eq!(judge(&[], &mut [], 0), None);
    }

    #[test]
    fn a_snapshot_without_the_directory_proves_nothing() {
        let mut empty = [Snapshot { cr3: 0x1000, ..Snapshot::default() }];
        let (verdict, _) = judge(&[checkpoint(&["0xf0000000 0x5000 rw-"])], &mut empty, 1).unwrap();
        assert_eq!(verdict.status, Status::Failed);
    }
}
