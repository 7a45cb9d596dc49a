//! The state of `watch`, and its answer to each event. Nothing here touches a terminal, a file or
//! a process.

use std::collections::BTreeMap;
use std::path::Path;

use crossterm::event::KeyCode;

use crate::course::lab_toml::Check;
use crate::course::workspace::{Lab, Workspace};
use crate::host::progress::Told;
use crate::report::{Brief, CheckBrief, LabBrief, Standing};

use super::kept::Kept;

/// The state of the current run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Phase {
    /// There is no run: `watch` waits for a save.
    Waiting,
    /// A run has been asked for, by a save of this file or by a key.
    Begun(Option<String>),
    /// The kernel is being built.
    Building { what: String, package: String },
    /// Machines run.
    Booting { done: usize, total: usize, last: String },
    /// A check's address space is being read.
    Looking(String),
    /// A run has ended, after tenths of seconds.
    Done { tenths: u64 },
    /// The run failed, for this reason.
    Trouble(String),
}

/// The page that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Page {
    /// The result of the last run.
    Result,
    /// Every check of the lab.
    List,
    /// The rule and the hints of the first check that does not pass.
    Explain,
    /// The keys.
    Keys,
    /// The output of a program.
    Text(String),
}

/// What `watch` has to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing.
    None,
    /// Grade this lab.
    Grade,
    /// Grade all labs.
    GradeAll,
    /// Look at the address space at the end of this check.
    Look(String),
    /// Lend the terminal to gdb, which opens the run of this check.
    Debug(String),
    /// Quit.
    Leave,
}

/// How the result of a check changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It did not pass before, and passes now.
    Better,
    /// It passed before, and does not pass now.
    Worse,
}

/// The state of `watch`.
pub struct Desk {
    pub course: Workspace,
    pub kept: Kept,
    pub phase: Phase,
    pub page: Page,
    /// How many lines of the page are above the screen.
    pub scroll: usize,
    /// The result of the last run of each lab.
    pub results: BTreeMap<String, LabBrief>,
    /// The changes since the run before, by the check's name.
    pub changes: BTreeMap<String, Change>,
    /// A message in one line.
    pub note: Option<String>,
    /// How many further hints are shown of each check.
    hints: BTreeMap<String, usize>,
    /// The output of a program so far.
    heard: String,
    lab: usize,
}

impl Desk {
    /// A desk for the lab of this number in the course.
    pub fn new(course: Workspace, kept: Kept, lab: usize) -> Self {
        Self {
            course,
            kept,
            phase: Phase::Waiting,
            page: Page::Result,
            scroll: 0,
            results: BTreeMap::new(),
            changes: BTreeMap::new(),
            note: None,
            hints: BTreeMap::new(),
            heard: String::new(),
            lab,
        }
    }

    /// The lab that is watched.
    pub fn lab(&self) -> &Lab {
        &self.course.labs[self.lab]
    }

    /// The next lab.
    pub fn next_lab(&self) -> Option<&Lab> {
        self.course.labs.get(self.lab + 1)
    }

    /// The result of the lab's last run.
    pub fn result(&self) -> Option<&LabBrief> {
        self.results.get(&self.lab().id)
    }

    /// The check of the lab to look at first: one that did not pass in its last run.
    pub fn first(&self) -> Option<&Check> {
        let name = self.result().map_or(self.kept.first(&self.lab().id), |result| result.first.as_deref())?;
        self.lab().toml.checks.iter().find(|check| check.name == name)
    }

    /// The hint of the first check that the student asked for: its number, how many there are, and its text.
    pub fn hints(&self) -> Vec<(usize, usize, String)> {
        let Some(check) = self.first() else { return Vec::new() };
        let tiers = check.tiers(&self.lab().toml.package);
        let (shown, total) = (self.hints.get(&check.name).copied().unwrap_or(0), tiers.len());
        let told = self.told_already();
        (1..).zip(tiers).skip(told).take(shown).map(|(number, hint)| (number, total, hint)).collect()
    }

