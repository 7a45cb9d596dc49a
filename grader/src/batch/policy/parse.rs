//! Reads `course.toml`, and reports mistakes in it by file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;
use toml::value::{Datetime, Offset};

use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};

use super::{LabPolicy, LateRule, Mark, Policy, Show, Times};

/// A shorter secret can be guessed.
const SHORTEST_SECRET: usize = 16;

/// The most points that a lab can be worth.
const MOST_POINTS: f64 = 1_000_000.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    title: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    times: Option<Spanned<String>>,
    #[serde(default)]
    hidden: Vec<Spanned<String>>,
    late: Option<RawLate>,
    #[serde(default)]
    show: RawShow,
    #[serde(default)]
    lab: Vec<RawLab>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLab {
    lab: Spanned<String>,
    points: Option<Spanned<f64>>,
    deadline: Option<Spanned<Datetime>>,
    late: Option<RawLate>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RawLate {
    grace: Option<Spanned<String>>,
    per_day: Option<Spanned<i64>>,
    until: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawShow {
    messages: Option<bool>,
    hints: Option<Spanned<i64>>,
    log: Option<bool>,
    compiler: Option<bool>,
    seed: Option<bool>,
}

/// Reads a policy.
///
/// # Errors
/// `file:line: what is wrong, what to do`, for the first mistake.
pub fn parse(text: &str, file: &Path, workspace: &Workspace) -> Result<Policy> {
    let source = Source { text, file };
    let raw: RawPolicy = toml::from_str(text).map_err(|error| {
        let message = error.message().trim_end().replace('\n', ", ");
        source.error(&error.span().unwrap_or(0..0), &message)
    })?;
    if let Some(secret) = &raw.secret
        && secret.get_ref().chars().count() < SHORTEST_SECRET
    {
        let what =
            format!("the secret has fewer than {SHORTEST_SECRET} characters and can be guessed: write a longer one");
        return Err(source.error(&secret.span(), &what));
    }
    let late = source.late(raw.late.as_ref(), &LateRule::default())?;
    let mut labs = BTreeMap::new();
    for lab in &raw.lab {
        let (id, policy) = source.lab(lab, &late, workspace)?;
        if labs.insert(id.clone(), policy).is_some() {
            return Err(source.error(&lab.lab.span(), &format!("{id} is there twice: leave one out")));
        }
    }
    let times = match &raw.times {
        None => Times::default(),
        Some(name) => Times::read(&file.parent().unwrap_or(Path::new(".")).join(name.get_ref()), workspace)
            .map_err(|error| source.error(&name.span(), &error.to_string()))?,
    };
    Ok(Policy {
        title: raw.title.map(|title| source.title(&title)).transpose()?,
        secret: raw.secret.map(Spanned::into_inner),
        labs,
        hidden: source.hidden(&raw.hidden, workspace)?,
        show: source.show(&raw.show)?,
        times,
        times_name: raw.times.map(Spanned::into_inner),
    })
}

/// The text of the file, to tell the line of a mistake.
struct Source<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Source<'_> {
    fn error(&self, span: &Range<usize>, message: &str) -> Error {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::new(format!("{}:{line}: {message}", self.file.display()))
    }

    fn title(&self, title: &Spanned<String>) -> Result<String> {
        match title.get_ref().trim() {
            "" => {
                Err(self.error(&title.span(), "`title` is empty: say what the course is called, or leave the line out"))
            }
            title => Ok(title.to_owned()),
        }
    }

    fn lab(&self, raw: &RawLab, late: &LateRule, workspace: &Workspace) -> Result<(String, LabPolicy)> {
        let name = raw.lab.get_ref();
        let labs = workspace.select(std::slice::from_ref(name));
        let lab = labs.map_err(|error| self.error(&raw.lab.span(), &error.to_string()))?[0];
        let worth = match &raw.points {
            None => Policy::default().worth(lab),
            Some(points) => self.points(points)?,
        };
        let deadline = raw.deadline.as_ref().map(|deadline| self.time(deadline)).transpose()?;
        if let (Some(late), None) = (&raw.late, deadline) {
            let span = [&late.grace, &late.until].into_iter().flatten().map(Spanned::span).next();
            let span = span.or_else(|| late.per_day.as_ref().map(Spanned::span)).unwrap_or(raw.lab.span());
            return Err(self.error(&span, "nothing is late without a `deadline`: give the lab one"));
        }
        let late = self.late(raw.late.as_ref(), late)?;
        Ok((lab.id.clone(), LabPolicy { worth, deadline, late }))
    }

    fn points(&self, points: &Spanned<f64>) -> Result<Mark> {
        let hundredths = (points.get_ref() * 100.0).round();
        let is_exact = (hundredths / 100.0 - points.get_ref()).abs() < 1e-9;
        if !(0.0..=MOST_POINTS).contains(points.get_ref()) || !is_exact {
            let what =
                format!("{} points are not possible: choose 0 to {MOST_POINTS}, to the hundredth", points.get_ref());
            return Err(self.error(&points.span(), &what));
        }
        // In range, and a whole number.
        Ok(Mark::hundredths_of_a_point(hundredths as u64))
    }

    fn time(&self, time: &Spanned<Datetime>) -> Result<Timestamp> {
        let advice = "write it with its time and its zone, such as 2026-10-12T23:59:00+02:00";
        let given = time.get_ref();
        let has_all = given.date.is_some() && given.time.is_some() && given.offset.is_some();
        let is_in_zone = !matches!(given.offset, Some(Offset::Custom { minutes }) if minutes.abs() > 14 * 60);
        match given.to_string().parse() {
            Ok(at) if has_all && is_in_zone => Ok(at),
            _ => Err(self.error(&time.span(), &format!("the deadline {given} could be several moments: {advice}"))),
        }
    }

    fn late(&self, raw: Option<&RawLate>, default: &LateRule) -> Result<LateRule> {
        let Some(raw) = raw else { return Ok(default.clone()) };
        let mut rule = default.clone();
        if let Some(grace) = &raw.grace {
            rule.grace = self.span(grace)?;
        }
        if let Some(per_day) = &raw.per_day {
            let percent = u8::try_from(*per_day.get_ref()).ok().filter(|percent| *percent <= 100);
            rule.per_day = percent.ok_or_else(|| {
                let what = format!("{} percent a day are not possible: choose 0 to 100", per_day.get_ref());
                self.error(&per_day.span(), &what)
            })?;
        }
        if let Some(until) = &raw.until {
            rule.until = Some(self.span(until)?);
            if rule.until < Some(rule.grace) {
                return Err(self.error(&until.span(), "`until` is before `grace` is over: make it longer"));
            }
        }
        Ok(rule)
    }

    /// `15m`, `36h` or `7d`, in seconds.
    fn span(&self, text: &Spanned<String>) -> Result<u64> {
        let written = text.get_ref();
        let (digits, unit) = written.split_at(written.len() - usize::from(!written.is_empty() && written.is_ascii()));
        let scale = match unit {
            "m" => Some(60),
            "h" => Some(60 * 60),
            "d" => Some(24 * 60 * 60),
            _ => None,
        };
        let number = digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        match (number, scale) {
            (Some(number), Some(scale)) => Ok(u64::from(number) * scale),
            _ => {
                let what = format!("`{written}` is no span of time: write minutes, hours or days as 15m, 36h or 7d");
                Err(self.error(&text.span(), &what))
            }
        }
    }

    fn hidden(&self, raw: &[Spanned<String>], workspace: &Workspace) -> Result<BTreeSet<String>> {
        let mut hidden = BTreeSet::new();
        for name in raw {
            workspace.check(name.get_ref()).map_err(|error| self.error(&name.span(), &error.to_string()))?;
            hidden.insert(name.get_ref().clone());
        }
        Ok(hidden)
    }

    fn show(&self, raw: &RawShow) -> Result<Show> {
        let default = Show::default();
        let hints = match &raw.hints {
            None => default.hints,
            Some(hints) => usize::try_from(*hints.get_ref()).ok().filter(|count| *count <= 9).ok_or_else(|| {
                self.error(&hints.span(), &format!("{} hints are not possible: choose 0 to 9", hints.get_ref()))
            })?,
        };
        Ok(Show {
            messages: raw.messages.unwrap_or(default.messages),
            hints,
            log: raw.log.unwrap_or(default.log),
            compiler: raw.compiler.unwrap_or(default.compiler),
            seed: raw.seed.unwrap_or(default.seed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::open(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
    }

    fn wrong(text: &str) -> String {
        parse(text, Path::new("course.toml"), &workspace()).unwrap_err().to_string()
    }

    /// The example in the documentation.
    fn example() -> String {
        let page = include_str!("../../../BATCH.md");
        let start = page.find("```toml\n").expect("there is an example") + "```toml\n".len();
        page[start..].split("```").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_documented_example_can_be_read_and_names_every_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("times.csv"), "submission,time\nalice,2026-10-13T08:00:00+02:00\n").unwrap();
        let workspace = workspace();
        let policy = parse(&example(), &folder.path().join("course.toml"), &workspace).unwrap();
        let labs = policy.labs(&workspace, &[]).unwrap();
        assert!(labs.len() > 1 && policy.title() != "Folio" && policy.seed("alice").is_some());
        let late = policy.lateness(&labs[0].id, policy.handed_in("alice", &labs[0].id, None));
        assert!(late.kept() < 100 && late.kept() > 0, "{late:?}");
        assert!(!policy.hidden.is_empty());
        let keys = [
            "title", "secret", "times", "hidden", "grace", "per_day", "until", "messages", "hints", "log", "compiler",
            "seed", "lab", "points", "deadline",
        ];
        for key in keys {
            assert!(
                example().lines().any(|line| line.starts_with(&format!("{key} = "))),
                "{key} is not in the example"
            );
        }
    }

    #[test]
    fn points_and_deadlines_are_a_lab_s_own() {
        let text = "[late]\nper_day = 20\n[[lab]]\nlab = \"01\"\npoints = 12.5\ndeadline = 2026-10-12T23:59:00+02:00\n\
                    [[lab]]\nlab = \"vmm\"\n";
        let policy = parse(text, Path::new("x"), &workspace()).unwrap();
        let workspace = workspace();
        let labs = policy.labs(&workspace, &[]).unwrap();
        assert_eq!([policy.worth(labs[0]).to_string(), policy.worth(labs[1]).to_string()], ["12.5", "100"]);
        assert_eq!(policy.deadline("01-pmm").unwrap().to_string(), "2026-10-12T21:59:00Z");
        assert_eq!(policy.deadline("02-vmm"), None);
        let at = "2026-10-14T00:00:00+02:00".parse().unwrap();
        assert_eq!(policy.lateness("01-pmm", Some(at)).kept(), 60);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_to_do() {
        for (text, expected) in [
            ("titel = \"x\"", "course.toml:1: unknown field `titel`, expected one of"),
            ("title = \" \"", "course.toml:1: `title` is empty"),
            ("\nsecret = \"short\"", "course.toml:2: the secret has fewer than 16 characters"),
            ("hidden = [\n\"never-twice\",\n\"nevr-twice2\"]", "course.toml:3: "),
            ("[show]\nhints = 10", "course.toml:2: 10 hints are not possible"),
            ("[show]\nhint = 1", "course.toml:2: unknown field `hint`"),
            ("[show]\nlog = 1", "course.toml:2: invalid type"),
            ("[late]\nper_day = 101", "course.toml:2: 101 percent a day are not possible"),
            ("[late]\nper_day = -1", "course.toml:2: -1 percent a day"),
            ("[late]\ngrace = \"10\"", "course.toml:2: `10` is no span of time"),
            ("[late]\ngrace = \"\"", "course.toml:2: `` is no span of time"),
            ("[late]\ngrace = \"ä\"", "course.toml:2: `ä` is no span of time"),
            ("[late]\ngrace = \"2d\"\nuntil = \"1d\"", "course.toml:3: `until` is before `grace` is over"),
            ("[[lab]]\nlab = \"99\"", "course.toml:2: "),
            ("[[lab]]\npoints = 3", "course.toml:1: missing field `lab`"),
            ("[[lab]]\nlab = \"01\"\npoints = -1", "course.toml:3: -1 points are not possible"),
            ("[[lab]]\nlab = \"01\"\npoints = 0.001", "course.toml:3: 0.001 points are not possible"),
            ("[[lab]]\nlab = \"01\"\npoints = nan", "course.toml:3: NaN points are not possible"),
            ("[[lab]]\nlab = \"01\"\n[[lab]]\nlab = \"pmm\"", "course.toml:4: 01-pmm is there twice"),
            ("[[lab]]\nlab = \"01\"\ndeadline = 2026-10-12T23:59:00", "course.toml:3: the deadline"),
            ("[[lab]]\nlab = \"01\"\ndeadline = 2026-10-12", "course.toml:3: the deadline"),
            ("[[lab]]\nlab = \"01\"\nlate.per_day = 5", "course.toml:3: nothing is late without a `deadline`"),
            ("times = \"no-such.csv\"", "course.toml:1: cannot read"),
        ] {
            let error = wrong(text);
            assert!(error.starts_with(expected), "{error}\n{text}");
        }
    }
}
