//! A drawing, as SVG with the classes of `book/style.css`.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;

/// A drawing in the making. Lengths are in its own units; on the page, one unit is about
/// a pixel.
pub struct Drawing {
    name: &'static str,
    body: String,
}

impl Drawing {
    /// An empty drawing, for the picture with this name.
    pub fn new(name: &'static str) -> Self {
        let mut drawing = Self { name, body: String::new() };
        let tip = "<path class=\"head\" d=\"M0 0L10 5L0 10z\"/>";
        drawing.line(&format!(
            "<defs><marker id=\"live-{name}-tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" \
             markerHeight=\"8\" orient=\"auto-start-reverse\">{tip}</marker></defs>"
        ));
        drawing
    }

    fn line(&mut self, text: &str) {
        self.body.push_str(text);
        self.body.push('\n');
    }

    /// A rectangle.
    pub fn rect(&mut self, class: &str, (x, y): (u32, u32), (width, height): (u32, u32)) {
        self.line(&format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"));
    }

    /// Text at a point on its base line: with its left end there, with the class `c` its middle, with `e` its right end.
    pub fn text(&mut self, class: &str, (x, y): (u32, u32), text: &str) {
        if !text.is_empty() {
            self.line(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text)));
        }
    }

    /// A rectangle of a table, with text in its middle.
    pub fn cell(&mut self, class: &str, at: (u32, u32), size: (u32, u32), text_class: &str, text: &str) {
        self.rect(class, at, size);
        self.text(&format!("c {text_class}"), (at.0 + size.0 / 2, at.1 + size.1 / 2 + 4), text);
    }

    /// An arrow along a path.
    pub fn arrow(&mut self, path: &str) {
        let tip = format!("url(#live-{}-tip)", self.name);
        self.line(&format!("<path class=\"line\" d=\"{path}\" marker-end=\"{tip}\"/>"));
    }

    /// The SVG, with a title and a description for readers who cannot see it.
    pub fn finish(self, (width, height): (u32, u32), title: &str, description: &str) -> String {
        let Self { name, body } = self;
        let mut svg = format!(
            "<svg class=\"pic\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"live-{name}-title live-{name}-desc\">\n"
        );
        let _ = writeln!(svg, "<title id=\"live-{name}-title\">{}</title>", escaped(title));
        let _ = writeln!(svg, "<desc id=\"live-{name}-desc\">{}</desc>", escaped(description));
        svg + &body + "</svg>\n"
    }
}

/// Escapes text for SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A 32-bit number in the book's form: `0xC010_0000`.
pub fn word(number: u32) -> String {
    format!("0x{:04X}_{:04X}", number >> 16, number & 0xFFFF)
}

/// `1 page`, `2 pages`.
pub fn plural(count: u32, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { count.to_string() + " " + what + "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_typed_can_become_markup() {
        let mut drawing = Drawing::new("x");
        drawing.text("s", (1, 2), "<script> & more");
        let svg = drawing.finish((10, 20), "a < b", "c > d");
        assert!(svg.contains("&lt;script&gt; &amp; more</text>") && !svg.contains("<script>"));
        assert!(svg.contains("a &lt; b</title>") && svg.contains("c &gt; d</desc>"));
    }

    #[test]
    fn numbers_are_written_as_in_the_book() {
        assert_eq!((word(0xC010_0ABC), word(7)), ("0xC010_0ABC".into(), "0x0000_0007".into()));
        assert_eq!((plural(1, "byte"), plural(0, "byte")), ("1 byte".into(), "0 bytes".into()));
    }
}
