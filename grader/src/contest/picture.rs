//! A heap over time: each block is a rectangle from the call that handed it out to the call that took
//! it back, and from its first byte to its last. White areas are lost memory.

use std::fmt::Write;

use super::history::{Gap, History, Moment, Stay};

/// Where the plot lies, in the picture's units.
const LEFT: f64 = 72.0;
const TOP: f64 = 64.0;
const WIDTH: f64 = 660.0;
const HEIGHT: f64 = 400.0;
/// The bar of the fullest moment.
const BAR: f64 = 772.0;
const BAR_WIDTH: f64 = 90.0;

/// The smallest width that is drawn: narrower blocks would not be seen, and there are thousands.
const NARROWEST: f64 = 0.25;

/// Sizes: the largest number of bytes, the class in the style, and the text of the legend.
const SIZES: [(u32, &str, &str); 5] = [
    (64, "s0", "up to 64 B"),
    (256, "s1", "to 256 B"),
    (1024, "s2", "to 1 KiB"),
    (4096, "s3", "to 4 KiB"),
    (u32::MAX, "s4", "larger"),
];

/// Ages in the bar: the largest share of the calls so far, the class in the style, and the text of the legend.
const AGES: [(f64, &str, &str); 4] = [
    (0.01, "a0", "younger than 1 %"),
    (0.1, "a1", "than 10 %"),
    (0.5, "a2", "than half"),
    (f64::INFINITY, "a3", "older"),
];

