//! A film of a recorded run: the calls into the lab and the page tables, moment by moment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::host::error::{Error, Result};
use crate::host::process;
use crate::judge::Engine;
use crate::machine::walk::{Snapshot, Words};

use super::stops::Fine;
use super::{Subject, Tools, gdb, prepared};

/// When pictures are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// At each call into the lab.
    Calls,
    /// After each such number of instructions.
    Instructions(u64),
}

/// Which pictures are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// When they are taken.
    pub pace: Pace,
    /// So many at most.
    pub most: usize,
    /// The number of the first one, from 1 on; `None` for the last ones.
    pub first: Option<u64>,
}

/// The pictures of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Film {
    /// The check's outcome, in a sentence.
    pub ended: String,
    /// What is shown.
    pub shown: Shown,
    /// The pictures.
    pub moments: Vec<Moment>,
}

/// Which of a run's pictures are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Shown {
    /// The number of the first one, if it is known.
    pub first: Option<u64>,
    /// Whether there are any before that.
    pub before: bool,
    /// Whether there are any after the last one.
    pub after: bool,
    /// How many were found in all, at least.
    pub all: u64,
}

/// The machine at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// How many instructions it had executed.
    pub count: u64,
    /// The next call.
    pub call: Option<Call>,
    /// The page tables.
    pub tables: Snapshot,
    /// The frames with the directories of other address spaces that were found; their tables are there, too.
    pub others: Vec<u32>,
}

/// A call into the lab.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Call {
    /// The function's name, such as `allocate`.
    pub name: String,
    /// The arguments in words; one that optimised code does not have at hand is `None`.
    pub arguments: BTreeMap<String, Option<String>>,
    /// The answer in words, such as `Ok(0xF800_0010)`, if there is one and it can be told.
    pub answer: Option<String>,
    /// All of it, as it is shown.
    pub words: String,
    /// The file and the line that make the call.
    pub place: String,
}

/// A line of gdb's output.
#[derive(Deserialize)]
struct Line {
    count: u64,
    cr3: u32,
    others: Vec<u32>,
    call: Option<Call>,
    /// The frames of the directory and of its tables.
    frames: Vec<u32>,
    /// The contents of those that differ from the line before.
    changed: BTreeMap<u32, Vec<u32>>,
}

/// Records a check, and takes pictures of the run, and one of its end unless there are others before it that were not
/// chosen.
///
/// # Errors
/// If it cannot be recorded, gdb fails, or the run has fewer pictures than the first one's number.
pub fn film(engine: &Engine, subject: &Subject<'_>, tools: &Tools<'_>, choice: Choice) -> Result<Film> {
    let prepared = prepared(engine, subject, tools, Fine::End)?;
    let file = prepared.folder.join("film.json");
    let every = match choice.pace {
        Pace::Calls => "None".to_owned(),
        Pace::Instructions(every) => every.to_string(),
    };
    let path = serde_json::Value::from(file.display().to_string());
    let first = choice.first.map_or_else(|| "None".to_owned(), |first| first.to_string());
    let most = choice.most;
    let record = format!("python import film; film.record(FAILED_AT, {path}, {most}, {first}, {every})");
    let mut gdb = gdb(engine, &prepared, tools, &[record]);
    let said = process::output(&mut gdb).map_err(|error| Error::io("cannot start", tools.gdb, &error))?;
    match read(&file) {
        Ok((shown, _)) if choice.first.is_some_and(|first| first > shown.all) => {
            Err(Error::new(format!("the run has only {} such pictures", shown.all))
                .advise("choose a smaller number for --from"))
        }
        Ok((shown, moments)) if !moments.is_empty() => Ok(Film { ended: prepared.sentence, shown, moments }),
        _ => {
            Err(Error::new("gdb could not go through the run")
                .output(String::from_utf8_lossy(&said.stderr).into_owned()))
        }
    }
}

/// Reads gdb's output.
fn read(file: &Path) -> Result<(Shown, Vec<Moment>)> {
    let text = fs::read_to_string(file).map_err(|error| Error::io("cannot read", file, &error))?;
    let mut frames: BTreeMap<u32, Words> = BTreeMap::new();
    let mut moments = Vec::new();
    let (shown, lines) = text.split_once('\n').unwrap_or((&text, ""));
    let shown = serde_json::from_str(shown).map_err(|error| Error::new(error.to_string()))?;
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).map_err(|error| Error::new(error.to_string()))?;
        for (number, words) in line.changed {
            let words = words.try_into().map_err(|_| Error::new("a page table of another size"))?;
            frames.insert(number, words);
        }
        frames.retain(|number, _| line.frames.contains(number));
        let tables = Snapshot { cr3: line.cr3, frames: frames.clone() };
        moments.push(Moment { count: line.count, call: line.call, tables, others: line.others });
    }
    Ok((shown, moments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_change_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("film.json");
        let words = |first: u32| serde_json::to_string(&[&[first][..], &[0; 1023]].concat()).unwrap();
        let line = |count: u32, frames: &str, changed: &str| {
            format!(
                r#"{{"count":{count},"cr3":4096,"others":[2],"call":{{"name":"map","arguments":{{"page":null}},"answer":null,"words":"map(page = …)","place":"a.rs:3"}},"frames":[{frames}],"changed":{{{changed}}}}}"#
            )
        };
        let first = line(7, "1,2", &format!(r#""1":{},"2":{}"#, words(8195), words(5)));
        let second = line(9, "1", &format!(r#""1":{}"#, words(0)));
        let third = line(11, "1", "");
        let shown = r#"{"first":3,"before":true,"after":false,"all":6}"#.to_owned();
        fs::write(&file, [shown, first, second, third].join("\n")).unwrap();
        let (shown, moments) = read(&file).unwrap();
        assert_eq!(shown, Shown { first: Some(3), before: true, after: false, all: 6 });
        let seen: Vec<(u64, usize, u32)> =
            moments.iter().map(|one| (one.count, one.tables.frames.len(), one.tables.frames[&1][0])).collect();
        assert_eq!(seen, [(7, 2, 8195), (9, 1, 0), (11, 1, 0)]);
        assert_eq!(moments[0].others, [2]);
        let call = moments[0].call.clone().unwrap();
        assert_eq!((call.name.as_str(), call.place.as_str()), ("map", "a.rs:3"));
        assert_eq!(call.arguments, [("page".to_owned(), None)].into());
        fs::write(&file, r#"{"count":1,"cr3":0,"others":[],"frames":[1],"changed":{"1":[1,2]}}"#).unwrap();
        assert!(read(&file).is_err());
    }
}
