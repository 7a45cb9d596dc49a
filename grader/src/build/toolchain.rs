//! A compiler that can build the kernel: rustc with the source of its library,
//! the cargo that belongs to it, and a linker.

use std::collections::HashSet;
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::host::probe::{Probes, stamp_of};
use crate::host::process::answer;

use super::rustup;

/// A compiler that can build the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo of the same version.
    pub cargo: PathBuf,
    /// The linker, a flavour of LLD.
    pub linker: PathBuf,
    /// The compiler's name and version, such as `rustc 1.95.0`.
    pub version: String,
    /// Where its libraries are.
    pub sysroot: PathBuf,
}

/// A compiler that cannot build the kernel, and what it lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// The compiler.
    pub rustc: PathBuf,
    /// The compiler's name and version, such as `rustc 1.95.0`, if it tells.
    pub version: Option<String>,
    /// What it lacks.
    pub lack: Lack,
}

/// What a compiler lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lack {
    /// It cannot be run.
    DoesNotRun,
    /// It is older than the course needs.
    TooOld,
    /// The source of its library.
    LibrarySource,
    /// A cargo of the same version.
    Cargo,
    /// A linker.
    Linker,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoesNotRun => "does not run",
            Self::TooOld => "is older than 1.95",
            Self::LibrarySource => "lacks the source of its library (rust-src)",
            Self::Cargo => "lacks a cargo of the same version",
            Self::Linker => "lacks a linker (rust-lld or ld.lld)",
        })
    }
}

/// The oldest minor version of Rust 1 that builds the course.
const OLDEST_MINOR: u32 = 95;

/// The facts that a `rustc` tells about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RustcFacts {
    /// `1.95.0`.
    pub release: String,
    /// `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// Where its libraries are.
    pub sysroot: PathBuf,
}

/// Where to look for toolchains, and how to ask their programs. Tests use their own.
pub struct Surroundings<'a> {
    /// The compilers to try, in order.
    pub compilers: Vec<PathBuf>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// Asks a compiler about itself.
    pub ask_rustc: &'a dyn Fn(&Path) -> Option<RustcFacts>,
    /// Asks a cargo for its release.
    pub ask_cargo: &'a dyn Fn(&Path) -> Option<String>,
}

/// Finds a compiler that can build the kernel.
///
/// # Errors
/// Every compiler that was tried, with what it lacks; an empty list if no compiler was found.
pub fn find(probes: &Probes) -> Result<Toolchain, Vec<Unfit>> {
    let path: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let surroundings = Surroundings {
        compilers: compilers(&path),
        path,
        ask_rustc: &|rustc| ask_rustc(probes, rustc),
        ask_cargo: &|cargo| ask_cargo(probes, cargo),
    };
    choose(&surroundings)
}

/// The compilers to try: the one that the user names, the one of the cargo that runs
/// this program, the first on `PATH`, and the system's.
fn compilers(path: &[PathBuf]) -> Vec<PathBuf> {
    let named = env::var_os("RUSTC").map(PathBuf::from);
    let beside_cargo = env::var_os("CARGO").and_then(|cargo| Some(Path::new(&cargo).parent()?.join("rustc")));
    let first_on_path = path.iter().map(|folder| folder.join("rustc")).find(|rustc| rustc.is_file());
    let system = Some(PathBuf::from("/usr/bin/rustc"));
    [named, beside_cargo, first_on_path, system].into_iter().flatten().filter(|rustc| rustc.is_file()).collect()
}

/// The first compiler that has all it needs.
fn choose(surroundings: &Surroundings<'_>) -> Result<Toolchain, Vec<Unfit>> {
    let mut unfit: Vec<Unfit> = Vec::new();
    let mut seen = HashSet::new();
    for rustc in &surroundings.compilers {
        let facts = (surroundings.ask_rustc)(rustc);
        // A proxy and the compiler that it starts count as one compiler.
        let identity = facts.as_ref().map_or_else(|| rustc.clone(), |facts| facts.sysroot.join(&facts.release));
        if !seen.insert(identity) {
            continue;
        }
        match examine(rustc, facts.as_ref(), surroundings) {
            Ok(toolchain) => return Ok(toolchain),
            Err(lack) => unfit.push(Unfit {
                rustc: rustc.clone(),
                version: facts.map(|facts| format!("rustc {}", facts.release)),
                lack,
            }),
        }
    }
    Err(unfit)
}

