//! A trace, as the reader types it: `a=24 b=40 -a` allocates two blocks and frees the first.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The most calls.
const MOST_CALLS: usize = 100;
/// The most bytes of a block: the picture shows a heap of 1 KiB.
const MOST_BYTES: u32 = 1000;
/// The most letters of a name: more do not fit into a small block.
const LONGEST_NAME: usize = 2;

/// A call of the heap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Allocates a block.
    Allocate {
        /// The name of the block.
        name: String,
        /// Its size in bytes.
        bytes: u32,
    },
    /// Frees a block.
    Free {
        /// The name of the block.
        name: String,
    },
}

/// A program, as a sequence of calls of the heap.
#[derive(Default)]
pub struct Trace {
    /// Its calls.
    pub calls: Vec<Call>,
}

impl Trace {
    /// Parses a trace.
    ///
    /// # Errors
    /// The mistake, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut trace = Self::default();
        let mut live = BTreeSet::new();
        for word in text.split_ascii_whitespace() {
            let call = call(word).ok_or_else(|| {
                format!(
                    "“{word}” is no call: write a=24 to allocate 24 bytes (1 to {MOST_BYTES}), and -a to free them."
                )
            })?;
            let fits = match &call {
                Call::Allocate { name, .. } => live.insert(name.clone()),
                Call::Free { name } => live.remove(name),
            };
            if !fits {
                return Err(match call {
                    Call::Allocate { name, .. } => format!("{name} is allocated twice: free it first."),
                    Call::Free { name } => format!("{name} is freed, but not allocated."),
                });
            }
            trace.calls.push(call);
            if trace.calls.len() > MOST_CALLS {
                return Err(format!("More than {MOST_CALLS} calls are too many for this picture."));
            }
        }
        Ok(trace)
    }
}

fn call(word: &str) -> Option<Call> {
    let is_name =
        |name: &str| (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(name) = word.strip_prefix('-').or_else(|| word.strip_prefix('−')) {
        return is_name(name).then(|| Call::Free { name: name.into() });
    }
    let (name, bytes) = word.split_once('=')?;
    let bytes = bytes.parse().ok().filter(|bytes| (1..=MOST_BYTES).contains(bytes))?;
    is_name(name).then(|| Call::Allocate { name: name.into(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_in_their_order() {
        let calls = Trace::parse(" a=24  -a\ta=1000 ").unwrap().calls;
        let allocate = |bytes| Call::Allocate { name: "a".into(), bytes };
        assert_eq!(calls, [allocate(24), Call::Free { name: "a".into() }, allocate(1000)]);
        assert!(Trace::parse("").unwrap().calls.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["a", "a=0", "a=1001", "a=x", "=4", "-", "abc=4", "<b>=1", "a=1 a=2", "-a", "a=1 -a -a", "a=-1"] {
            assert!(Trace::parse(text).is_err(), "{text}");
        }
        assert!(Trace::parse(&"a=1 -a ".repeat(51)).is_err());
    }
}
