//! The program: what each command does, and with which exit code it ends.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::cli::{Cli, Color, Command, CommonArgs, GradeArgs, LookArgs};
use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::grade::{Engine, Request, Timings, Whose, processors};
use crate::interrupt;
use crate::model::Status;
use crate::packages;
use crate::probe::Probes;
use crate::progress::Progress;
use crate::report::{self, View};
use crate::system::Ended;
use crate::tools::{Machines, NoEmulator, Tools};
use crate::workspace::Workspace;
use crate::{compare, dev, doctor, explain, look, system};

/// All checks passed.
const EXIT_PASSED: u8 = 0;
/// A check did not pass.
const EXIT_FAILED: u8 = 1;
/// Nothing could be said about the checks.
pub const EXIT_COULD_NOT_RUN: u8 = 2;

/// Set to anything, this shows how long what took.
const TIMINGS_VARIABLE: &str = "FOLIO_TIMINGS";

/// `cargo grade`, started at that time.
pub fn main(start: Instant) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_COULD_NOT_RUN } else { EXIT_PASSED };
            // Nobody listens: nothing to do about it.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match cli.common.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    interrupt::listen();
    let code = run(cli, start).unwrap_or_else(|error| {
        complain(&error);
        EXIT_COULD_NOT_RUN
    });
    ExitCode::from(code)
}

fn run(cli: Cli, start: Instant) -> Result<u8> {
    match cli.command {
        None => grade(&cli.grade, &cli.common, start),
        Some(Command::Doctor) => {
            let place = Place::find()?;
            let tools = Tools::find(&Probes::fresh(), Machines::Both);
            let view = view(&cli.common);
            let (text, fine) = doctor::report(&place.workspace, &tools, &place.target_dir, view.color, view.width);
            print(&text)?;
            Ok(if fine { EXIT_PASSED } else { EXIT_COULD_NOT_RUN })
        }
        Some(Command::Setup { bochs }) => {
            let machines = if bochs { Machines::Both } else { Machines::Qemu };
            Place::find()?.engines(&cli.common, machines)?;
            print("Everything that grading needs is there.\n")?;
            Ok(EXIT_PASSED)
        }
        Some(Command::Run(arguments)) => {
            let place = Place::find()?;
            // A wrong name is told before anything is installed.
            place.workspace.select(&arguments.labs)?;
            Ok(match system::run(&arguments, &place.engine(&cli.common)?)? {
                Ended::Well => EXIT_PASSED,
                Ended::Failed => EXIT_FAILED,
                Ended::NotStarted => EXIT_COULD_NOT_RUN,
            })
        }
        Some(Command::Look(arguments)) => look(&arguments, &cli.common),
        Some(Command::Explain { check }) => {
            let place = Place::find()?;
            let view = view(&cli.common);
            print(&match check {
                None => explain::all(&place.workspace.select(&[])?, &view),
                Some(name) => match place.workspace.labs.iter().find(|lab| lab.is_called(&name)) {
                    Some(lab) => explain::all(&[lab], &view),
                    None => {
                        let (lab, check) = place.workspace.check(&name)?;
                        explain::check(&place.workspace, lab, check, &view)
                    }
                },
            })?;
            Ok(EXIT_PASSED)
        }
        Some(Command::Dev(command)) => {
            let engine = Place::find()?.engine(&cli.common)?;
            let fine = dev::run(&command, &engine, &view(&cli.common), cli.common.no_install)?;
            Ok(if fine { EXIT_PASSED } else { EXIT_FAILED })
        }
    }
}

/// Where the course is, and where its kernels are built.
struct Place {
    workspace: Workspace,
    target_dir: PathBuf,
}

impl Place {
    fn find() -> Result<Self> {
        let workspace = Workspace::find()?;
        let target_dir = target_dir(&workspace.root).join("kernel");
        Ok(Self { workspace, target_dir })
    }

    /// All that grading in QEMU needs, installed if it has to be.
    fn engine(self, common: &CommonArgs) -> Result<Engine> {
        self.engines(common, Machines::Qemu).map(|(engine, _)| engine)
    }

    /// All that grading on these machines needs, installed if it has to be: the
    /// engine with the first emulator, and the second one.
    fn engines(self, common: &CommonArgs, machines: Machines) -> Result<(Engine, Option<Emulator>)> {
        let find = || Tools::find(&Probes::load(&self.target_dir), machines);
        let tools = packages::provide(find(), common.no_install, &find)?;
        let toolchain = tools.toolchain.map_err(|_| Error::new("there is no compiler that can build the kernel"))?;
        let qemu = tools.emulator.transpose().map_err(|problem| match problem {
            NoEmulator::Missing => Error::new("QEMU is missing").advise("run `cargo grade setup`"),
            NoEmulator::Unfit(error) => error,
        })?;
        let bochs = tools.bochs.transpose().map_err(|lacking| match lacking.why {
            Some(why) => Error::new(format!("Bochs cannot be used: {why}")),
            None => Error::new("Bochs is missing").advise("run `cargo grade setup --bochs`"),
        })?;
        let mut emulators = qemu.map(Emulator::Qemu).into_iter().chain(bochs.map(Emulator::Bochs));
        let emulator = emulators.next().ok_or_else(|| Error::new("there is no emulator"))?;
        let second = emulators.next();
        Ok((Engine { workspace: self.workspace, toolchain, emulator, target_dir: self.target_dir }, second))
    }
}

