//! Where a heap's blocks were, and when.

use serde::Deserialize;

/// A line of the benchmark's output: after this call, a block lies there, or is freed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Event {
    call: u32,
    block: u32,
    /// The offset in the region.
    offset: Option<u32>,
    bytes: Option<u32>,
}

/// A block in one place, from one call to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stay {
    /// The call that handed it out.
    pub from: u32,
    /// The call that took it back, or moved or resized it.
    pub until: u32,
    pub offset: u32,
    pub bytes: u32,
}

impl Stay {
    /// The offset of the first byte after it.
    pub fn end(&self) -> u32 {
        self.offset.saturating_add(self.bytes)
    }
}

/// The history of a whole trace.
pub struct History {
    /// Bytes in the region.
    pub region: u32,
    /// How many calls there are.
    pub calls: u32,
    /// In the order in which their lives ended.
    pub stays: Vec<Stay>,
}

impl History {
    /// The history from these lines, in a region of `bytes` bytes.
    pub fn new(events: &[Event], region: u32) -> Self {
        let mut open: Vec<Option<Stay>> = Vec::new();
        let (mut stays, mut calls) = (Vec::new(), 0);
        for event in events {
            calls = calls.max(event.call);
            let index = event.block as usize;
            if open.len() <= index {
                open.resize(index + 1, None);
            }
            // A block that is about to be freed exists until the next call.
            stays.extend(open[index].take().map(|stay| Stay { until: event.call + 1, ..stay }));
            if let (Some(offset), Some(bytes)) = (event.offset, event.bytes) {
                open[index] = Some(Stay { from: event.call, until: event.call, offset, bytes });
            }
        }
        stays.extend(open.into_iter().flatten().map(|stay| Stay { until: calls + 1, ..stay }));
        Self { region, calls, stays }
    }

    /// The call after which most bytes were in blocks.
    pub fn fullest(&self) -> u32 {
        let mut changes: Vec<(u32, i64)> = self
            .stays
            .iter()
            .flat_map(|stay| [(stay.from, i64::from(stay.bytes)), (stay.until, -i64::from(stay.bytes))])
            .collect();
        // Within a call, blocks that end are counted before blocks that begin.
        changes.sort_unstable();
        let (mut bytes, mut most, mut when) = (0, 0, 0);
        for (call, change) in changes {
            bytes += change;
            if bytes > most {
                (most, when) = (bytes, call);
            }
        }
        when
    }

    /// The blocks after a call, in the order of their places.
    pub fn at(&self, call: u32) -> Moment {
        let mut blocks: Vec<Stay> =
            self.stays.iter().filter(|stay| stay.from <= call && call < stay.until).copied().collect();
        blocks.sort_unstable_by_key(|stay| stay.offset);
        Moment { call, region: self.region, blocks }
    }
}

/// The blocks after a call.
pub struct Moment {
    pub call: u32,
    region: u32,
    /// In the order of their places.
    pub blocks: Vec<Stay>,
}

/// Memory between two blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    pub offset: u32,
    pub bytes: u32,
}

impl Gap {
    /// A gap of fewer bytes is a header and rounding; a larger one is a hole.
    pub const HOLE: u32 = 16;
}

impl Moment {
    /// Bytes in blocks.
    pub fn payload(&self) -> u32 {
        self.blocks.iter().map(|block| block.bytes).sum()
    }

    /// The gaps before, between and after blocks.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut end = 0;
        let limits = self.blocks.iter().map(|block| (block.offset, block.end())).chain([(self.region, self.region)]);
        for (offset, next) in limits {
            if offset > end {
                gaps.push(Gap { offset: end, bytes: offset - end });
            }
            end = end.max(next);
        }
        gaps
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::peers::read;

    /// Two blocks; the first is freed, the second moves.
    const TEXT: &str = "\
call,block,offset,bytes
1,0,8,32
2,1,48,64
3,2,120,16
3,0,,
5,1,,
6,1,8,100
";

    pub fn history() -> History {
        History::new(&read::<Event>(TEXT).unwrap(), 200)
    }

    #[test]
    fn blocks_are_followed_from_place_to_place() {
        let history = history();
        assert_eq!((history.calls, history.stays.len()), (6, 4));
        assert_eq!(history.stays[0], Stay { from: 1, until: 4, offset: 8, bytes: 32 });
        assert_eq!(history.stays[1], Stay { from: 2, until: 6, offset: 48, bytes: 64 });
        assert_eq!(history.fullest(), 6);
    }

    #[test]
    fn gaps_are_what_no_block_has() {
        let moment = history().at(3);
        assert_eq!(moment.payload(), 112);
        let gaps: Vec<(u32, u32)> = moment.gaps().iter().map(|gap| (gap.offset, gap.bytes)).collect();
        assert_eq!(gaps, [(0, 8), (40, 8), (112, 8), (136, 64)]);
        assert_eq!(moment.payload() + gaps.iter().map(|(_, bytes)| bytes).sum::<u32>(), 200);
    }
}