    /// How many hints the report of the first check has in any case.
    fn told_already(&self) -> usize {
        let standing = |result: &LabBrief| {
            let check = result.checks.iter().find(|check| Some(&check.name) == result.first.as_ref());
            result.is_built && check.is_some_and(|check| check.standing == Standing::Wrong)
        };
        usize::from(self.result().is_some_and(standing))
    }

    /// A file was saved, created or removed. `missing` is the first file of its lab that does not exist.
    pub fn saved(&mut self, file: &Path, missing: Option<&Path>) -> Action {
        let name = file.strip_prefix(&self.course.root).unwrap_or(file).display().to_string();
        let of = |lab: &Lab| lab.files().contains(&name);
        if let Some(lab) = self.course.labs.iter().position(of).filter(|lab| *lab != self.lab) {
            self.turn_to(lab);
        }
        if let Some(missing) = missing {
            let name = missing.strip_prefix(&self.course.root).unwrap_or(missing).display();
            self.trouble(&format!("{name} is not there: waiting until it is"));
            return Action::None;
        }
        self.begin(Some(name));
        Action::Grade
    }

    fn turn_to(&mut self, lab: usize) {
        self.lab = lab;
        self.changes.clear();
        self.page = Page::Result;
        self.scroll = 0;
    }

    fn begin(&mut self, saved: Option<String>) {
        self.phase = Phase::Begun(saved);
        self.note = None;
        self.heard.clear();
        self.page = Page::Result;
        self.scroll = 0;
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyCode) -> Action {
        self.note = None;
        match key {
            KeyCode::Char('q') => return Action::Leave,
            KeyCode::Char('?') => self.turn_page(Page::Keys),
            KeyCode::Char('l') => self.turn_page(Page::List),
            KeyCode::Char('e') => match self.first() {
                Some(_) => self.turn_page(Page::Explain),
                None => self.note = Some("no check fails, so there is none to explain".to_owned()),
            },
            KeyCode::Char('h') => self.next_hint(),
            KeyCode::Char('r') => return self.again(),
            KeyCode::Char('a') => {
                self.begin(None);
                return Action::GradeAll;
            }
            KeyCode::Char('n') => return self.go_on(),
            KeyCode::Char('k') => return self.look(),
            KeyCode::Char('d') => match self.first() {
                Some(check) => return Action::Debug(check.name.clone()),
                None => self.note = Some("no check fails, so there is none to debug".to_owned()),
            },
            KeyCode::Down | KeyCode::Char('j') => self.scroll += 1,
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll += 10,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home => self.scroll = 0,
            KeyCode::Esc | KeyCode::Enter => {
                self.page = Page::Result;
                self.scroll = 0;
            }
            _ => {}
        }
        Action::None
    }

    /// Grades the lab once more.
    pub fn again(&mut self) -> Action {
        self.begin(None);
        Action::Grade
    }

    /// Shows a page, or the result of the last run if that page is shown already.
    fn turn_page(&mut self, page: Page) {
        self.page = if self.page == page { Page::Result } else { page };
        self.scroll = 0;
    }

    fn next_hint(&mut self) {
        let Some(check) = self.first() else {
            self.note = Some("no check fails, so there is no hint".to_owned());
            return;
        };
        let (name, total) = (check.name.clone(), check.tiers(&self.lab().toml.package).len());
        let most = total - self.told_already();
        let shown = self.hints.entry(name).or_default();
        if *shown == most {
            self.note = Some("that was the last hint; `e` explains the check".to_owned());
        } else {
            *shown += 1;
        }
        self.page = Page::Result;
        // The hints are at the page's beginning.
        self.scroll = 0;
    }