/// The style. Its rules apply to this picture only, since a page may contain others.
const STYLE: &str = "\
.folio-heap text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.folio-heap .t { font-weight: bold; font-size: 15px; } .folio-heap .d { fill: #5b6370; }
.folio-heap .none { fill: #ffffff; stroke: #c4c9d1; } .folio-heap .when { stroke: #c03535; stroke-dasharray: 4 3; }
.folio-heap .s0 { fill: #2f6fd6; } .folio-heap .s1 { fill: #2a9d8f; } .folio-heap .s2 { fill: #e0a11b; }
.folio-heap .s3 { fill: #d9662b; } .folio-heap .s4 { fill: #8a4fc4; }
.folio-heap .a0 { fill: #bcd0ee; } .folio-heap .a1 { fill: #7ea4dc; } .folio-heap .a2 { fill: #3f6db5; }
.folio-heap .a3 { fill: #1b3868; } .folio-heap .hole { fill: #f2b8b5; }
@media (prefers-color-scheme: dark) {
.folio-heap { background: #14171d; } .folio-heap text { fill: #dde1e8; } .folio-heap .d { fill: #9aa3b2; }
.folio-heap .none { fill: #0b0d11; stroke: #3a414d; } .folio-heap .when { stroke: #f08c8c; }
.folio-heap .a0 { fill: #24364f; } .folio-heap .a1 { fill: #3c5f94; } .folio-heap .a2 { fill: #6d9be0; }
.folio-heap .a3 { fill: #cfe0fb; } .folio-heap .hole { fill: #7a2f33; }
}";

/// The subject of a picture.
pub struct Caption<'a> {
    pub heap: &'a str,
    pub trace: &'a str,
    pub seed: u32,
    /// In percent.
    pub utilization: f64,
}

/// The picture, as SVG.
pub fn picture(history: &History, caption: &Caption<'_>) -> String {
    let moment = history.at(history.fullest());
    let scale = Scale { calls: f64::from(history.calls.max(1)), region: f64::from(history.region.max(1)) };
    let title = escaped(&format!("{} on the trace {}, seed {}", caption.heap, caption.trace, caption.seed));
    let lost = escaped(&losses(&moment));
    let height = TOP + HEIGHT + 104.0;
    let mut svg = String::new();
    let mut put = |text: &str| {
        svg.push_str(text);
        svg.push('\n');
    };
    put(&format!(
        "<svg class=\"folio-heap\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 880 {height}\" role=\"img\" aria-labelledby=\"heap-title heap-desc\">"
    ));
    put(&format!("<title id=\"heap-title\">{title}</title>"));
    put(&format!("<desc id=\"heap-desc\">Blocks over time and place. {lost}</desc>"));
    put(&format!("<style>{STYLE}</style>"));
    put(&format!("<text class=\"t\" x=\"16\" y=\"24\">{title}: {:.1} % used</text>", caption.utilization));
    put(&format!("<text class=\"d\" x=\"16\" y=\"44\">{lost}</text>"));
    put(&format!("<rect class=\"none\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"));
    put(&format!("<rect class=\"hole\" x=\"{BAR}\" y=\"{TOP}\" width=\"{BAR_WIDTH}\" height=\"{HEIGHT}\"/>"));
    for (class, path) in over_time(history, &scale).iter().chain(&by_age(&moment, &scale)) {
        put(&format!("<path class=\"{class}\" d=\"{path}\"/>"));
    }
    let when = scale.x(moment.call);
    put(&format!("<path class=\"when\" d=\"M{when:.1} {TOP}v{HEIGHT}\"/>"));
    for line in axes(history).iter().chain(&legend()) {
        put(line);
    }
    put("</svg>");
    svg
}

/// From calls and bytes to coordinates in the picture.
struct Scale {
    calls: f64,
    region: f64,
}

impl Scale {
    fn x(&self, call: u32) -> f64 {
        LEFT + WIDTH * f64::from(call) / self.calls
    }

    /// Low addresses are at the bottom.
    fn y(&self, offset: u32) -> f64 {
        TOP + HEIGHT * (1.0 - f64::from(offset) / self.region)
    }
}

/// The outline of a block's bytes, from left to right.
fn outline(path: &mut String, scale: &Scale, block: &Stay, left: f64, right: f64) {
    let (top, bottom) = (scale.y(block.end()), scale.y(block.offset));
    let (width, height) = (right - left, bottom - top);
    // Writing to a `String` does not fail.
    let _ = write!(path, "M{left:.1} {top:.1}h{width:.1}v{height:.2}h-{width:.1}z");
}

/// All blocks, by size.
fn over_time(history: &History, scale: &Scale) -> Vec<(&'static str, String)> {
    let mut paths: Vec<(&str, String)> = SIZES.iter().map(|(_, class, _)| (*class, String::new())).collect();
    for stay in &history.stays {
        let (left, right) = (scale.x(stay.from), scale.x(stay.until));
        let class = SIZES.iter().position(|(most, _, _)| stay.bytes <= *most).unwrap_or(0);
        if right - left >= NARROWEST {
            outline(&mut paths[class].1, scale, stay, left, right);
        }
    }
    paths
}

/// The blocks of one moment, by age.
fn by_age(moment: &Moment, scale: &Scale) -> Vec<(&'static str, String)> {
    let mut paths: Vec<(&str, String)> = AGES.iter().map(|(_, class, _)| (*class, String::new())).collect();
    for block in &moment.blocks {
        let age = f64::from(moment.call - block.from) / f64::from(moment.call.max(1));
        let class = AGES.iter().position(|(most, _, _)| age < *most).unwrap_or(0);
        outline(&mut paths[class].1, scale, block, BAR, BAR + BAR_WIDTH);
    }
    paths
}

/// Where the memory outside blocks is, at the fullest moment.
fn losses(moment: &Moment) -> String {
    let gaps = moment.gaps();
    let (beside, holes): (Vec<&Gap>, Vec<&Gap>) = gaps.iter().partition(|gap| gap.bytes < Gap::HOLE);
    let (small, large): (Vec<&Gap>, Vec<&Gap>) = holes.into_iter().partition(|gap| gap.bytes < 1024);
    let sum = |gaps: &[&Gap]| gaps.iter().map(|gap| gap.bytes).sum::<u32>();
    format!(
        "Fullest (dashed): {} in {} blocks; beside them {}; {} in {} holes below 1 KiB, {} in {} larger ones.",
        kib(moment.payload()),
        moment.blocks.len(),
        kib(sum(&beside)),
        kib(sum(&small)),
        small.len(),
        kib(sum(&large)),
        large.len(),
    )
}

fn kib(bytes: u32) -> String {
    format!("{:.1} KiB", f64::from(bytes) / 1024.0)
}

/// The labels of the plot's axes.
fn axes(history: &History) -> Vec<String> {
    let right = LEFT + WIDTH;
    let (bottom, below) = (TOP + HEIGHT, TOP + HEIGHT + 18.0);
    vec![
        format!("<text class=\"d\" x=\"{:.0}\" y=\"{bottom}\" text-anchor=\"end\">0</text>", LEFT - 6.0),
        format!(
            "<text class=\"d\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            TOP + 10.0,
            kib(history.region)
        ),
        format!("<text class=\"d\" x=\"{LEFT}\" y=\"{below}\">time, in calls</text>"),
        format!("<text class=\"d\" x=\"{right}\" y=\"{below}\" text-anchor=\"end\">{}</text>", history.calls),
        format!("<text class=\"d\" x=\"{BAR}\" y=\"{below}\">when fullest</text>"),
    ]
}

/// The meaning of the colours.
fn legend() -> Vec<String> {
    let sizes = SIZES.iter().map(|(_, class, text)| (*class, *text));
    let ages = AGES.iter().map(|(_, class, text)| (*class, *text)).chain([("hole", "no block's")]);
    let mut lines = Vec::new();
    let mut row = |title: &str, entries: &mut dyn Iterator<Item = (&'static str, &'static str)>, y: f64| {
        lines.push(format!("<text class=\"d\" x=\"16\" y=\"{y}\">{title}</text>"));
        for (number, (class, text)) in entries.enumerate() {
            let x = LEFT + number as f64 * 140.0;
            lines.push(format!("<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\"/>", y - 11.0));
            lines.push(format!("<text x=\"{}\" y=\"{y}\">{text}</text>", x + 18.0));
        }
    };
    row("Size", &mut sizes.into_iter(), TOP + HEIGHT + 50.0);
    row("Age", &mut ages.into_iter(), TOP + HEIGHT + 78.0);
    lines
}

/// Escapes text for SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::history;
    use super::*;

    fn drawn(heap: &str) -> String {
        picture(&history(), &Caption { heap, trace: "queue", seed: 3, utilization: 61.5 })
    }

    #[test]
    fn a_picture_is_well_formed_and_says_what_it_shows() {
        let svg = drawn("yours");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        for part in ["<title ", "<desc ", "yours on the trace queue, seed 3: 61.5 % used", "prefers-color-scheme"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(!svg.contains("href") && !svg.contains("NaN"), "nothing from elsewhere, and numbers only");
    }

    #[test]
    fn every_stay_is_a_rectangle_of_its_size() {
        let svg = drawn("yours");
        let outlines = |class: &str| {
            let path = svg.lines().find_map(|line| line.strip_prefix(&format!("<path class=\"{class}\" d=\"")));
            path.map_or(0, |path| path.matches('M').count())
        };
        assert_eq!(["s0", "s1", "s2", "s3", "s4"].map(outlines), [3, 1, 0, 0, 0]);
    }

    #[test]
    fn losses_add_up() {
        let text = losses(&history().at(3));
        assert!(text.contains("0.1 KiB in 3 blocks; beside them 0.0 KiB; 0.1 KiB in 1 holes below 1 KiB"), "{text}");
    }

    #[test]
    fn what_a_heap_is_called_cannot_break_the_picture() {
        assert!(drawn("<a & b>").contains("&lt;a &amp; b&gt;"));
    }
}
