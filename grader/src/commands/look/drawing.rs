//! What all pictures have in common: the frame around them, and their colours.

use std::fmt::Write as _;

/// Entries, frames or pages in a row.
pub const COLUMNS: usize = 32;
/// A square's size and distance.
pub const SQUARE: usize = 13;
pub const STEP: usize = 15;
/// Where what is drawn begins.
pub const LEFT: usize = 104;
pub const TOP: usize = 64;

/// All of it for these pictures only: they may be put into a page with others.
pub const STYLE: &str = "\
.folio-look text { font: 12px ui-monospace, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
.folio-look .t { font: bold 14px system-ui, sans-serif; } .folio-look .d { fill: #5b6370; }
.folio-look .none { fill: #f0f1f3; } .folio-look .l { fill: none; stroke: #9aa3b2; } .folio-look .s { stroke-width: 1; }
.folio-look .user { fill: #b9e2c4; stroke: #2f7d43; } .folio-look .kernel { fill: #c3d2fa; stroke: #3f63c4; }
.folio-look .large { fill: #fbdc9a; stroke: #a86d14; } .folio-look .other { fill: #fbdcdc; stroke: #c03535; }
.folio-look .part { fill: #e4eafc; stroke: #3f63c4; }
@media (prefers-color-scheme: dark) {
.folio-look { background: #14171d; } .folio-look text { fill: #dde1e8; } .folio-look .d { fill: #9aa3b2; }
.folio-look .none { fill: #1f232b; }
.folio-look .user { fill: #1f5a35; stroke: #6cc48d; } .folio-look .kernel { fill: #2b3d7a; stroke: #8fa9f5; }
.folio-look .large { fill: #6b521d; stroke: #deb068; } .folio-look .other { fill: #6a2a30; stroke: #f08c8c; }
.folio-look .part { fill: #232b46; stroke: #8fa9f5; }
}";

/// A picture.
pub struct Drawing {
    /// What it is.
    pub title: String,
    /// What its squares or bars stand for.
    pub subtitle: String,
    /// The picture in a sentence, for those who cannot see it.
    pub description: String,
    /// What is in it, as SVG.
    pub body: String,
    /// How high it is.
    pub height: usize,
}

impl Drawing {
    /// This picture with another one below it, as one.
    pub fn above(mut self, other: &Self) -> Self {
        let _ = write!(
            self.body,
            "<g transform=\"translate(0 {})\">\n<text class=\"t\" x=\"16\" y=\"26\">{}</text>\n\
             <text class=\"d\" x=\"16\" y=\"46\">{}</text>\n{}</g>\n",
            self.height,
            escaped(&other.title),
            escaped(&other.subtitle),
            other.body
        );
        let _ = write!(self.description, " {}: {}", other.title, other.description);
        self.height += other.height;
        self
    }

    /// It as SVG. `id` is unique on its page.
    pub fn svg(&self, id: &str) -> String {
        let (title, height) = (escaped(&self.title), self.height);
        format!(
            "<svg class=\"folio-look\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\">\n<title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-desc\">{}</desc>\n<text class=\"t\" x=\"16\" y=\"26\">{title}</text>\n\
             <text class=\"d\" x=\"16\" y=\"46\">{}</text>\n{}</svg>\n",
            escaped(&self.description),
            escaped(&self.subtitle),
            self.body
        )
    }
}

/// The first of so many things, in a sentence's end: `a, b.`, or `a, b, and more.`
pub fn first_of(shown: &[String], all: usize) -> String {
    let rest = if all > shown.len() { ", and more." } else { "." };
    shown.join(", ") + rest
}

/// What colours mean, in a row: each class, and its words.
pub fn legend(y: usize, colours: &[(&str, &str)]) -> String {
    let one = |((class, text), x): (&(&str, &str), usize)| {
        format!(
            "<rect class=\"s {class}\" x=\"{x}\" y=\"{y}\" width=\"{SQUARE}\" height=\"{SQUARE}\"/>\n\
             <text x=\"{}\" y=\"{}\">{}</text>\n",
            x + 20,
            y + 11,
            escaped(text)
        )
    };
    colours.iter().zip((16..).step_by(190)).map(one).collect()
}

/// The outline of a square by its number, from the left and the top.
pub fn square(index: usize) -> String {
    let (x, y) = (LEFT + index % COLUMNS * STEP, TOP + index / COLUMNS * STEP);
    format!("M{x} {y}h{SQUARE}v{SQUARE}h-{SQUARE}z")
}

/// Text as it may stand in SVG and HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
