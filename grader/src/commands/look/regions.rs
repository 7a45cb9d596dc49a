//! What is mapped for programs, and the kernel's stacks: region by region, page by page.

use std::fmt::Write as _;

use super::drawing::{Drawing, SQUARE, STEP, TOP, legend};
use super::seen::{Seen, address};
use crate::host::style::plural;
use crate::machine::walk::Run;
use crate::report::area;

/// So many runs of pages at most, and so many pages of one.
const MOST: usize = 24;
const MOST_PAGES: u32 = 20;
/// Where the pages begin, and what stands behind them.
const PAGES: usize = 290;
const BEHIND: usize = 598;
/// Between two rows.
const ROW: usize = 20;

/// The regions of a space, or `None` where there is none. `title` is how the picture's begins.
pub fn drawing(seen: &Seen, title: &str) -> Option<Drawing> {
    let of_process = |run: &&Run| area(run.first << 12).is_some();
    let runs: Vec<&Run> = seen.runs.iter().filter(of_process).collect();
    let (first, shown) = (runs.first()?, &runs[..runs.len().min(MOST)]);
    let (mut body, mut y, mut end) = (String::new(), TOP, first.first);
    for run in shown {
        if run.first > end {
            let gap = plural((run.first - end) as usize, "page");
            let _ = writeln!(body, "<text class=\"d\" x=\"{PAGES}\" y=\"{}\">⋮ {gap} not mapped</text>", y + 11);
            y += ROW;
        }
        body.push_str(&row(run, y));
        (y, end) = (y + ROW, run.first + run.pages);
    }
    if runs.len() > shown.len() {
        let _ =
            writeln!(body, "<text class=\"d\" x=\"16\" y=\"{}\">and {} more</text>", y + 11, runs.len() - shown.len());
        y += ROW;
    }
    body.push_str(&legend(y + 6, &[("user", "rwu"), ("large", "r-u"), ("kernel", "for the kernel alone")]));
    let pages: u32 = runs.iter().map(|run| run.pages).sum();
    let words =
        shown.iter().map(|run| format!("{} at {}", plural(run.pages as usize, "page"), address(run.first << 12)));
    Some(Drawing {
        title: format!("{title}: {} mapped", plural(pages as usize, "page")),
        subtitle: "Each square is a page; a row ends where neighbours have other rights or are not mapped".to_owned(),
        description: format!("{}.", words.collect::<Vec<_>>().join(", ")),
        body,
        height: y + 40,
    })
}

/// A run of pages: where it begins, what lies there, a square for each page, and its rights.
fn row(run: &Run, y: usize) -> String {
    let start = run.first << 12;
    let class = match (run.rights.user, run.rights.writable) {
        (false, _) => "kernel",
        (true, false) => "large",
        (true, true) => "user",
    };
    let squares: String = (0..run.pages.min(MOST_PAGES) as usize)
        .map(|page| format!("M{} {y}h{SQUARE}v{SQUARE}h-{SQUARE}z", PAGES + page * STEP))
        .collect();
    format!(
        "<text x=\"16\" y=\"{below}\">{}</text>\n<text class=\"d\" x=\"112\" y=\"{below}\">{}</text>\n\
         <path class=\"s {class}\" d=\"{squares}\"/>\n<text x=\"{BEHIND}\" y=\"{below}\">{} {}</text>\n",
        address(start),
        area(start).unwrap_or_default(),
        run.rights,
        plural(run.pages as usize, "page"),
        below = y + 11,
    )
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::seen;
    use super::*;

    #[test]
    fn regions_are_those_of_programs_and_the_kernel_s_stacks() {
        let drawing = drawing(&seen(), "The regions").unwrap();
        assert_eq!(drawing.title, "The regions: 1 page mapped");
        assert_eq!(drawing.description, "1 page at 0x0804_8000.");
        assert!(drawing.body.contains(">exec image<"), "{}", drawing.body);
        let kernel_alone = Seen { runs: seen().runs.split_off(1), ..seen() };
        assert!(super::drawing(&kernel_alone, "The regions").is_none());
    }
}
