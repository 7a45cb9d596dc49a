//! A cluster on loopback, in a folder of its own, without systemd: MUNGE, which authenticates, Slurm's controller, and
//! the daemons of its nodes. They end with this process.
//!
//! Each node has processes and a host name of its own, by bubblewrap. So nodes need no Slurm that was built for several
//! on one computer, and with a node's first process everything on it dies, as with a real one.

use std::collections::BTreeMap;
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

/// How long the cluster may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// How long its daemons may take to exit.
const END: Duration = Duration::from_secs(10);

/// What gives a node processes and a name of its own, and leaves it files, network and rights.
const APART: [&str; 8] =
    ["--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--unshare-uts", "--die-with-parent"];

/// Bytes of the key that MUNGE's users share.
const KEY: usize = 1024;

/// The programs of a cluster.
pub struct Programs {
    munged: PathBuf,
    slurmctld: PathBuf,
    slurmd: PathBuf,
    scontrol: PathBuf,
    sinfo: PathBuf,
    squeue: PathBuf,
    bwrap: PathBuf,
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
            program.ok_or_else(|| format!("`{name}` is missing (Debian: apt-get install slurm-wlm munge bubblewrap)"))
        };
        find("sbatch")?;
        let programs = Self {
            munged: find("munged")?,
            slurmctld: find("slurmctld")?,
            slurmd: find("slurmd")?,
            scontrol: find("scontrol")?,
            sinfo: find("sinfo")?,
            squeue: find("squeue")?,
            bwrap: find("bwrap")?,
        };
        let mut walls = Command::new(&programs.bwrap);
        walls.args(APART).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        if process::status(&mut walls).is_ok_and(|status| status.success()) {
            Ok(programs)
        } else {
            Err("bubblewrap does not work here: user namespaces are off".to_owned())
        }
    }
}

/// A cluster that runs.
pub struct Cluster {
    programs: Programs,
    configuration: PathBuf,
    /// MUNGE and the controller, in the order in which they were started.
    daemons: Vec<Process>,
    /// Nodes that have not died, by their names.
    nodes: BTreeMap<String, Process>,
}

impl Cluster {
    /// Starts a cluster of so many nodes, with its files in this folder, and waits until they are ready.
    ///
    /// # Errors
    /// If they do not get ready; the error has the daemons' output.
    pub fn start(programs: Programs, folder: &Path, nodes: usize) -> Result<Self> {
        let names: Vec<String> = (1..=nodes).map(|number| format!("node{number}")).collect();
        let spools = names.iter().map(|name| folder.join(format!("spool-{name}")));
        for folder in [folder.to_owned(), folder.join("state")].into_iter().chain(spools) {
            fs::create_dir_all(&folder).map_err(|error| Error::io("cannot create", &folder, &error))?;
        }
        write_key(&folder.join("munge.key"))?;
        let configuration = folder.join("slurm.conf");
        let text = configured(folder, &answer("hostname", &["-s"])?, &answer("id", &["-un"])?, &names)?;
        fs::write(&configuration, text).map_err(|error| Error::io("cannot write", &configuration, &error))?;
        let mut cluster = Self { programs, configuration, daemons: Vec::new(), nodes: BTreeMap::new() };
        cluster.bring_up(folder, &names)?;
        Ok(cluster)
    }

    fn bring_up(&mut self, folder: &Path, names: &[String]) -> Result<()> {
        let munged = Command::new(&self.programs.munged);
        self.daemons.push(self.launch(munged, munge_words(folder), &folder.join("munged.log"))?);
        wait_until(|| folder.join("munge.socket").exists()).ok_or_else(|| not_ready(folder, names))?;
        let words = ["-D".to_owned(), "-f".to_owned(), self.configuration.display().to_string()];
        let controller = Command::new(&self.programs.slurmctld);
        self.daemons.push(self.launch(controller, words.to_vec(), &folder.join("slurmctld.log"))?);
        for name in names {
            let mut node = Command::new(&self.programs.bwrap);
            node.args(APART).args(["--hostname", name]);
            if rustix::process::geteuid().is_root() {
                // Slurm starts each task as whoever has submitted it.
                node.args(["--cap-add", "ALL"]);
            }
            node.arg(&self.programs.slurmd).args(["-N", name]);
            let daemon = self.launch(node, words.to_vec(), &folder.join(format!("{name}.log")))?;
            self.nodes.insert(name.clone(), daemon);
        }
        let are_idle = || {
            let states = self.asked(&self.programs.sinfo, &["--noheader", "--Node", "--format=%t"]);
            states.is_ok_and(|states| states.lines().filter(|state| state.trim() == "idle").count() == names.len())
        };
        wait_until(are_idle).ok_or_else(|| not_ready(folder, names))
    }