fn examine(rustc: &Path, facts: Option<&RustcFacts>, surroundings: &Surroundings<'_>) -> Result<Toolchain, Lack> {
    let facts = facts.ok_or(Lack::DoesNotRun)?;
    let minor = facts.release.strip_prefix("1.").and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor < OLDEST_MINOR) {
        return Err(Lack::TooOld);
    }
    let own = |name: &str| Some(facts.sysroot.join("bin").join(name)).filter(|program| program.is_file());
    // The sysroot's own programs are what a proxy would start in the end.
    let rustc = own("rustc").unwrap_or_else(|| rustc.to_owned());
    if !facts.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file() {
        return Err(Lack::LibrarySource);
    }
    let beside = rustc.parent().map(|folder| folder.join("cargo")).filter(|cargo| cargo.is_file());
    let cargo = [own("cargo"), beside]
        .into_iter()
        .flatten()
        .find(|cargo| (surroundings.ask_cargo)(cargo).is_some_and(|release| same_minor(&release, &facts.release)))
        .ok_or(Lack::Cargo)?;
    let linker = linker(facts, &surroundings.path).ok_or(Lack::Linker)?;
    let version = format!("rustc {}", facts.release);
    Ok(Toolchain { rustc, cargo, linker, version, sysroot: facts.sysroot.clone() })
}

/// Whether two releases are of one version, patches and suffixes apart.
fn same_minor(a: &str, b: &str) -> bool {
    let minor = |release: &str| release.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    minor(a) == minor(b)
}

/// The toolchain's own linker, or else the best LLD on `PATH`.
fn linker(facts: &RustcFacts, path: &[PathBuf]) -> Option<PathBuf> {
    let bundled = facts.sysroot.join("lib/rustlib").join(&facts.host).join("bin");
    let own = ["rust-lld", "gcc-ld/ld.lld"].map(|name| bundled.join(name)).into_iter().find(|linker| linker.is_file());
    let named = |name: &str| path.iter().map(|folder| folder.join(name)).find(|linker| linker.is_file());
    // Debian's packages are named by their version, and the plain name may be missing.
    let versioned = || (14..=30).rev().find_map(|version| named(&format!("ld.lld-{version}")));
    own.or_else(|| named("ld.lld")).or_else(versioned)
}

fn ask_rustc(probes: &Probes, rustc: &Path) -> Option<RustcFacts> {
    let ask = || {
        let mut text = answer(rustc, &["-vV"])?;
        text.push_str("sysroot: ");
        text.push_str(&answer(rustc, &["--print", "sysroot"])?);
        Some(text)
    };
    let is_real = rustc.ancestors().nth(2).is_some_and(|sysroot| sysroot.join("lib/rustlib").is_dir());
    let text = match env::current_dir() {
        _ if is_real => probes.ask(rustc, "", ask),
        Ok(folder) if rustup::is_proxy(rustc) => {
            // The proxy answers for another program, which may change while it does not.
            let circumstances = rustup::circumstances(&folder);
            let stands_for = probes.ask_while(rustc, "stands for", &circumstances, || {
                Some(answer(rustc, &["--print", "sysroot"])?.trim().to_owned())
            })?;
            let real = Path::new(&stands_for).join("bin/rustc");
            probes.ask_while(rustc, "", &format!("{stands_for} {}", stamp_of(&real)?), ask)
        }
        _ => ask(),
    }?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(RustcFacts {
        release: field("release")?.to_owned(),
        host: field("host")?.to_owned(),
        sysroot: PathBuf::from(field("sysroot")?),
    })
}

