//! Finding a frame's bit, and a bit's frame.

// ANCHOR: bit
/// Where the bit of frame `number` is: in which word, and which bit of it.
fn place(number: u32) -> (usize, u32) {
    ((number / 32) as usize, number % 32)
}

/// Whether the bit of frame `number` is set.
pub fn is_set(words: &[u32], number: u32) -> bool {
    let (word, bit) = place(number);
    words[word] & (1 << bit) != 0
}

/// Sets the bit of frame `number`.
pub fn set(words: &mut [u32], number: u32) {
    let (word, bit) = place(number);
    words[word] |= 1 << bit;
}

/// Clears the bit of frame `number`.
pub fn clear(words: &mut [u32], number: u32) {
    let (word, bit) = place(number);
    words[word] &= !(1 << bit);
}
// ANCHOR_END: bit

// ANCHOR: lowest
/// The lowest bit that is set in `word`, or `None` if none is.
pub fn lowest(word: u32) -> Option<u32> {
    if word == 0 { None } else { Some(word.trailing_zeros()) }
}
// ANCHOR_END: lowest

// ANCHOR: pieces
/// Cuts pieces of these lengths off `words`, in order. Each lives as long as `words` would have.
pub fn pieces<const N: usize>(mut words: &mut [u32], lengths: [usize; N]) -> [&mut [u32]; N] {
    lengths.map(|length| words.split_off_mut(..length).expect("as many words were lent as were asked for"))
}
// ANCHOR_END: pieces

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_lie_where_the_book_says() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(31), (0, 31));
        assert_eq!(place(32), (1, 0));
        // The example of the picture: frame 70 is bit 6 of word 2.
        assert_eq!(place(70), (2, 6));
    }

    #[test]
    fn what_is_set_is_set_until_it_is_cleared() {
        let mut words = [0; 4];
        set(&mut words, 70);
        assert!(is_set(&words, 70));
        assert_eq!(words, [0, 0, 1 << 6, 0]);
        clear(&mut words, 70);
        assert!(!is_set(&words, 70));
    }

    #[test]
    fn pieces_follow_each_other() {
        let mut words = [1, 2, 3, 4, 5, 6];
        let [first, second] = pieces(&mut words, [2, 3]);
        assert_eq!((&*first, &*second), (&[1, 2][..], &[3, 4, 5][..]));
    }

    #[test]
    fn the_lowest_bit_is_found() {
        assert_eq!(lowest(0), None);
        assert_eq!(lowest(1), Some(0));
        assert_eq!(lowest(0b1011_0000), Some(4));
        assert_eq!(lowest(1 << 31), Some(31));
    }
}
