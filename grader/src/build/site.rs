//! A site: the course, its compiler, and the folder in which kernels are built.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::course::mix::{Mix, Symbols};
use crate::course::programs;
use crate::course::workspace::{Lab, Reference, Workspace};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::cargo::{Builder, Built, Image};
use super::toolchain::Toolchain;

/// How long each build took, by the name of the mix.
pub type BuildTimes = Vec<(String, Duration)>;

/// The course, its compiler, and the folder for everything that is built.
pub struct Site {
    /// The course.
    pub workspace: Workspace,
    /// The compiler.
    pub toolchain: Toolchain,
    /// The folder in which kernels are built.
    pub target_dir: PathBuf,
}

impl Site {
    /// The builder for this site.
    pub fn builder(&self) -> Builder<'_> {
        Builder { toolchain: &self.toolchain, root: &self.workspace.root, target_dir: &self.target_dir }
    }

    /// The programs that run in ring 3, by name.
    ///
    /// # Errors
    /// As [`programs::names`].
    pub fn programs(&self) -> Result<Vec<String>> {
        programs::names(&self.workspace.root)
    }

    /// The mix with references for all labs but these, as far as there are references.
    pub fn mix(&self, student: &[&Lab]) -> Mix {
        let mut solutions: Vec<String> = self
            .workspace
            .labs
            .iter()
            .filter(|lab| lab.has_reference() && !student.iter().any(|other| other.id == lab.id))
            .map(|lab| lab.toml.package.clone())
            .collect();
        solutions.sort();
        Mix { solutions, symbols: Symbols::Course }
    }

    /// The features by which cargo builds a mix: those that put references in the place of the student's files, such
    /// as `pmm/solution`, and those that say whose functions the compiler's names stand for.
    pub fn features(&self, mix: &Mix) -> Vec<String> {
        let labs = self.workspace.labs.iter().filter(|lab| mix.solutions.contains(&lab.toml.package));
        let references = labs.map(|lab| match lab.reference {
            Reference::Compiled => format!("{}/compiled", lab.toml.package),
            Reference::Source | Reference::Missing => format!("{}/solution", lab.toml.package),
        });
        let symbols = self.workspace.labs.iter().filter(|lab| lab.toml.symbols).filter_map(|lab| match mix.symbols {
            Symbols::Lab => Some(format!("{}/symbols", lab.toml.package)),
            Symbols::Course => lab.has_champion().then(|| format!("{}/champion-symbols", lab.toml.package)),
        });
        references.chain(symbols).collect()
    }

    /// A short name for a mix: the labs in it that are the student's.
    pub fn name(&self, mix: &Mix) -> String {
        let own: Vec<&str> = self
            .workspace
            .labs
            .iter()
            .map(|lab| lab.toml.package.as_str())
            .filter(|package| !mix.solutions.iter().any(|solution| solution == package))
            .collect();
        let name = if own.is_empty() { "reference".to_owned() } else { own.join("+") };
        match mix.symbols {
            Symbols::Course => name,
            Symbols::Lab => format!("{name}-linked"),
        }
    }

    /// Builds a mix, and nothing else.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn build(&self, mix: &Mix, progress: &Progress, times: &mut BuildTimes) -> Result<Built> {
        let name = self.name(mix);
        let builder = self.builder();
        builder.make_folder()?;
        let changed = self.compiler_before().filter(|before| *before != self.toolchain.version);
        if builder.is_first_time() {
            progress.note("Building the kernel's core library: once, about a minute …");
        } else if let Some(before) = changed {
            let now = &self.toolchain.version;
            progress
                .note(&format!("The compiler is {now} now, and was {before}: all is built again, about a minute …"));
        }
        progress.start("Building the kernel");
        let start = Instant::now();
        let built = builder.build(&self.features(mix), &name, progress)?;
        times.push((name, start.elapsed()));
        // If the file cannot be written, a change is not announced.
        let _ = fs::write(self.compiler_file(), &self.toolchain.version);
        Ok(built)
    }

    /// The compiler that built here last, if it is known.
    fn compiler_before(&self) -> Option<String> {
        fs::read_to_string(self.compiler_file()).ok()
    }

    fn compiler_file(&self) -> PathBuf {
        self.target_dir.join("compiler")
    }

    /// Builds the image of a mix.
    ///
    /// # Errors
    /// If the mix does not compile, or if a student's file in it is refused.
    pub fn image_of(&self, mix: &Mix, progress: &Progress) -> Result<Image> {
        if let Some((lab, refusal)) = self.refused(mix)?.into_iter().next() {
            return Err(Error::new(format!("the kernel was not built with the files of labs/{}", lab.id))
                .advise("this is what is wrong with them:")
                .output(refusal.text));
        }
        match self.build(mix, progress, &mut Vec::new())? {
            Built::Image(image) => Ok(image),
            Built::Broken(broken) => {
                let text = broken.text();
                Err(Error::new("the kernel does not compile").advise("this is what rustc said:").output(text))
            }
        }
    }
}