    /// Changes to the next lab.
    fn go_on(&mut self) -> Action {
        if self.next_lab().is_none() {
            self.note = Some("that is the last lab".to_owned());
            return Action::None;
        }
        self.turn_to(self.lab + 1);
        self.begin(None);
        Action::Grade
    }

    fn look(&mut self) -> Action {
        let Some(name) = self.first().map(|check| check.name.clone()) else {
            self.note = Some("no check fails, so there is none to look at".to_owned());
            return Action::None;
        };
        self.heard.clear();
        self.phase = Phase::Looking(name.clone());
        Action::Look(name)
    }

    /// A message about the progress of a run.
    pub fn told(&mut self, told: Told) {
        match told {
            Told::Start(what) => self.phase = Phase::Building { what, package: String::new() },
            Told::Built(built) => {
                if let Phase::Building { package, .. } = &mut self.phase {
                    *package = built;
                }
            }
            Told::Count(_, total) => {
                let (done, last) = match &self.phase {
                    Phase::Booting { done, last, .. } => (*done, last.clone()),
                    _ => (0, String::new()),
                };
                self.phase = Phase::Booting { done, total, last };
            }
            Told::Step(what) => {
                // That check is booted first, so its result is there first.
                if self.first().is_some_and(|first| what.split(": ").next() == Some(&first.name)) {
                    self.note = Some(what.clone());
                }
                if let Phase::Booting { done, last, .. } = &mut self.phase {
                    *done += 1;
                    *last = what;
                }
            }
            Told::Note(text) => self.note = Some(text),
        }
    }

    /// A run has ended.
    pub fn done(&mut self, brief: Brief) {
        let tenths = if brief.seconds.is_finite() { brief.seconds.max(0.0) * 10.0 } else { 0.0 };
        self.phase = Phase::Done { tenths: tenths as u64 };
        self.note = None;
        self.changes.clear();
        for lab in brief.labs {
            for check in lab.checks.iter().filter(|_| lab.is_built) {
                let before = self.kept.standing(&lab.id, &check.name);
                self.changes.extend(change(before, check.standing).map(|change| (check.name.clone(), change)));
            }
            self.kept.note(&lab);
            self.results.insert(lab.id.clone(), lab);
        }
        self.scroll = 0;
    }

    /// A run failed.
    pub fn trouble(&mut self, why: &str) {
        self.heard.clear();
        self.page = Page::Result;
        self.phase = Phase::Trouble(why.to_owned());
    }

    /// A program has printed a line for the page.
    pub fn hear(&mut self, line: &str) {
        self.heard.push_str(line);
        self.heard.push('\n');
    }

    /// A program has ended with success.
    pub fn ended(&mut self) {
        let text = std::mem::take(&mut self.heard);
        if matches!(self.phase, Phase::Looking(_)) {
            self.phase = Phase::Waiting;
            self.page = Page::Text(text);
            self.scroll = 0;
        }
    }

    /// The checks of the lab except the first one that does not pass: those that changed come first.
    pub fn others(&self) -> Vec<&CheckBrief> {
        let Some(result) = self.result().filter(|result| result.is_built) else { return Vec::new() };
        let mut others: Vec<&CheckBrief> =
            result.checks.iter().filter(|check| Some(&check.name) != result.first.as_ref()).collect();
        others.sort_by_key(|check| !self.changes.contains_key(&check.name));
        others
    }
}

