//! `cargo grade watch`: grades a lab at each save, and shows what to look at next.
//!
//! - `desk` is the state, and the answer to each event;
//! - `page` is the layout;
//! - `saves`, `runner` and `terminal` are the outside world: files, graders, keys.
//!
//! Each run is a grader of its own, which reports its progress line by line (`line`). So a save can
//! stop a run with all of its machines and compilers, whatever they are doing.

mod desk;
mod input;
mod kept;
mod line;
mod page;
mod plain;
mod runner;
mod saves;
mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};

use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::style::View;

use desk::{Action, Desk};
use input::Input;
use kept::Kept;
use runner::Runner;
use saves::Saves;
use terminal::Terminal;

pub use kept::remember;
pub use line::Line;
pub use saves::Means;

/// The options of `watch`.
pub struct Options {
    /// The course.
    pub course: Workspace,
    /// The lab to begin with; if none is named, the first one that is not done.
    pub lab: Option<String>,
    /// How saves are noticed.
    pub means: Means,
    /// The grader's own program.
    pub program: PathBuf,
    /// The file with the last result of each check.
    pub kept: PathBuf,
    /// The layout of text.
    pub view: View,
    /// Whether there is a terminal with keys, all of which `watch` may use.
    pub is_interactive: bool,
}

/// Watches until the user quits.
///
/// # Errors
/// If there is no such lab, or files cannot be watched, or the terminal cannot be used.
pub fn watch(options: Options) -> Result<Exit> {
    let kept = Kept::load(&options.kept);
    let lab = first_lab(&options, &kept)?;
    let (tell, told) = mpsc::channel();
    let files: Vec<PathBuf> = options.course.labs.iter().flat_map(|lab| files(&options.course, lab)).collect();
    let tell_saves = tell.clone();
    // If nobody receives the event, the program is about to end.
    let _saves = Saves::of(&files, options.means, move |file| drop(tell_saves.send(Input::Saved(file))))?;
    let runner = Runner::new(options.program, options.course.root.clone(), tell.clone());
    let surface = if options.is_interactive {
        let terminal = Terminal::enter(tell);
        Surface::Screen(terminal.map_err(|error| Error::new(format!("cannot use the terminal: {error}")))?)
    } else {
        Surface::Lines(plain::Lines::default())
    };
    let known = options.course.labs.iter().map(|lab| (lab.id.clone(), contents(&self::files(&options.course, lab))));
    let known = known.collect();
    let desk = Desk::new(options.course, kept, lab);
    let mut watch = Watch { desk, runner, surface, view: options.view, file: options.kept, known };
    watch.run(&told);
    let summary = page::progress(&watch.desk, &watch.view);
    drop(watch);
    // Nobody reads it: nothing to do about it.
    let _ = crate::host::style::say(&format!("{summary}\n"));
    Ok(Exit::Passed)
}

/// The index in the course of the lab to begin with.
fn first_lab(options: &Options, kept: &Kept) -> Result<usize> {
    let labs = &options.course.labs;
    if let Some(name) = &options.lab {
        let chosen = options.course.select(std::slice::from_ref(name))?;
        return Ok(labs.iter().position(|lab| chosen.iter().any(|chosen| chosen.id == lab.id)).unwrap_or(0));
    }
    Ok(labs.iter().position(|lab| !kept.is_done(lab)).unwrap_or(0))
}

/// The student's files of a lab.
fn files(course: &Workspace, lab: &Lab) -> Vec<PathBuf> {
    lab.files().iter().map(|file| course.root.join(file)).collect()
}

/// Where a desk is shown.
enum Surface {
    Screen(Terminal),
    Lines(plain::Lines),
}

/// A desk, and the outside world.
struct Watch {
    desk: Desk,
    runner: Runner,
    surface: Surface,
    view: View,
    file: PathBuf,
    /// The contents of each lab's files when they were last read, by the lab's id. A compiler that reads a
    /// file may look like a save, and an editor may save the same text again.
    known: BTreeMap<String, blake3::Hash>,
}

impl Watch {
    /// Answers events until the user quits.
    fn run(&mut self, told: &Receiver<Input>) {
        self.grade();
        loop {
            if self.show().is_err() {
                break;
            }
            let Ok(input) = told.recv() else { break };
            // Events that have arrived meanwhile are answered at once.
            let more: Vec<Input> = told.try_iter().collect();
            if !std::iter::once(input).chain(more).all(|input| self.take(input)) {
                break;
            }
        }
        self.runner.end();
    }

    /// Shows the desk.
    fn show(&mut self) -> std::io::Result<()> {
        match &mut self.surface {
            Surface::Screen(terminal) => {
                let (columns, rows) = Terminal::size();
                terminal.draw(&page::screen(&self.desk, columns, rows, &self.view))
            }
            Surface::Lines(lines) => lines.show(&self.desk, &self.view),
        }
    }

    /// Answers an event. `false`: the user quits.
    fn take(&mut self, input: Input) -> bool {
        match input {
            Input::Saved(file) => self.saved(&file),
            Input::Key(key) => {
                let goes_on = self.act(|desk| desk.key(key));
                if let Surface::Screen(terminal) = &self.surface {
                    terminal.read_on();
                }
                return goes_on;
            }
            Input::Interrupt => return false,
            Input::Resized => {}
            Input::Said(number, line) => {
                if self.runner.is_current(number) {
                    self.said(&line);
                }
            }
            Input::Ended(number, complaints) => {
                if self.runner.is_current(number) {
                    self.ended(&complaints);
                }
            }
        }
        true
    }

