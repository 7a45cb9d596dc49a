//! One kernel for some of the student's labs: which references it takes, and
//! whose fault it is if it does not compile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::compile::{Broken, Builder, Built, Foreign, Image, foreign_source};
use crate::error::{Error, Result};
use crate::grade::{Engine, Whose};
use crate::model::Mix;
use crate::progress::Progress;
use crate::workspace::Lab;

/// How long each build took, by the name of the mix.
pub type BuildTimes = Vec<(String, Duration)>;

/// What became of the kernel for some labs.
pub struct Kernel {
    /// The image, if there is one.
    pub image: Option<Image>,
    /// The labs that did not compile, with what rustc says.
    pub broken: BTreeMap<String, String>,
    /// Labs that take in somebody else's file, with what there is to say about it.
    pub tampered: BTreeMap<String, String>,
}

impl Kernel {
    /// Whether a lab's checks can be run on it.
    pub fn serves(&self, lab: &Lab) -> bool {
        self.image.is_some() && !self.broken.contains_key(&lab.id) && !self.tampered.contains_key(&lab.id)
    }

    /// What rustc warns about in a lab.
    pub fn warnings(&self, lab: &Lab) -> Option<String> {
        let (_, text) = self.image.as_ref()?.warnings.iter().find(|(folder, _)| same_folder(folder, &lab.folder))?;
        Some(text.clone())
    }
}

impl Engine {
    pub(crate) fn builder(&self) -> Builder<'_> {
        Builder { toolchain: &self.toolchain, root: &self.workspace.root, target_dir: &self.target_dir }
    }

    /// References for all labs but those, as far as there are any.
    pub fn mix(&self, student: &[&Lab]) -> Mix {
        let mut solutions: Vec<String> = self
            .workspace
            .labs
            .iter()
            .filter(|lab| lab.has_solution && !student.iter().any(|other| other.id == lab.id))
            .map(|lab| lab.toml.package.clone())
            .collect();
        solutions.sort();
        Mix { solutions }
    }

    /// A short name for a mix: the labs in it that are the student's.
    pub(crate) fn name(&self, mix: &Mix) -> String {
        let own: Vec<&str> = self
            .workspace
            .labs
            .iter()
            .map(|lab| lab.toml.package.as_str())
            .filter(|package| !mix.solutions.iter().any(|solution| solution == package))
            .collect();
        if own.is_empty() { "reference".to_owned() } else { own.join("+") }
    }

    /// Builds a mix, and nothing else.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn build(&self, mix: &Mix, progress: &Progress, times: &mut BuildTimes) -> Result<Built> {
        let name = self.name(mix);
        let builder = self.builder();
        builder.make_folder()?;
        if builder.is_first_time() {
            progress.note("Building the kernel's core library: once, about a minute …");
        }
        progress.start("Building the kernel");
        let start = Instant::now();
        let built = builder.build(mix, &name, progress)?;
        times.push((name, start.elapsed()));
        Ok(built)
    }

    /// Builds the kernel for some of the student's labs; those that do not compile are left out.
    pub(crate) fn kernel(
        &self,
        mix: &Mix,
        labs: &[&Lab],
        whose: Whose,
        progress: &Progress,
        times: &mut BuildTimes,
    ) -> Result<Kernel> {
        let mut mix = mix.clone();
        let mut kernel = Kernel { image: None, broken: BTreeMap::new(), tampered: BTreeMap::new() };
        loop {
            match self.build(&mix, progress, times)? {
                Built::Image(image) => {
                    if whose != Whose::Solution {
                        for lab in labs {
                            if !kernel.broken.contains_key(&lab.id) {
                                foreign(lab, &image, &mut kernel)?;
                            }
                        }
                    }
                    kernel.image = Some(image);
                    return Ok(kernel);
                }
                Built::Broken(broken) => {
                    let guilty = self.guilty(&mix, labs, &kernel, broken, progress, times)?;
                    let mut can_go_on = true;
                    for (lab, text) in guilty {
                        if lab.has_solution {
                            mix.solutions.push(lab.toml.package.clone());
                        } else {
                            can_go_on = false;
                        }
                        kernel.broken.insert(lab.id.clone(), text);
                    }
                    mix.solutions.sort();
                    let all_broken = labs.iter().all(|lab| kernel.broken.contains_key(&lab.id));
                    if all_broken {
                        return Ok(kernel);
                    }
                    if !can_go_on {
                        for lab in labs {
                            let because =
                                format!("`{}` shares a kernel with a lab that does not compile", lab.toml.package);
                            kernel.broken.entry(lab.id.clone()).or_insert(because);
                        }
                        return Ok(kernel);
                    }
                }
            }
        }
    }

    /// The student's labs whose fault it is that a kernel does not compile.
    fn guilty<'a>(
        &self,
        mix: &Mix,
        labs: &[&'a Lab],
        kernel: &Kernel,
        broken: Broken,
        progress: &Progress,
        times: &mut BuildTimes,
    ) -> Result<Vec<(&'a Lab, String)>> {
        let mut guilty = Vec::new();
        for lab in labs.iter().filter(|lab| !mix.solutions.contains(&lab.toml.package)) {
            if let Some((_, text)) = broken.errors.iter().find(|(folder, _)| same_folder(folder, &lab.folder)) {
                guilty.push((*lab, text.clone()));
            }
        }
        if !guilty.is_empty() {
            return Ok(guilty);
        }
        let text: String = broken.errors.into_values().collect();
        let error = || {
            Error::new("the course's own code does not compile")
                .advise("restore the files that are not yours to edit; this is what rustc said:")
                .output(text.clone())
        };
        // The kernel does not compile with this lab in it. If it does with the
        // reference in its place, then the lab does not keep to its interface.
        let suspects: Vec<&Lab> =
            labs.iter().copied().filter(|lab| !kernel.broken.contains_key(&lab.id) && lab.has_solution).collect();
        if suspects.is_empty() || suspects.iter().all(|lab| mix.solutions.contains(&lab.toml.package)) {
            return Err(error());
        }
        let mut replaced = mix.clone();
        replaced.solutions.extend(suspects.iter().map(|lab| lab.toml.package.clone()));
        replaced.solutions.sort();
        replaced.solutions.dedup();
        match self.build(&replaced, progress, times)? {
            Built::Image(_) => Ok(suspects.into_iter().map(|lab| (lab, text.clone())).collect()),
            Built::Broken(_) => Err(error()),
        }
    }
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Looks for files that a lab's code must not take in.
fn foreign(lab: &Lab, image: &Image, kernel: &mut Kernel) -> Result<()> {
    let files = lab.toml.files.join(", ");
    match foreign_source(lab, image)? {
        None => {}
        Some(Foreign::NotHandedIn(file)) => {
            let text = format!(
                "error: labs/{}/{} is not one of this lab's files\n  = note: only {files} will be handed in: \
                 move the code there\n",
                lab.id,
                file.display(),
            );
            kernel.broken.insert(lab.id.clone(), text);
        }
        Some(Foreign::Elsewhere(file)) => {
            let text = format!("takes in {}, which is not one of this lab's files ({files})", file.display());
            kernel.tampered.insert(lab.id.clone(), text);
        }
    }
    Ok(())
}