/// How a result changed; a check without an earlier result has not changed.
fn change(before: Option<Standing>, now: Standing) -> Option<Change> {
    match (before? == Standing::Passed, now == Standing::Passed) {
        (false, true) => Some(Change::Better),
        (true, false) => Some(Change::Worse),
        _ => None,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::path::PathBuf;

    use crate::course::lab_toml::LabToml;

    fn lab(id: &str, package: &str, checks: &[&str]) -> Lab {
        let mut text = format!(
            "title = \"Title\"\npackage = \"{package}\"\nfiles = [\"src/{package}.rs\"]\nchapter = \"{package}.html\"\n"
        );
        for check in checks {
            text.push_str(&format!(
                "[[check]]\nname = \"{check}\"\npoints = 5\nrule = \"The rule.\"\nhint = \"Hint of {check}.\"\n\
                 hints = [\"Another one.\"]\nchapter = \"c\"\n"
            ));
        }
        let toml = LabToml::parse(&text, Path::new("lab.toml")).unwrap();
        Lab {
            id: id.to_owned(),
            folder: PathBuf::from("/course/labs").join(id),
            toml,
            reference: crate::course::workspace::Reference::Missing,
        }
    }

    /// A desk for lab 01 of a course of two, without any run.
    pub fn desk() -> Desk {
        let labs = vec![lab("01-pmm", "pmm", &["a", "b", "c"]), lab("02-vmm", "vmm", &["d"])];
        Desk::new(Workspace { root: PathBuf::from("/course"), labs }, Kept::default(), 0)
    }

    /// The result of lab 01 with these standings.
    pub fn brief(standings: [Standing; 3]) -> Brief {
        let words = |standing| match standing {
            Standing::Passed => "passed",
            Standing::NotStarted => "not started: step 5",
            Standing::Wrong => "failed",
        };
        let checks: Vec<CheckBrief> = ["a", "b", "c"]
            .into_iter()
            .zip(standings)
            .map(|(name, standing)| CheckBrief { name: name.to_owned(), standing, words: words(standing).to_owned() })
            .collect();
        let first = checks.iter().find(|check| check.standing != Standing::Passed).map(|check| check.name.clone());
        let text =
            first.as_ref().map_or(String::new(), |first| format!("✘ {first}: failed\n  hint      Hint of {first}.\n"));
        Brief { labs: vec![LabBrief { id: "01-pmm".to_owned(), is_built: true, checks, first, text }], seconds: 1.26 }
    }

    use Standing::{NotStarted, Passed, Wrong};

    #[test]
    fn a_save_begins_a_run_and_its_steps_are_followed() {
        let mut desk = desk();
        assert_eq!(desk.saved(Path::new("/course/labs/01-pmm/src/pmm.rs"), None), Action::Grade);
        assert_eq!(desk.phase, Phase::Begun(Some("labs/01-pmm/src/pmm.rs".to_owned())));
        desk.told(Told::Start("Building the kernel".to_owned()));
        desk.told(Told::Built("pmm".to_owned()));
        assert!(matches!(&desk.phase, Phase::Building { package, .. } if package == "pmm"));
        assert_eq!(desk.note, None);
        desk.told(Told::Count("Booting".to_owned(), 3));
        desk.told(Told::Step("a: passed".to_owned()));
        assert_eq!(desk.phase, Phase::Booting { done: 1, total: 3, last: "a: passed".to_owned() });
        desk.done(brief([Passed, Wrong, NotStarted]));
        assert_eq!((desk.phase.clone(), desk.first().unwrap().name.as_str()), (Phase::Done { tenths: 12 }, "b"));
        // The next time, the result of that check is shown at once.
        desk.told(Told::Step("a: passed".to_owned()));
        assert_eq!(desk.note, None);
        desk.told(Told::Step("b: passed".to_owned()));
        assert_eq!(desk.note.as_deref(), Some("b: passed"));
    }

    #[test]
    fn what_got_better_or_worse_is_known_and_comes_first() {
        let mut desk = desk();
        desk.done(brief([Passed, Wrong, Wrong]));
        assert!(desk.changes.is_empty(), "before the first run nothing was anything");
        desk.done(brief([Wrong, Passed, Wrong]));
        assert_eq!(desk.changes, [("a".to_owned(), Change::Worse), ("b".to_owned(), Change::Better)].into());
        let others: Vec<&str> = desk.others().iter().map(|check| check.name.as_str()).collect();
        assert_eq!(others, ["b", "c"]);
        desk.done(brief([Wrong, Passed, Wrong]));
        assert!(desk.changes.is_empty());
    }

    #[test]
    fn a_lab_that_does_not_build_makes_nothing_worse() {
        let mut desk = desk();
        desk.done(brief([Passed, Passed, Wrong]));
        let mut broken = brief([Wrong, Wrong, Wrong]);
        broken.labs[0].is_built = false;
        desk.done(broken);
        assert!(desk.changes.is_empty() && desk.others().is_empty());
        desk.done(brief([Passed, Passed, Passed]));
        assert_eq!(desk.changes, [("c".to_owned(), Change::Better)].into());
    }

    #[test]
    fn each_press_shows_one_more_hint() {
        let mut desk = desk();
        assert_eq!((desk.key(KeyCode::Char('h')), desk.hints().len()), (Action::None, 0));
        assert!(desk.note.as_ref().unwrap().contains("no hint"));
        desk.done(brief([Wrong, Passed, Passed]));
        // The report has the first hint.
        desk.key(KeyCode::Char('h'));
        assert_eq!(desk.hints(), [(2, 3, "Another one.".to_owned())]);
        desk.key(KeyCode::Char('h'));
        assert!(desk.hints()[1].2.contains("cargo test --package pmm"));
        desk.key(KeyCode::Char('h'));
        assert!(desk.hints().len() == 2 && desk.note.as_ref().unwrap().contains("last hint"));
        // For a check that is not started, the report has none.
        desk.done(brief([Passed, NotStarted, Passed]));
        desk.key(KeyCode::Char('h'));
        assert_eq!(desk.hints(), [(1, 3, "Hint of b.".to_owned())]);
    }

    #[test]
    fn keys_lead_to_pages_and_back() {
        let mut desk = desk();
        desk.done(brief([Wrong, Passed, Passed]));
        for (key, page) in [('l', Page::List), ('e', Page::Explain), ('?', Page::Keys)] {
            assert_eq!(desk.key(KeyCode::Char(key)), Action::None);
            assert_eq!(desk.page, page);
            desk.key(KeyCode::Char(key));
            assert_eq!(desk.page, Page::Result);
        }
        assert_eq!(desk.key(KeyCode::Char('k')), Action::Look("a".to_owned()));
        assert_eq!(desk.key(KeyCode::Char('d')), Action::Debug("a".to_owned()));
        desk.hear("the space");
        desk.ended();
        assert_eq!(desk.page, Page::Text("the space\n".to_owned()));
        desk.key(KeyCode::Esc);
        assert_eq!(desk.page, Page::Result);
        assert_eq!(desk.key(KeyCode::Char('a')), Action::GradeAll);
        assert_eq!(desk.key(KeyCode::Char('r')), Action::Grade);
        assert_eq!(desk.key(KeyCode::Char('q')), Action::Leave);
    }

    #[test]
    fn the_next_lab_is_begun_by_a_key_or_by_a_save_in_it() {
        let mut desk = desk();
        assert_eq!((desk.key(KeyCode::Char('n')), desk.lab().id.as_str()), (Action::Grade, "02-vmm"));
        assert_eq!(desk.key(KeyCode::Char('n')), Action::None);
        assert!(desk.note.as_ref().unwrap().contains("last lab"));
        assert_eq!(desk.saved(Path::new("/course/labs/01-pmm/src/pmm.rs"), None), Action::Grade);
        assert_eq!(desk.lab().id, "01-pmm");
    }

    #[test]
    fn a_file_that_is_taken_away_is_waited_for() {
        let mut desk = desk();
        let file = Path::new("/course/labs/01-pmm/src/pmm.rs");
        assert_eq!(desk.saved(file, Some(file)), Action::None);
        assert!(matches!(&desk.phase, Phase::Trouble(why) if why.starts_with("labs/01-pmm/src/pmm.rs is not there")));
        assert_eq!(desk.saved(file, None), Action::Grade);
    }
}
