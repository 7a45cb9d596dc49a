//! `cargo grade look --film`: a run as a page with a slider, which needs no network.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::commands::arguments::{CommonArgs, LookArgs};
use crate::commands::output::print;
use crate::commands::place::Place;
use crate::commands::recording::{Wanted, with_subject};
use crate::debug::{self, Choice, Film, Moment, Pace, Shown};
use crate::host::error::Result;
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::host::style::plural;
use crate::machine::walk::Snapshot;

use super::drawing::escaped;
use super::held::{Held, Part};
use super::picture::{one_of_many, shared};
use super::seen::{KERNEL_PAGE, Seen, line};
use super::{blocks, frames, regions};
use super::{choose, write};

/// The pictures of a film, unless the user wants another number of them: the last ones before the end.
const MOST: usize = 200;

/// The page's style, and its slider's script.
const STYLE: &str = include_str!("film.css");
const SCRIPT: &str = include_str!("film.js");

/// Records the named check, and writes a page with its pictures.
///
/// # Errors
/// If gdb is missing, the kernel does not build, the run cannot be recorded, or the page cannot be written.
pub fn command(arguments: &LookArgs, common: &CommonArgs, place: Place, pictures: &Path) -> Result<Exit> {
    let (_, check) = choose(&place.workspace, &arguments.what)?;
    let name = check.name.clone();
    let wanted = Wanted { check: &name, solution: arguments.solution, seed: arguments.seed };
    let pace = arguments.every.map_or(Pace::Calls, Pace::Instructions);
    let choice = Choice { pace, most: arguments.last.map_or(MOST, usize::from), first: arguments.from };
    let film = with_subject(place, common, &wanted, |engine, subject, tools| {
        let progress = Progress::new();
        progress.start("Going through the run");
        let film = debug::film(engine, subject, tools, choice);
        progress.finish();
        film
    })?;
    let file = pictures.join(format!("{name}.html"));
    let (ended, told) = (film.ended.clone(), told(&film, pace));
    write(&file, &page(&name, &told, film))?;
    print(&format!("{ended}\n{told}\nfilm: {}\n", file.display()))?;
    Ok(Exit::Passed)
}

/// Which pictures a film has, and how to get the others.
fn told(film: &Film, pace: Pace) -> String {
    let end = usize::from(!film.shown.after);
    let count = film.moments.len().saturating_sub(end) as u64;
    let (one, many) = match pace {
        Pace::Calls => ("call", "Calls"),
        Pace::Instructions(_) => ("picture", "Pictures"),
    };
    let Shown { first, before, after, .. } = film.shown;
    match (first, before, after) {
        (_, false, false) => format!("All of the run: {}.", plural(count as usize, one)),
        (None, ..) => format!(
            "The last {}. Left out: all before. `--last N` shows more, `--from 1` begins at the first.",
            plural(count as usize, one)
        ),
        (Some(first), ..) => {
            let mut told = format!("{many} {first} to {}.", first + count - 1);
            if before {
                let _ = write!(
                    told,
                    " Left out: {} before: `--from {}`.",
                    first - 1,
                    first.saturating_sub(MOST as u64).max(1)
                );
            }
            if after {
                let _ = write!(told, " Left out: all after: `--from {}`.", first + count);
            }
            told
        }
    }
}

/// The page.
fn page(check: &str, told: &str, film: Film) -> String {
    let Film { ended, shown, moments } = film;
    let count = moments.len();
    let mut body = String::new();
    let mut before: Option<Seen> = None;
    let (scales, mut held) = (Scales::of(&moments), Held::default());
    if scales.are_any()
        && moments.first().is_some_and(|first| first.call.as_ref().is_none_or(|call| call.name != "new"))
    {
        body.push_str("<p>What was handed out before the first picture is not shown.</p>\n");
    }
    for (number, mut moment) in moments.into_iter().enumerate() {
        let title = match &moment.call {
            Some(_) => match shown.first {
                Some(first) => format!("The address space before call {}", first + number as u64),
                None => "The address space before this call".to_owned(),
            },
            None if number + 1 == count && !shown.after => "The address space at the end".to_owned(),
            None => format!("The address space after {} instructions", grouped(moment.count)),
        };
        let seen = Seen::new(title, String::new(), &mut moment.tables, &moment.others);
        if number == 0 {
            body.push_str(&shared(seen.entries.len()));
        }
        let handed_out = scales.pictures(&held, &moment, number);
        body.push_str(&picture(number, &moment, &seen, before.as_ref(), &handed_out));
        before = Some(seen);
        if let Some(call) = &moment.call {
            held.pass(call);
        }
    }
    let check = escaped(check);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{check}: the run in {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>{check}</h1>\n<p>{}</p>\n<p class=\"same\">{}</p>\n{CONTROLS}{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        plural(count, "picture"),
        escaped(&ended),
        escaped(told),
    )
}

