//! Claims: what a check says about the address space when it stops to be inspected.

use super::walk::Rights;

/// No check claims more than this at a checkpoint.
const MOST_CLAIMS: usize = 256;

/// A check's claim about what an address means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The address.
    pub address: u32,
    /// The physical address and the rights there, or `None` if the address leads nowhere.
    pub meaning: Option<(u32, Rights)>,
}

/// A stop that a check announced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// What has just happened, in the check's words.
    pub name: String,
    /// What is claimed about the loaded directory.
    pub claims: Vec<Claim>,
}

impl Claim {
    /// Reads `ADDRESS PHYSICAL RIGHTS` or `ADDRESS none`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        let mut words = text.split_ascii_whitespace();
        let address = number(words.next()?)?;
        let meaning = match words.next()? {
            "none" => None,
            physical => Some((number(physical)?, Rights::parse(words.next()?)?)),
        };
        words.next().is_none().then_some(Self { address, meaning })
    }
}

/// The addresses of all claims since the last checkpoint, from the serial port's
/// output.
pub fn claimed(said: &[u8]) -> Vec<u32> {
    let said = String::from_utf8_lossy(said);
    let reports = said.lines().rev().filter_map(|line| line.strip_prefix("# folio:")?.split_once(' '));
    let reports = reports.map(|(_, report)| report).skip_while(|report| report.starts_with("checkpoint "));
    let claims = reports.map_while(|report| report.strip_prefix("claim ")).filter_map(Claim::parse);
    claims.map(|claim| claim.address).take(MOST_CLAIMS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: Rights = Rights { writable: true, user: false };

    fn claim(text: &str) -> Claim {
        Claim::parse(text).unwrap()
    }

    #[test]
    fn claims_are_read() {
        let expected = Claim { address: 0xF000_0123, meaning: Some((0x5123, RW)) };
        assert_eq!(claim("0xf0000123 0x00005123 rw-"), expected);
        assert_eq!(claim("0x8 none"), Claim { address: 8, meaning: None });
        for text in
            ["", "0x8", "8 none", "0x8 none more", "0x8 0x9", "0x8 0x9 rwx", "0x8 0x9 rw- more", "0x100000000 none"]
        {
            assert_eq!(Claim::parse(text), None, "{text}");
        }
    }
}