/// Cargo's target folder: the one that this program was built into, unless another is named.
fn target_dir(root: &Path) -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let own = || {
        let program = env::current_exe().ok()?;
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
    };
    let folder = named.or_else(own).unwrap_or_else(|| root.join("target"));
    std::path::absolute(&folder).unwrap_or(folder)
}

fn grade(arguments: &GradeArgs, common: &CommonArgs, start: Instant) -> Result<u8> {
    let request = Request {
        labs: arguments.labs.clone(),
        checks: arguments.checks.clone(),
        whose: match (arguments.solution, arguments.own) {
            (true, _) => Whose::Solution,
            (_, true) => Whose::Own,
            _ => Whose::Student,
        },
        seed: arguments.seed,
        jobs: arguments.jobs.map_or_else(processors, usize::from),
    };
    let place = Place::find()?;
    // A wrong name is told before anything is installed or graded.
    place.workspace.select(&request.labs)?;
    for check in &request.checks {
        place.workspace.check(check)?;
    }
    for target in [&arguments.json, &arguments.junit].into_iter().flatten() {
        report::try_out(target).map_err(|error| Error::new(error.to_string()))?;
    }
    let (mut engine, second) = place.engines(common, arguments.emulator)?;
    let found = start.elapsed();
    let progress = Progress::new();
    let (mut run, mut timings) = engine.grade(&request, &progress)?;
    if let Some(second) = second {
        engine.emulator = second;
        let (other, more) = engine.grade(&request, &progress)?;
        timings.add(more);
        let only =
            |repeat: Vec<String>| repeat.into_iter().map(|word| if word == "bochs" { "both".to_owned() } else { word });
        run.repeat = only(other.repeat.clone()).collect();
        run = compare::both(run, other);
    }
    run.elapsed = start.elapsed();

    let root = &engine.workspace.root;
    let on_stdout = |target: &Option<PathBuf>| target.as_deref() == Some(Path::new("-"));
    if let Some(target) = &arguments.json {
        report::write(&report::json(&run, root), target).map_err(|error| Error::new(error.to_string()))?;
    }
    if let Some(target) = &arguments.junit {
        report::write(&report::junit(&run, root), target).map_err(|error| Error::new(error.to_string()))?;
    }
    // A program that reads standard output gets nothing but what it asked for.
    if !on_stdout(&arguments.json) && !on_stdout(&arguments.junit) {
        print(&report::text(&run, root, &view(common)))?;
    }
    if common.verbose {
        for warnings in run.labs.iter().filter_map(|lab| lab.warnings.as_ref()) {
            // Nobody listens: nothing to do about it.
            let _ = write!(anstream::stderr(), "{warnings}");
        }
    }
    if common.verbose || env::var_os(TIMINGS_VARIABLE).is_some() {
        let text = spent(&timings, found, start.elapsed());
        let _ = write!(io::stderr(), "{text}");
    }
    let passed = run.labs.iter().flat_map(|lab| &lab.checks).all(|check| check.status == Status::Passed);
    Ok(if passed { EXIT_PASSED } else { EXIT_FAILED })
}

/// Where the time went.
fn spent(timings: &Timings, found: std::time::Duration, total: std::time::Duration) -> String {
    let mut text = format!("time: {:.2} s to find the tools", found.as_secs_f64());
    for (name, time) in &timings.builds {
        let _ = write!(text, ", {:.2} s to build {name}", time.as_secs_f64());
    }
    let _ = writeln!(
        text,
        ", {:.2} s for {} boots ({:.2} s of machines), {:.2} s in all",
        timings.boots.as_secs_f64(),
        timings.booted,
        timings.machines.as_secs_f64(),
        total.as_secs_f64(),
    );
    text
}

/// `cargo grade look`: the address space at the end of a check.
fn look(arguments: &LookArgs, common: &CommonArgs) -> Result<u8> {
    let place = Place::find()?;
    // A wrong name is told before anything is installed.
    look::choose(&place.workspace, &arguments.what)?;
    let pictures = place.target_dir.join("look");
    let engine = place.engine(common)?;
    let (lab, check) = look::choose(&engine.workspace, &arguments.what)?;
    let progress = Progress::new();
    let seen = look::look(&engine, lab, check, arguments.solution, arguments.seed, &progress)?;
    progress.finish();
    print(&look::text(&seen, &view(common)))?;
    let file = match arguments.svg.as_deref() {
        Some(file) if file == Path::new("-") => return Ok(EXIT_PASSED),
        Some(file) => file.to_owned(),
        None => {
            std::fs::create_dir_all(&pictures).map_err(|error| Error::io("cannot make", &pictures, &error))?;
            pictures.join(format!("{}.svg", check.name))
        }
    };
    std::fs::write(&file, look::picture(&seen)).map_err(|error| Error::io("cannot write", &file, &error))?;
    print(&format!("picture: {}\n", file.display()))?;
    Ok(EXIT_PASSED)
}

/// How to show something on standard output.
fn view(common: &CommonArgs) -> View {
    let stdout = io::stdout();
    let color = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    let width = if stdout.is_terminal() {
        rustix::termios::tcgetwinsize(&stdout).map_or(80, |size| usize::from(size.ws_col).max(1))
    } else {
        80
    };
    View { color, width, verbose: common.verbose }
}

/// Prints to standard output. A reader that has left is no error.
fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

fn complain(error: &Error) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let mut out = anstream::stderr().lock();
    // Nobody listens: nothing to do about it.
    let _ = writeln!(out, "{style}error{style:#}: {error}");
    if let Some(output) = error.tool_output() {
        let _ = writeln!(out, "{}", output.trim_end());
    }
}