/// The slider and its buttons. Without JavaScript they are hidden, and the last picture stays.
const CONTROLS: &str = "\
<div id=\"controls\" hidden>
<button type=\"button\" id=\"back\">Back</button>
<input type=\"range\" id=\"slider\" min=\"1\" step=\"1\" aria-label=\"Picture\">
<button type=\"button\" id=\"forward\">Forward</button>
<output id=\"where\" for=\"slider\" aria-live=\"polite\"></output>
</div>
";

/// What all pictures of a film stand for that show what the lab has handed out; `None` where it hands out no such thing.
struct Scales {
    frames: Option<frames::Scale>,
    blocks: Option<blocks::Scale>,
}

impl Scales {
    /// Goes through the calls of a film once.
    fn of(moments: &[Moment]) -> Self {
        let (mut held, mut frames, mut blocks) = (Held::default(), None, None);
        for call in moments.iter().filter_map(|moment| moment.call.as_ref()) {
            let effect = held.effect(call);
            for part in [effect.handed_out, effect.taken_back].into_iter().flatten() {
                match part {
                    Part::Frames(part) => widen(&mut frames, &part),
                    Part::Block(part) => widen(&mut blocks, &part),
                }
            }
            held.pass(call);
        }
        Self { frames: frames.as_ref().map(frames::Scale::of), blocks: blocks.as_ref().map(blocks::Scale::of) }
    }

    /// Whether the lab hands out anything.
    fn are_any(&self) -> bool {
        self.frames.is_some() || self.blocks.is_some()
    }

    /// What the lab has handed out before a moment, and what the call does that begins then.
    fn pictures(&self, held: &Held, moment: &Moment, number: usize) -> String {
        let effect = moment.call.as_ref().map(|call| held.effect(call)).unwrap_or_default();
        let frames = self.frames.map(|scale| frames::drawing(held, &effect, scale).svg(&format!("frames-{number}")));
        let blocks = self.blocks.map(|scale| blocks::drawing(held, &effect, scale).svg(&format!("blocks-{number}")));
        frames.into_iter().chain(blocks).collect()
    }
}

/// Makes a range as wide as it has to be for another one.
fn widen(range: &mut Option<Range<u32>>, other: &Range<u32>) {
    let own = range.get_or_insert_with(|| other.clone());
    *own = own.start.min(other.start)..own.end.max(other.end);
}

/// A moment: what is about to happen, what the lab has handed out, the regions, what has changed, and the address space.
fn picture(number: usize, moment: &Moment, seen: &Seen, before: Option<&Seen>, handed_out: &str) -> String {
    let mut html = format!("<figure data-count=\"{}\">\n<figcaption>", grouped(moment.count));
    match &moment.call {
        Some(call) => {
            let _ = write!(html, "<code>{}</code><br>called from {}", escaped(&call.words), escaped(&call.place));
        }
        None => {
            let _ = write!(html, "After {} instructions", grouped(moment.count));
        }
    }
    html.push_str("</figcaption>\n");
    html.push_str(handed_out);
    html.push_str(&all_regions(number, moment, seen));
    let changes = before.map(|before| changes(seen, before)).unwrap_or_default();
    let tables = one_of_many(seen, &format!("picture-{number}"));
    if handed_out.is_empty() {
        html.push_str(&(changes + &tables));
    } else {
        let _ = write!(html, "<details><summary>The address space</summary>\n{changes}{tables}</details>\n");
    }
    html.push_str("</figure>\n");
    html
}

/// The regions of the loaded address space, and of the others that were found.
fn all_regions(number: usize, moment: &Moment, seen: &Seen) -> String {
    let mut html = String::new();
    if let Some(regions) = regions::drawing(seen, "The regions") {
        html.push_str(&regions.svg(&format!("regions-{number}")));
    }
    for frame in &moment.others {
        let mut tables = Snapshot { cr3: frame << 12, frames: moment.tables.frames.clone() };
        let mut other = Seen::new(String::new(), String::new(), &mut tables, &[]);
        // The kernel half is the same.
        other.runs.retain(|run| run.first < KERNEL_PAGE);
        let title = format!("The regions of a space that is not loaded, its directory in frame {frame:#x}");
        if let Some(regions) = regions::drawing(&other, &title) {
            html.push_str(&regions.svg(&format!("regions-{number}-{frame:x}")));
        }
    }
    html
}