    /// Does what the desk wants. `false`: the user quits.
    fn act(&mut self, ask: impl FnOnce(&mut Desk) -> Action) -> bool {
        match ask(&mut self.desk) {
            Action::None => {}
            Action::Leave => return false,
            Action::Grade => self.grade(),
            Action::GradeAll => self.start(vec!["--tell".to_owned(), self.columns()]),
            Action::Look(check) => {
                self.start(["look", check.as_str(), "--svg", "-"].map(str::to_owned).to_vec());
            }
            Action::Debug(check) => self.debug(&check),
        }
        true
    }

    /// A file was saved. A save of the same text is no reason to grade.
    fn saved(&mut self, file: &Path) {
        let lab = self.desk.course.labs.iter().find(|lab| files(&self.desk.course, lab).iter().any(|own| own == file));
        let Some(lab) = lab else { return };
        let files = files(&self.desk.course, lab);
        let missing = files.iter().find(|file| !file.is_file());
        let missing = missing.map(PathBuf::as_path);
        let is_news = match missing {
            Some(_) => self.known.remove(&lab.id).is_some(),
            None => {
                let now = contents(&files);
                self.known.insert(lab.id.clone(), now) != Some(now)
            }
        };
        if !is_news {
            return;
        }
        self.runner.stop();
        self.act(|desk| desk.saved(file, missing));
    }

    /// Grades the lab; the check that did not pass the last time comes first.
    fn grade(&mut self) {
        // A save is acknowledged first. A terminal that is gone is noticed later.
        let _ = self.show();
        let mut words = vec![self.desk.lab().id.clone(), "--tell".to_owned(), self.columns()];
        if let Some(first) = self.desk.first() {
            words.extend(["--first".to_owned(), first.name.clone()]);
        }
        self.start(words);
    }

    /// Lends the terminal to gdb, with the run of a check. What is saved meanwhile is graded afterwards.
    fn debug(&mut self, check: &str) {
        let Surface::Screen(terminal) = &self.surface else { return };
        // It would build the same kernel at the same time.
        let was_running = self.runner.is_running();
        self.runner.stop();
        let words = self.with_view(["debug", check].map(str::to_owned).to_vec());
        let lent = terminal.lend(|| match self.runner.lend_terminal(&words) {
            // gdb has said all that there is to say.
            Ok(true) => Ok(()),
            // The reason stands there, and the next page would hide it.
            Ok(false) => wait_for_enter(),
            Err(error) => Err(error),
        });
        let trouble = lent.map_err(|error| Error::new(format!("cannot use the terminal: {error}"))).flatten().err();
        if let Some(error) = trouble {
            self.desk.trouble(&error.to_string());
        } else if was_running {
            self.act(Desk::again);
        }
    }

    /// The width of texts.
    fn columns(&self) -> String {
        match &self.surface {
            Surface::Screen(_) => Terminal::size().0.saturating_sub(1).clamp(40, 200).to_string(),
            Surface::Lines(_) => self.view.width.clamp(40, 200).to_string(),
        }
    }

    fn start(&mut self, words: Vec<String>) {
        let words = self.with_view(words);
        if let Err(error) = self.runner.start(&words) {
            self.desk.trouble(&error.to_string());
        }
    }

    /// The words for a grader whose text looks like this one's, and which installs nothing.
    fn with_view(&self, mut words: Vec<String>) -> Vec<String> {
        let color = if self.view.color { "always" } else { "never" };
        words.extend(["--no-install", "--color", color].map(str::to_owned));
        words
    }

    /// The running program printed a line.
    fn said(&mut self, line: &str) {
        match Line::parse(line) {
            Some(Line::Told(told)) => self.desk.told(told),
            Some(Line::Done(brief)) => {
                self.desk.done(brief);
                if let Err(error) = self.desk.kept.save(&self.file) {
                    self.desk.note = Some(format!("cannot keep this in {}: {error}", self.file.display()));
                }
            }
            None => self.desk.hear(line),
        }
    }

    /// The running program has ended its output.
    fn ended(&mut self, complaints: &str) {
        let code = self.runner.finish();
        if code == Some(i32::from(Exit::CouldNotRun.code())) || code.is_none() {
            let why = complaints.trim();
            self.desk.trouble(if why.is_empty() { "the grader ended without a message" } else { why });
        } else {
            self.desk.ended();
        }
    }
}

/// Waits until somebody has read what stands on the terminal.
fn wait_for_enter() -> Result<()> {
    let told = crate::host::style::say("\nEnter goes back to `watch`.\n");
    // A terminal that is gone is found out about by whoever draws next.
    drop(told.and_then(|()| std::io::stdin().read_line(&mut String::new())));
    Ok(())
}

/// The contents of files; a file that cannot be read counts as empty.
fn contents(files: &[PathBuf]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let text = fs::read(file).unwrap_or_default();
        hasher.update(&text.len().to_le_bytes()).update(&text);
    }
    hasher.finalize()
}
