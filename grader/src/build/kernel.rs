//! One kernel for some of the student's labs: which references it takes, and
//! which lab is at fault if it does not compile.

use std::collections::BTreeMap;
use std::path::Path;

use crate::course::mix::Mix;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;

use super::cargo::{Built, Image, cargo_failed};
use super::compiler::{FOR_COURSE, FOR_LAB};
use super::fenced::Refusal;
use super::foreign::{Foreign, foreign_source};
use super::messages::Broken;
use super::site::{BuildTimes, Site};
use super::stopped::{Reason, Stopped};

/// The result of building a kernel for some labs.
#[derive(Default)]
pub struct Kernel {
    /// The image, if there is one.
    pub image: Option<Image>,
    /// The labs that did not compile, each with rustc's errors.
    pub broken: BTreeMap<String, String>,
    /// The labs that were refused before the build or stopped during it, each with a sentence that says
    /// why.
    pub refused: BTreeMap<String, String>,
    /// The labs that may be correct but cannot be graded, each with the files of the lab that did not compile and has
    /// no reference.
    pub blocked: BTreeMap<String, Vec<String>>,
    /// The labs that include a foreign file, each with a sentence that names it.
    pub tampered: BTreeMap<String, String>,
}

/// A lab that is at fault if a kernel cannot be built.
struct Guilty<'a> {
    lab: &'a Lab,
    /// The errors of rustc, or of the grader.
    text: String,
    /// The grader's error in a sentence; `None` if the errors are rustc's.
    sentence: Option<String>,
}

impl Kernel {
    /// Whether a lab's checks can be run on it.
    pub fn serves(&self, lab: &Lab) -> bool {
        self.image.is_some() && !self.broken.contains_key(&lab.id) && !self.tampered.contains_key(&lab.id)
    }

    /// Notes labs that cannot be built. The others can still be graded, with references in the place of the noted labs:
    /// returns that mix.
    fn leave_out(&mut self, mix: &Mix, labs: &[&Lab], guilty: &[Guilty<'_>]) -> Mix {
        for Guilty { lab, text, sentence } in guilty {
            self.broken.insert(lab.id.clone(), text.clone());
            self.refused.extend(sentence.as_ref().map(|sentence| (lab.id.clone(), sentence.clone())));
        }
        if let Some(Guilty { lab: blocking, text, .. }) = guilty.iter().find(|guilty| !guilty.lab.has_reference()) {
            for lab in labs {
                if !self.broken.contains_key(&lab.id) {
                    self.broken.insert(lab.id.clone(), blocked(blocking, text));
                    self.blocked.insert(lab.id.clone(), blocking.files());
                }
            }
        }
        with(mix, &guilty.iter().map(|guilty| guilty.lab).collect::<Vec<_>>())
    }

    /// The warnings of rustc about a lab.
    pub fn warnings(&self, lab: &Lab) -> Option<String> {
        let (_, text) = self.image.as_ref()?.warnings.iter().find(|(folder, _)| same_folder(folder, &lab.folder))?;
        Some(text.clone())
    }
}

impl Site {
    /// Builds the kernel for some of the student's labs; those that do not compile are left out.
    pub fn kernel(&self, mix: &Mix, labs: &[&Lab], progress: &Progress, times: &mut BuildTimes) -> Result<Kernel> {
        let mut kernel = Kernel::default();
        let mut guilty = Vec::new();
        for (lab, Refusal { text, sentence }) in self.refused(mix)? {
            guilty.push(Guilty { lab, text, sentence });
        }
        let mut mix = kernel.leave_out(mix, labs, &guilty);
        while !labs.iter().all(|lab| kernel.broken.contains_key(&lab.id)) {
            match self.build(&mix, progress, times)? {
                Built::Image(image) => {
                    for lab in labs {
                        // References are the course's own.
                        if !mix.solutions.contains(&lab.toml.package) && !kernel.broken.contains_key(&lab.id) {
                            foreign(lab, &image, &mut kernel)?;
                        }
                    }
                    kernel.image = Some(image);
                    return Ok(kernel);
                }
                Built::Broken(broken) => {
                    let guilty = self.guilty(&mix, labs, &kernel, broken, progress, times)?;
                    mix = kernel.leave_out(&mix, labs, &guilty);
                }
            }
        }
        Ok(kernel)
    }