fn ask_cargo(probes: &Probes, cargo: &Path) -> Option<String> {
    let text = probes.ask(cargo, "", || answer(cargo, &["-V"]))?;
    Some(text.split_ascii_whitespace().nth(1)?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder of compilers that are only empty files.
    struct Fake {
        root: tempfile::TempDir,
    }

    impl Fake {
        fn new() -> Self {
            Self { root: tempfile::tempdir().unwrap() }
        }

        fn file(&self, name: &str) -> PathBuf {
            let path = self.root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        }

        /// A complete toolchain in `name`, without those files whose names contain `without`.
        fn toolchain(&self, name: &str, without: &[&str]) -> PathBuf {
            for file in [
                "bin/rustc",
                "bin/cargo",
                "lib/rustlib/src/rust/library/core/src/lib.rs",
                "lib/rustlib/host/bin/rust-lld",
            ] {
                if !without.iter().any(|part| file.contains(part)) {
                    self.file(&format!("{name}/{file}"));
                }
            }
            self.root.path().join(name).join("bin/rustc")
        }

        fn choose(
            &self,
            compilers: &[&Path],
            release: &str,
            cargo: &str,
            path: &[&str],
        ) -> Result<Toolchain, Vec<Unfit>> {
            choose(&Surroundings {
                compilers: compilers.iter().map(|rustc| rustc.to_path_buf()).collect(),
                path: path.iter().map(|folder| self.root.path().join(folder)).collect(),
                ask_rustc: &|rustc| {
                    Some(RustcFacts {
                        release: release.to_owned(),
                        host: "host".to_owned(),
                        sysroot: rustc.parent()?.parent()?.to_owned(),
                    })
                },
                ask_cargo: &|_| Some(cargo.to_owned()),
            })
        }
    }

    #[test]
    fn the_first_complete_compiler_is_chosen() {
        let fake = Fake::new();
        let (bare, whole) = (fake.toolchain("rustup", &["src"]), fake.toolchain("usr", &[]));
        let chosen = fake.choose(&[&bare, &whole], "1.96.0", "1.96.0", &[]).unwrap();
        assert_eq!(chosen.rustc, whole);
        assert_eq!(chosen.linker, fake.root.path().join("usr/lib/rustlib/host/bin/rust-lld"));
        assert_eq!(chosen.version, "rustc 1.96.0");
    }

    #[test]
    fn what_is_missing_is_named() {
        let fake = Fake::new();
        for (without, lack) in [("src", Lack::LibrarySource), ("cargo", Lack::Cargo), ("lld", Lack::Linker)] {
            let rustc = fake.toolchain(without, &[without]);
            let unfit = fake.choose(&[&rustc], "1.95.0", "1.95.1", &[]).unwrap_err();
            assert_eq!(unfit[0].lack, lack);
        }
        let rustc = fake.toolchain("old", &[]);
        assert_eq!(fake.choose(&[&rustc], "1.63.0", "1.63.0", &[]).unwrap_err()[0].lack, Lack::TooOld);
    }

    #[test]
    fn a_cargo_of_another_version_is_not_taken() {
        let fake = Fake::new();
        let rustc = fake.toolchain("usr", &[]);
        assert_eq!(fake.choose(&[&rustc], "1.96.0", "1.65.0", &[]).unwrap_err()[0].lack, Lack::Cargo);
        assert!(fake.choose(&[&rustc], "1.96.0", "1.96.0-nightly", &[]).is_ok());
    }

    #[test]
    fn the_system_s_linker_is_taken_where_the_compiler_has_none() {
        let fake = Fake::new();
        let rustc = fake.toolchain("usr", &["lld"]);
        let numbered = fake.file("bin/ld.lld-14");
        assert_eq!(fake.choose(&[&rustc], "1.96.0", "1.96.0", &["bin"]).unwrap().linker, numbered);
        let newer = fake.file("bin/ld.lld-19");
        assert_eq!(fake.choose(&[&rustc], "1.96.0", "1.96.0", &["bin"]).unwrap().linker, newer);
        let plain = fake.file("bin/ld.lld");
        assert_eq!(fake.choose(&[&rustc], "1.96.0", "1.96.0", &["bin"]).unwrap().linker, plain);
    }

    #[test]
    fn without_any_compiler_there_is_nothing_to_complain_about() {
        assert_eq!(Fake::new().choose(&[], "", "", &[]), Err(vec![]));
    }
}
