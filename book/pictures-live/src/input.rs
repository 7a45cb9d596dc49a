//! The reader's choices.

/// The value of a key: what follows it on its line. `None` if the key is missing.
pub fn value<'a>(input: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = input.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(found, _)| *found == key).map(|(_, value)| value.trim())
}

/// A choice for a key: its name, and its value.
pub fn choices<'a>(choices: &'a str, key: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let parts = choices.lines().filter_map(|line| line.split_once('\t'));
    parts.filter(move |(found, _)| *found == key).filter_map(|(_, choice)| choice.split_once('\t'))
}

/// A hexadecimal number as people write it: with or without `0x`, with underscores anywhere.
pub fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits = digits.bytes().filter(|byte| *byte != b'_');
    let mut number = None;
    for digit in digits {
        let digit = char::from(digit).to_digit(16)?;
        number = Some(u32::checked_mul(number.unwrap_or(0), 16)?.checked_add(digit)?);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_rest_of_its_line() {
        let input = "fit best\ntrace a=1 -a\nstep \n";
        assert_eq!((value(input, "fit"), value(input, "trace")), (Some("best"), Some("a=1 -a")));
        assert_eq!((value(input, "step"), value(input, "st")), (Some(""), None));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, number) in
            [("0xC010_0000", 0xC010_0000), ("c0100000", 0xC010_0000), ("0", 0), ("0XFFFF_FFFF", u32::MAX)]
        {
            assert_eq!(hexadecimal(text), Some(number), "{text}");
        }
        for text in ["", "0x", "_", "0x1_0000_0000", "hello", "-1", "0x12 3", "0xé"] {
            assert_eq!(hexadecimal(text), None, "{text}");
        }
    }
}