    /// Builds the kernel with references only, where these labs' references have been replaced by
    /// variants. If it does not compile, these labs are at fault.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn kernel_of_variants(
        &self,
        mix: &Mix,
        labs: &[&Lab],
        progress: &Progress,
        times: &mut BuildTimes,
    ) -> Result<Kernel> {
        let (image, broken) = match self.build(mix, progress, times)? {
            Built::Image(image) => (Some(image), BTreeMap::new()),
            Built::Broken(broken) => {
                let text = broken.text();
                (None, labs.iter().map(|lab| (lab.id.clone(), text.clone())).collect())
            }
        };
        Ok(Kernel { image, broken, ..Kernel::default() })
    }

    /// The student's labs that are at fault if a kernel does not compile: at least one.
    fn guilty<'a>(
        &'a self,
        mix: &Mix,
        labs: &[&'a Lab],
        kernel: &Kernel,
        broken: Broken,
        progress: &Progress,
        times: &mut BuildTimes,
    ) -> Result<Vec<Guilty<'a>>> {
        let is_student_s = |lab: &&Lab| !mix.solutions.contains(&lab.toml.package);
        let guilty: Vec<Guilty<'a>> =
            self.workspace.labs.iter().filter(is_student_s).filter_map(|lab| accused(lab, &broken)).collect();
        if !guilty.is_empty() {
            return Ok(guilty);
        }
        // The error is elsewhere. If it goes away with the reference in the
        // place of a lab, then that lab does not keep to its interface.
        let is_about_code = broken.is_about_code();
        let text = broken.text();
        let suspects: Vec<&Lab> = labs
            .iter()
            .copied()
            .filter(is_student_s)
            .filter(|lab| !kernel.broken.contains_key(&lab.id) && lab.has_reference())
            .collect();
        let each = suspects.iter().map(|lab| vec![*lab]);
        let together = (suspects.len() > 1).then(|| suspects.clone());
        for replaced in each.chain(together) {
            if let Built::Image(_) = self.build(&with(mix, &replaced), progress, times)? {
                return Ok(all_guilty(&replaced, &text));
            }
        }
        if !is_about_code {
            return Err(cargo_failed(&text));
        }
        // A lab without a reference here cannot be told from the course's own code.
        let unknown: Vec<&Lab> =
            self.workspace.labs.iter().filter(is_student_s).filter(|lab| !lab.has_reference()).collect();
        if unknown.is_empty() {
            return Err(Error::new("the course's own code does not compile")
                .advise("restore the files that are not yours to edit; this is what rustc said:")
                .output(text));
        }
        Ok(all_guilty(&unknown, &text))
    }
}

/// These labs, all guilty with the same text.
fn all_guilty<'a>(labs: &[&'a Lab], text: &str) -> Vec<Guilty<'a>> {
    let sentence = Reason::in_text(text).map(|reason| reason.sentence(FOR_COURSE));
    labs.iter().map(|lab| Guilty { lab, text: text.to_owned(), sentence: sentence.clone() }).collect()
}

/// The lab, if the errors of a build are about it.
fn accused<'a>(lab: &'a Lab, broken: &Broken) -> Option<Guilty<'a>> {
    if let Some(Stopped { reason, .. }) = broken.stopped.iter().find(|stopped| stopped.package == lab.toml.package) {
        let sentence = reason.sentence(FOR_LAB);
        return Some(Guilty { lab, text: format!("error: {sentence}\n"), sentence: Some(sentence) });
    }
    let (_, text) = broken.errors.iter().find(|(folder, _)| same_folder(folder, &lab.folder))?;
    Some(Guilty { lab, text: text.clone(), sentence: None })
}

/// The mix with the references of some more labs.
fn with(mix: &Mix, labs: &[&Lab]) -> Mix {
    let mut solutions = mix.solutions.clone();
    solutions.extend(labs.iter().map(|lab| lab.toml.package.clone()));
    solutions.sort();
    solutions.dedup();
    Mix { solutions, symbols: mix.symbols }
}

/// Why a lab that may be fine cannot be graded.
fn blocked(blocking: &Lab, text: &str) -> String {
    format!(
        "error: labs/{} does not build, and without a reference for it there is no kernel to run this lab in\n  \
         = note: correct it first, or put back the file that you were given\n\n{text}",
        blocking.id,
    )
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Notes a lab that includes a foreign file.
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
