//! Pictures, as SVG inside the page: they use its colours, and can be printed.

use maud::{Markup, html};

/// A picture's size, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
/// The height above the highest column, for its number.
const ABOVE: f64 = 24.0;
/// The height below the columns, for the axis.
const BELOW: f64 = 46.0;

/// How many columns a histogram has.
pub const COLUMNS: usize = 10;

/// How many of these shares, from 0 to 1, are in each tenth; a share of 1 is in the last tenth.
pub fn tenths(shares: impl Iterator<Item = f64>) -> [usize; COLUMNS] {
    let mut counts = [0; COLUMNS];
    for share in shares {
        // Shares below 0 are in the first column, and shares above 1 in the last.
        let column = (share.clamp(0.0, 1.0) * COLUMNS as f64 + 1e-9) as usize;
        counts[column.min(COLUMNS - 1)] += 1;
    }
    counts
}

/// How many students are in each tenth of the points.
pub fn histogram(counts: &[usize; COLUMNS]) -> Markup {
    let highest = counts.iter().copied().max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / COLUMNS as f64;
    let floor = HEIGHT - BELOW;
    let words: Vec<String> =
        counts.iter().enumerate().map(|(at, count)| format!("{} to {} %: {count}", at * 10, at * 10 + 10)).collect();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) height=(HEIGHT)
            role="img" aria-labelledby="histogram-title histogram-words" {
            title id="histogram-title" { "How many submissions have how many of the points" }
            desc id="histogram-words" { (words.join(", ")) }
            @for (at, count) in counts.iter().enumerate() {
                @let height = (floor - ABOVE) * *count as f64 / highest;
                @let left = at as f64 * step;
                @if *count > 0 {
                    rect class="column" x=(number(left + 3.0)) y=(number(floor - height)) width=(number(step - 6.0))
                        height=(number(height)) {}
                    text x=(number(left + step / 2.0)) y=(number(floor - height - 5.0)) text-anchor="middle" { (count) }
                }
            }
            line class="axis" x1="0" y1=(number(floor)) x2=(WIDTH) y2=(number(floor)) {}
            @for at in 0..=COLUMNS {
                @let anchor = match at { 0 => "start", COLUMNS => "end", _ => "middle" };
                text x=(number(at as f64 * step)) y=(number(floor + 18.0)) text-anchor=(anchor) { (at * 10) }
            }
            text x=(number(WIDTH / 2.0)) y=(number(floor + 40.0)) text-anchor="middle" { "percent of the points" }
        }
    }
}

/// A bar that is filled up to a share from 0 to 1. The page prints the number beside it.
pub fn bar(share: f64) -> Markup {
    html! {
        svg class="bar" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 10" preserveAspectRatio="none"
            aria-hidden="true" {
            rect class="rest" x="0" y="0" width="100" height="10" {}
            rect class="passed" x="0" y="0" width=(number(share.clamp(0.0, 1.0) * 100.0)) height="10" {}
        }
    }
}

/// One part of a [strip].
pub struct Part {
    /// Its width, in points.
    pub points: u64,
    /// Its class in the style sheet.
    pub class: &'static str,
}

/// A lab's checks side by side, each as wide as its points.
pub fn strip(parts: &[Part], words: &str) -> Markup {
    let whole = parts.iter().map(|part| part.points).sum::<u64>().max(1) as f64;
    let mut left = 0.0;
    let placed: Vec<(f64, f64, &str)> = parts
        .iter()
        .map(|part| {
            let width = part.points as f64 / whole * WIDTH;
            left += width;
            (left - width, width, part.class)
        })
        .collect();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} 16")) width=(WIDTH) height="16" role="img"
            aria-label=(words) {
            @for (left, width, class) in placed {
                rect class=(class) x=(number(left)) y="0" width=(number((width - 1.5).max(0.5))) height="16" {}
            }
        }
    }
}

/// A length with a digit after the point.
fn number(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_in_one_tenth() {
        let shares = [0.0, 0.05, 0.1, 0.3, 0.999, 1.0, -1.0, 2.0, f64::NAN];
        assert_eq!(tenths(shares.into_iter()), [4, 1, 0, 1, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn a_histogram_says_in_words_what_it_shows() {
        let mut counts = [0; COLUMNS];
        counts[7] = 12;
        let text = histogram(&counts).into_string();
        assert!(text.contains("70 to 80 %: 12") && text.contains(">12</text>"), "{text}");
        assert_eq!(text.matches("class=\"column\"").count(), 1);
        assert_eq!(histogram(&[0; COLUMNS]).into_string().matches("class=\"column\"").count(), 0);
    }

    #[test]
    fn a_strip_is_as_wide_as_its_points() {
        let parts = [Part { points: 30, class: "passed" }, Part { points: 10, class: "missed" }];
        let text = strip(&parts, "30 of 40 points").into_string();
        assert!(
            text.contains("class=\"missed\" x=\"480.0\"") && text.contains("aria-label=\"30 of 40 points\""),
            "{text}"
        );
    }
}