/// The mappings that are new since the picture before, and those that are gone.
fn changes(seen: &Seen, before: &Seen) -> String {
    let lines = |seen: &Seen| seen.runs.iter().map(line).collect::<Vec<_>>();
    let (now, then) = (lines(seen), lines(before));
    let gone = then.iter().filter(|line| !now.contains(line)).map(|line| ("gone", "−", line));
    let new = now.iter().filter(|line| !then.contains(line)).map(|line| ("new", "+", line));
    let changed: String = gone
        .chain(new)
        .map(|(class, sign, line)| format!("<li class=\"{class}\">{sign} {}</li>\n", escaped(line)))
        .collect();
    if changed.is_empty() {
        return "<p class=\"same\">No mapping has changed since the last picture.</p>\n".to_owned();
    }
    format!("<ul>\n{changed}</ul>\n")
}

/// A number in groups of three digits: `1 871 315`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::held::tests::call as call_of;
    use super::*;
    use crate::debug::Call;

    fn film(ended: &str, moments: Vec<Moment>) -> Film {
        let shown = Shown { first: Some(1), before: false, after: false, all: moments.len() as u64 };
        Film { ended: ended.to_owned(), shown, moments }
    }

    #[test]
    fn what_is_left_out_is_told_with_the_way_to_it() {
        let mut film =
            film("a: passed.", vec![moment(1, Some("map()"), 0), moment(2, Some("map()"), 0), moment(3, None, 0)]);
        assert_eq!(told(&film, Pace::Calls), "All of the run: 2 calls.");
        film.shown = Shown { first: None, before: true, ..film.shown };
        assert!(told(&film, Pace::Calls).starts_with("The last 2 calls. Left out: all before. `--last N`"));
        film.shown = Shown { first: Some(501), before: true, after: true, all: 504 };
        assert_eq!(
            told(&film, Pace::Instructions(10)),
            "Pictures 501 to 503. Left out: 500 before: `--from 301`. Left out: all after: `--from 504`."
        );
        assert!(page("a", "", film).contains("The address space before call 502"));
    }

    fn moment(count: u64, call: Option<&str>, entry: u32) -> Moment {
        let (mut directory, mut table) = ([0; 1024], [0; 1024]);
        directory[0x40] = 0x2007;
        table[1] = entry;
        let call = call.map(|words| Call { words: words.to_owned(), ..call_of("map", &[], "Ok(())") });
        let tables = Snapshot { cr3: 0x1000, frames: [(1, directory), (2, table)].into() };
        Moment { count, call, tables, others: Vec::new() }
    }

    #[test]
    fn a_page_has_each_picture_and_needs_nothing_else() {
        let moments = vec![moment(1234, Some("map(page = <1>)"), 0), moment(1_871_315, None, 0x4_8003)];
        let page = page("rights-both-levels", "All.", film("rights-both-levels: failed (a < b).", moments));
        assert_eq!(page.matches("<figure ").count(), 2);
        assert!(page.contains("<code>map(page = &lt;1&gt;)</code><br>called from kernel/checks/src/a.rs:3"));
        assert!(page.contains("failed (a &lt; b)"));
        assert!(page.contains("data-count=\"1\u{202f}871\u{202f}315\""));
        assert!(page.contains("<li class=\"new\">+ 0x1000_1000"), "{page}");
        for elsewhere in ["src=", "url(", "@import", "fetch("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
        // The only address is the namespace of SVG, which nobody fetches.
        assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn what_a_lab_hands_out_is_what_its_film_is_about() {
        let calls = [
            call_of("allocate", &[], "Some(frame 0x100 (from 0x0010_0000))"),
            call_of("free", &[("frame", "frame 0x100 (from 0x0010_0000)")], "Ok(())"),
        ];
        let mut moments: Vec<Moment> =
            calls.into_iter().map(|call| Moment { call: Some(call), ..moment(1, None, 0) }).collect();
        moments.push(moment(2, None, 0));
        let page = page("never-twice", "All.", film("never-twice: passed.", moments));
        let titles: Vec<&str> =
            page.split("The frame map: ").skip(1).step_by(2).filter_map(|rest| rest.split('<').next()).collect();
        assert_eq!(titles, ["0 frames handed out", "1 frame handed out", "0 frames handed out"]);
        assert_eq!(page.matches("<details>").count(), 3);
        assert!(!page.contains("The heap: "), "{page}");
        assert!(page.contains("before the first picture"), "{page}");
    }
}
