//! What a program finds on its stack, laid out by lab 05's reference.

mod frame;
mod picture;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Shown;
use crate::drawing::{plural, word};
use crate::input::value;

use frame::InitialFrame;

/// The first command line and its environment, and others worth a look.
pub const CHOICES: &str = "command\tcat -n notes\tcat -n notes
command\tone word\tls
command\tone byte more than a word\techo a bc def
environment\tone variable\tHOME=/
environment\ttwo variables\tHOME=/ TERM=vt100
environment\tnone\t";

/// The most words that the picture has room for.
const MOST_WORDS: usize = 64;

/// Draws the stack of a program that is started with a command line.
pub fn show(input: &str) -> Shown {
    let command = value(input, "command").unwrap_or("cat -n notes");
    let environment = value(input, "environment").unwrap_or("HOME=/");
    let frame = InitialFrame::of(&words(command), &words(environment));
    match frame.filter(|frame| frame.words.len() <= MOST_WORDS) {
        Some(frame) => {
            let says = sentence(&frame);
            let svg = picture::draw(&frame, &says);
            Shown { says, state: word(frame.pointer), svg }
        }
        None => {
            let first = show("");
            let says = format!("That takes more than the {MOST_WORDS} words that this picture has room for.");
            Shown { says, ..first }
        }
    }
}

fn words(text: &str) -> Vec<&[u8]> {
    text.split_ascii_whitespace().map(str::as_bytes).collect()
}

fn sentence(frame: &InitialFrame) -> String {
    let [vectors, padding, strings] = frame.parts.map(|bytes| plural(bytes, "byte"));
    let padding = if frame.parts[1] == 0 { "no padding".to_string() } else { format!("{padding} of padding") };
    format!(
        "The stack pointer is {}, a multiple of 16. From there on lie {vectors} of vectors, {padding} and {strings} of strings.",
        word(frame.pointer)
    )
}

#[cfg(all(test, feature = "references"))]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_chapter_shows() {
        let shown = show("command cat -n notes\nenvironment HOME=/");
        assert_eq!(shown, show(""));
        assert_eq!(shown.state, "0xBFFF_FFB0");
        assert!(
            shown.says.ends_with("52 bytes of vectors, 8 bytes of padding and 20 bytes of strings."),
            "{}",
            shown.says
        );
        for text in ["argc: 3 strings in argv", "argv[2]", "envp[0]", "c a t \\0", "\\0 H O M"] {
            assert!(shown.svg.contains(text), "{text}");
        }
    }

    #[test]
    fn nothing_typed_is_no_arguments() {
        let shown = show("command \nenvironment ");
        assert!(shown.says.contains("0 bytes of strings"), "{}", shown.says);
        assert!(shown.svg.contains("argc: 0 strings in argv"));
    }

    #[test]
    fn too_much_is_said() {
        let shown = show(&format!("command {}", "a ".repeat(80)));
        assert!(shown.says.starts_with("That takes more than the 64 words"), "{}", shown.says);
        let shown = show(&format!("command {}", "x".repeat(100_000)));
        assert!(shown.says.starts_with("That takes more than the 64 words"), "{}", shown.says);
    }
}
