//! The sandbox in which a submission is compiled and booted: bubblewrap (`bwrap`), without a network, and with no
//! files except the course's, the compiler's and the emulator's, which are read-only.
//!
//! The grader runs itself in the sandbox. So the programs that it starts and the files that it reads are in the sandbox, too.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::build::toolchain::Toolchain;
use crate::course::stage::Stage;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::launcher::{self, Limits};
use crate::host::path::on_path;
use crate::host::process;

/// Whether bubblewrap is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Walls {
    /// It is used; without it, nothing is graded.
    Bubblewrap,
    /// It is not used: the teacher has chosen so.
    None,
}

/// The tools for grading a submission, and the sandbox.
pub struct Sandbox {
    /// bubblewrap, if it is used.
    bwrap: Option<PathBuf>,
    grader: PathBuf,
    emulator: PathBuf,
    toolchain: Toolchain,
    cargo_home: Option<PathBuf>,
    /// The place of the first copy of the course. In the sandbox, every copy is at this place: a build in one copy is valid
    /// in all others.
    place: PathBuf,
}

impl Sandbox {
    /// A sandbox that has been tried, and in which this `grader` grades.
    ///
    /// # Errors
    /// If there is no bubblewrap, or it does not work here.
    pub fn new(walls: Walls, grader: PathBuf, toolchain: &Toolchain, emulator: &Path, place: &Path) -> Result<Self> {
        let mut sandbox = Self {
            bwrap: None,
            grader,
            emulator: emulator.to_owned(),
            toolchain: toolchain.clone(),
            cargo_home: cargo_home(),
            place: place.to_owned(),
        };
        if walls == Walls::Bubblewrap {
            let advice = "install it (Debian: apt-get install bubblewrap) and allow user namespaces, or grade only \
                          what you trust, with --unsafe-no-sandbox";
            let bwrap = on_path("bwrap")
                .ok_or_else(|| Error::new("submissions are graded in bubblewrap, which is missing").advise(advice))?;
            sandbox.bwrap = Some(bwrap.clone());
            let mut command = Command::new(&bwrap);
            sandbox.build_walls(&mut command, None);
            command.arg(&sandbox.grader).arg("--version");
            let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &bwrap, &error))?;
            if !output.status.success() {
                return Err(Error::new("submissions are graded in bubblewrap, which does not work here")
                    .advise(advice)
                    .output(String::from_utf8_lossy(&output.stderr)));
            }
        }
        Ok(sandbox)
    }

    /// The grader as a command for the stage's copy of the course: it grades one lab, and takes more arguments.
    pub fn grader(&self, stage: &Stage, lab: &Lab) -> Command {
        let launcher = launcher::launcher().map(|_| self.grader.as_path());
        let mut command = match &self.bwrap {
            None => launcher::command(launcher, Limits::default(), &self.grader),
            Some(bwrap) => {
                let mut command = launcher::command(launcher, Limits::default(), bwrap);
                self.build_walls(&mut command, Some(&stage.scratch()));
                self.let_in(&mut command, stage, lab);
                command.arg(&self.grader);
                command
            }
        };
        command.current_dir(stage.root()).envs(self.environment()).env("CARGO_TARGET_DIR", stage.folder());
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("FOLIO_TIMINGS").env_remove("FOLIO_BOCHS");
        command.args([&lab.id, "--no-install", "--color", "never", "--jobs", "1", "--json", "-"]);
        command
    }

    /// The environment by which the grader in the sandbox finds its tools.
    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let mut variables = vec![
            ("RUSTC", self.toolchain.rustc.clone()),
            ("FOLIO_QEMU", self.emulator.clone()),
            // Everything that cargo needs was fetched before.
            ("CARGO_NET_OFFLINE", "true".into()),
        ];
        variables.extend(self.cargo_home.clone().map(|folder| ("CARGO_HOME", folder)));
        variables
    }

    /// bubblewrap's arguments that are the same for all submissions. `/tmp` is this folder, or
    /// an empty one.
    fn build_walls(&self, command: &mut Command, scratch: Option<&Path>) {
        command.args(["--unshare-all", "--die-with-parent", "--new-session", "--hostname", "folio", "--clearenv"]);
        command.args([
            "--setenv",
            "PATH",
            "/usr/bin:/bin",
            "--setenv",
            "LC_ALL",
            "C.UTF-8",
            "--setenv",
            "HOME",
            "/tmp",
        ]);
        for (name, value) in self.environment() {
            command.args(["--setenv", name]).arg(value);
        }
        // First, since folders that come later may lie in it.
        match scratch {
            Some(scratch) => command.arg("--bind").arg(scratch).arg("/tmp"),
            None => command.args(["--tmpfs", "/tmp"]),
        };
        command.args(["--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr"]);
        for folder in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
            match fs::read_link(folder) {
                Ok(target) => command.arg("--symlink").arg(target).arg(folder),
                Err(_) => command.args(["--ro-bind-try", folder, folder]),
            };
        }
        for file in ["/etc/ld.so.cache", "/etc/alternatives", "/nix/store"] {
            command.args(["--ro-bind-try", file, file]);
        }
        let programs = [&self.grader, &self.emulator, &self.toolchain.linker].map(PathBuf::as_path);
        let crates = self.cargo_home.iter().map(|folder| folder.join("registry"));
        let folders = [self.toolchain.sysroot.clone()].into_iter().chain(crates);
        let seen = folders.chain(programs.into_iter().map(Path::to_owned)).filter(|path| !path.starts_with("/usr"));
        for path in seen {
            command.arg("--ro-bind-try").arg(&path).arg(&path);
        }
    }

    /// bubblewrap's arguments for one submission: its copy of the course, and the folder for its builds.
    fn let_in(&self, command: &mut Command, stage: &Stage, lab: &Lab) {
        let (course, built) = (self.place.join("course"), self.place.join("kernel"));
        command.arg("--bind").arg(stage.target_dir()).arg(built);
        command.arg("--ro-bind").arg(stage.root()).arg(&course);
        let of_lab = Path::new("labs").join(&lab.id);
        for folder in lab.answers().into_iter().map(|folder| of_lab.join(folder)) {
            if stage.root().join(&folder).is_dir() {
                command.arg("--tmpfs").arg(course.join(folder));
            }
        }
        command.arg("--setenv").arg("CARGO_TARGET_DIR").arg(&self.place);
        command.arg("--chdir").arg(&course);
    }
}

fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}
