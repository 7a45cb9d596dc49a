//! A cluster of one node on loopback, in a folder of its own, without systemd: MUNGE, which authenticates, Slurm's
//! controller, and the daemon of a node. They end with this process.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::host::error::{Error, Result};
use crate::host::launcher::{self, Limits};
use crate::host::path::on_path;
use crate::host::process::{self, Process};
use crate::judge::processors;

/// How long the cluster may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// How long its daemons may take to exit.
const END: Duration = Duration::from_secs(10);

/// Bytes of the key that MUNGE's users share.
const KEY: usize = 1024;

/// The programs of a cluster.
pub struct Programs {
    munged: PathBuf,
    slurmctld: PathBuf,
    slurmd: PathBuf,
    sinfo: PathBuf,
}

impl Programs {
    /// Finds the programs, or reports the missing ones.
    ///
    /// # Errors
    /// If a program is missing.
    pub fn find() -> std::result::Result<Self, String> {
        let find = |name: &str| {
            let program =
                on_path(name).or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file()));
            program.ok_or_else(|| format!("`{name}` is missing (Debian: apt-get install slurm-wlm munge)"))
        };
        find("sbatch")?;
        Ok(Self {
            munged: find("munged")?,
            slurmctld: find("slurmctld")?,
            slurmd: find("slurmd")?,
            sinfo: find("sinfo")?,
        })
    }
}

/// A cluster that runs.
pub struct Cluster {
    configuration: PathBuf,
    /// The daemons, in the order in which they were started.
    daemons: Vec<Process>,
}

impl Cluster {
    /// Starts a cluster, with its files in this folder, and waits until its node is ready.
    ///
    /// # Errors
    /// If it does not get ready; the error has the daemons' output.
    pub fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        for folder in [folder, &folder.join("state"), &folder.join("spool")] {
            fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
        }
        write_key(&folder.join("munge.key"))?;
        let configuration = folder.join("slurm.conf");
        let text = configured(folder, &answer("hostname", &["-s"])?, &answer("id", &["-un"])?)?;
        fs::write(&configuration, text).map_err(|error| Error::io("cannot write", &configuration, &error))?;
        let mut cluster = Self { configuration, daemons: Vec::new() };
        cluster.launch(&programs.munged, folder, &munge_words(folder))?;
        wait_until(|| folder.join("munge.socket").exists()).ok_or_else(|| not_ready(folder))?;
        let words = ["-D".to_owned(), "-f".to_owned(), cluster.configuration.display().to_string()];
        cluster.launch(&programs.slurmctld, folder, &words)?;
        cluster.launch(&programs.slurmd, folder, &words)?;
        let is_idle = || {
            let mut command = Command::new(&programs.sinfo);
            command.args(["--noheader", "--format=%t"]).env("SLURM_CONF", &cluster.configuration);
            process::output(&mut command).is_ok_and(|output| output.stdout.trim_ascii() == b"idle")
        };
        wait_until(is_idle).ok_or_else(|| not_ready(folder))?;
        Ok(cluster)
    }

    /// The path of its `slurm.conf`, for the variable `SLURM_CONF`.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    fn launch(&mut self, program: &Path, folder: &Path, words: &[String]) -> Result<()> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let failed = |error: std::io::Error| Error::io("cannot write", &log, &error);
        let file = fs::File::create(&log).map_err(failed)?;
        let mut command = launcher::command(launcher::launcher().as_deref(), Limits::default(), program);
        command.args(words).env("SLURM_CONF", &self.configuration);
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        let daemon =
            Process::spawn(&mut command, Signal::TERM).map_err(|error| Error::io("cannot start", program, &error))?;
        self.daemons.push(daemon);
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The daemon that was started last ends first, while the others still answer it.
        while let Some(daemon) = self.daemons.pop() {
            daemon.interrupt();
            let (number, start) = (daemon.id(), Instant::now());
            while !has_ended(number) && start.elapsed() < END {
                thread::sleep(Duration::from_millis(50));
            }
            // If it is still running, it is killed now.
            drop(daemon);
        }
    }
}

/// Whether a child of this process has ended, and is a zombie.
fn has_ended(number: u32) -> bool {
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    pid.is_none_or(|pid| waitid(WaitId::Pid(pid), options).is_ok_and(|status| status.is_some()))
}

/// Writes the key that MUNGE's users share.
fn write_key(path: &Path) -> Result<()> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(|error| Error::new(format!("cannot draw a key: {error}")))?;
    fs::write(path, key)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o400)))
        .map_err(|error| Error::io("cannot write", path, &error))
}

fn munge_words(folder: &Path) -> Vec<String> {
    let place = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    let places = [
        ("socket", "munge.socket"),
        ("key-file", "munge.key"),
        ("pid-file", "munged.pid"),
        ("seed-file", "munged.seed"),
        ("log-file", "munge.log"),
    ];
    let fixed = ["--foreground", "--force"].map(str::to_owned);
    fixed.into_iter().chain(places.map(|(option, name)| place(option, name))).collect()
}

/// The cluster's `slurm.conf`: simple plugins that need no control groups, and free ports.
fn configured(folder: &Path, host: &str, user: &str) -> Result<String> {
    let port = || TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let failed = |error| Error::new(format!("there is no free port: {error}"));
    // Both are held until both are known.
    let ((controller, _held), (node, _held_too)) = (port().map_err(failed)?, port().map_err(failed)?);
    let (folder, processors) = (folder.display(), processors());
    Ok(format!(
        "ClusterName=folio\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
         SlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\nCredType=cred/munge\n\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
         SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\nReturnToService=2\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN\n\
         PartitionName=folio Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    ))
}

fn answer(program: &str, words: &[&str]) -> Result<String> {
    let answer = process::answer(Path::new(program), words);
    let answer = answer.ok_or_else(|| Error::new(format!("`{program}` does not answer")))?;
    Ok(answer.trim().to_owned())
}

/// Waits until a condition holds, or the time is over.
fn wait_until(is_so: impl Fn() -> bool) -> Option<()> {
    let start = Instant::now();
    while start.elapsed() < READY {
        if is_so() {
            return Some(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    None
}

/// The error for a cluster that does not get ready, with its daemons' output.
fn not_ready(folder: &Path) -> Error {
    let said = ["munged", "slurmctld", "slurmd"].map(|name| {
        let bytes = fs::read(folder.join(format!("{name}.log"))).unwrap_or_default();
        format!("{name}:\n{}", String::from_utf8_lossy(&bytes))
    });
    Error::new("the cluster does not get ready; its daemons say").output(said.join("\n"))
}