    /// The path of its `slurm.conf`, for the variable `SLURM_CONF`.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The node that runs a task of an array, if one does.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn node_of(&self, task: usize) -> Result<Option<String>> {
        let queue =
            self.asked(&self.programs.squeue, &["--noheader", "--array", "--states=RUNNING", "--format=%K %N"])?;
        let number = task.to_string();
        let running = queue.lines().filter_map(|line| line.trim().split_once(' '));
        Ok(running.filter(|(task, _)| *task == number).map(|(_, node)| node.to_owned()).next())
    }

    /// Ends a node with all that runs on it, as a loss of power does, and tells the controller, which would find out
    /// by itself after `SlurmdTimeout`: five minutes, if nobody says otherwise.
    ///
    /// # Errors
    /// If there is no such node, or Slurm does not answer.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        let node = self.nodes.remove(name).ok_or_else(|| Error::new(format!("there is no node {name}")))?;
        // Killed, and waited for.
        drop(node);
        let node = format!("NodeName={name}");
        self.asked(&self.programs.scontrol, &["update", &node, "State=DOWN", "Reason=died"])?;
        Ok(())
    }

    /// What one of Slurm's programs answers.
    fn asked(&self, program: &Path, words: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.args(words).env("SLURM_CONF", &self.configuration);
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", program, &error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::new(format!("{} does not answer; it says", program.display())).output(said))
    }

    /// Starts a daemon, which writes to this file.
    fn launch(&self, command: Command, words: Vec<String>, log: &Path) -> Result<Process> {
        let failed = |error: std::io::Error| Error::io("cannot write", log, &error);
        let file = fs::File::create(log).map_err(failed)?;
        let program = PathBuf::from(command.get_program());
        let mut guarded = launcher::command(launcher::launcher().as_deref(), Limits::default(), &program);
        guarded.args(command.get_args()).args(words).env("SLURM_CONF", &self.configuration);
        guarded.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        Process::spawn(&mut guarded, Signal::TERM).map_err(|error| Error::io("cannot start", &program, &error))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A node has nothing to save, and takes its tasks with it.
        self.nodes.clear();
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

/// The cluster's `slurm.conf`: simple plugins that need no control groups, and free ports. A node runs one
/// task at a time, so that every node gets some.
fn configured(folder: &Path, host: &str, user: &str, nodes: &[String]) -> Result<String> {
    let port = || TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    // All are held until all are known.
    let ports: std::io::Result<Vec<_>> = (0..=nodes.len()).map(|_| port()).collect();
    let ports = ports.map_err(|error| Error::new(format!("there is no free port: {error}")))?;
    let nodes: String = nodes
        .iter()
        .zip(&ports[1..])
        .map(|(name, (port, _held))| {
            format!("NodeName={name} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN\n")
        })
        .collect();
    let (folder, controller) = (folder.display(), ports[0].0);
    Ok(format!(
        "ClusterName=folio\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\n\
         SlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\nCredType=cred/munge\n\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool-%n\n\
         SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd-%n.pid\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\nReturnToService=2\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n{nodes}\
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
fn not_ready(folder: &Path, nodes: &[String]) -> Error {
    let names = ["munged", "slurmctld"].into_iter().chain(nodes.iter().map(String::as_str));
    let said: Vec<String> = names
        .map(|name| {
            let bytes = fs::read(folder.join(format!("{name}.log"))).unwrap_or_default();
            format!("{name}:\n{}", String::from_utf8_lossy(&bytes))
        })
        .collect();
    Error::new("the cluster does not get ready; its daemons say").output(said.join("\n"))
}
