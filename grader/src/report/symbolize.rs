//! From addresses in the kernel to functions and source lines, by the image's line tables.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use gimli::{EndianRcSlice, RunTimeEndian};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

type Reader = EndianRcSlice<RunTimeEndian>;

/// The largest file that is read, in bytes. No kernel image is that large.
const LARGEST_IMAGE: u64 = 256 << 20;

/// At most so many inlined calls at one address are shown.
const MOST_INLINED: usize = 64;

/// One call: an address has several if calls were inlined there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The address in the kernel.
    pub address: u32,
    /// Whether the call to this function was inlined into the next frame's.
    pub inlined: bool,
    /// The function, shortened to what a reader needs: `Pmm::allocate`.
    pub function: Option<String>,
    /// The source file, relative to the workspace if it lies there, and the line from 1.
    pub source: Option<(String, u32)>,
}

impl Frame {
    /// Whether the function is a closure.
    pub fn is_closure(&self) -> bool {
        self.function.as_ref().is_some_and(|function| function.contains("{closure"))
    }

    /// Whether the source is in a lab's folder.
    pub fn is_in_lab(&self) -> bool {
        self.source.as_ref().is_some_and(|(file, _)| is_in_lab(file))
    }

    /// Whether the source is in the course, and not in a library.
    pub fn is_in_course(&self) -> bool {
        self.source.as_ref().is_some_and(|(file, _)| Path::new(file).is_relative())
    }

    /// Whether the source is one of the kernel's files with checks. The files that run checks
    /// do not count: they are among the callers of every check, so they tell nothing.
    pub fn is_in_check(&self) -> bool {
        const RUNS_CHECKS: [&str; 4] = ["check.rs", "lib.rs", "memory.rs", "memory/judged.rs"];

        let file = self.source.as_ref().and_then(|(file, _)| file.strip_prefix("kernel/checks/src/"));
        file.is_some_and(|file| !RUNS_CHECKS.contains(&file))
    }
}

/// Whether a file, relative to the workspace, is in a lab's folder.
pub fn is_in_lab(file: &str) -> bool {
    file.starts_with("labs/")
}

/// The kernel images of a run, each read when it is first asked about, once.
pub struct Images {
    root: PathBuf,
    open: RefCell<HashMap<PathBuf, Rc<Option<Image>>>>,
}

impl Images {
    /// No image yet. `root` is the workspace that they were built from.
    pub fn new(root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Self { root, open: RefCell::default() }
    }

    /// The first of a lab's functions that were inlined into the function around an address.
    /// Its line is where its code begins.
    pub fn inlined_lab_function(&self, image: &Path, address: u32) -> Option<Frame> {
        let image = self.open(image);
        let mut frame = image.as_ref().as_ref()?.inlined_function(address, |frame| {
            frame.source.as_ref().is_some_and(|(file, _)| is_in_lab(&relative(file, &self.root)))
        })?;
        if let Some((file, _)) = &mut frame.source {
            *file = relative(file, &self.root);
        }
        Some(frame)
    }

    fn open(&self, image: &Path) -> Rc<Option<Image>> {
        self.open.borrow_mut().entry(image.to_owned()).or_insert_with(|| Rc::new(Image::open(image))).clone()
    }

    /// The calls that `backtrace` shows, innermost first, inlined ones expanded.
    ///
    /// An image without line tables, or none at all, gives frames of bare addresses.
    pub fn frames(&self, image: &Path, backtrace: &[u32]) -> Vec<Frame> {
        let image = self.open(image);
        let mut frames = Vec::new();
        for (depth, &address) in backtrace.iter().enumerate() {
            // A return address is that of the instruction after the call, which
            // may belong to another line or even another function.
            let probe = if depth == 0 { address } else { address.wrapping_sub(1) };
            let found = image.as_ref().as_ref().map(|image| image.lookup(address, probe)).unwrap_or_default();
            if found.is_empty() {
                frames.push(Frame { address, inlined: false, function: None, source: None });
            }
            frames.extend(found);
        }
        for frame in &mut frames {
            if let Some((file, _)) = &mut frame.source {
                *file = relative(file, &self.root);
            }
        }
        frames
    }
}

/// `file` relative to `root` if it is in there, without `.` and `..` in between.
pub fn relative(file: &str, root: &Path) -> String {
    let mut clean = PathBuf::new();
    for component in Path::new(file).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    let within = clean.strip_prefix(root).ok().or_else(|| in_another_copy(&clean, root));
    within.unwrap_or(&clean).to_string_lossy().into_owned()
}

/// The part of a path that names a file of the course, if it was compiled in another place of the course or in a
/// copy: cargo does not build again what it has built there.
fn in_another_copy<'a>(file: &'a Path, root: &Path) -> Option<&'a Path> {
    let folders = file.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    let mut within = folders.filter_map(|folder| file.strip_prefix(folder).ok());
    within.find(|part| ["kernel", "labs"].iter().any(|top| part.starts_with(top)) && root.join(part).is_file())
}

/// One kernel image's line tables and symbols.
struct Image {
    lines: Option<addr2line::Context<Reader>>,
    /// Functions by start address, for addresses that the line tables do not know.
    functions: Vec<(u32, u32, String)>,
}

impl Image {
    /// Reads an image. `None` if the file cannot be used.
    fn open(path: &Path) -> Option<Self> {
        if fs::metadata(path).ok()?.len() > LARGEST_IMAGE {
            return None;
        }
        let bytes = fs::read(path).ok()?;
        let file = object::File::parse(bytes.as_slice()).ok()?;
        let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let section = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
            let data = file
                .section_by_name(id.name())
                .and_then(|section| section.uncompressed_data().ok())
                .unwrap_or_default();
            Ok(EndianRcSlice::new(Rc::from(data.as_ref()), endian))
        };
        let lines = gimli::Dwarf::load(section).and_then(addr2line::Context::from_dwarf).ok();
        let functions = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .filter_map(|symbol| {
                let start = u32::try_from(symbol.address()).ok()?;
                let size = u32::try_from(symbol.size()).ok()?;
                Some((start, start.saturating_add(size.max(1)), symbol.name().ok()?.to_owned()))
            })
            .collect();
        Some(Self { lines, functions })
    }

    /// The calls at `probe`, innermost first, none if nothing is known.
    fn lookup(&self, address: u32, probe: u32) -> Vec<Frame> {
        let mut found = Vec::new();
        if let Some(lines) = &self.lines
            && let Ok(mut frames) = lines.find_frames(u64::from(probe)).skip_all_loads()
        {
            while found.len() < MOST_INLINED
                && let Ok(Some(frame)) = frames.next()
            {
                let function =
                    frame.function.as_ref().and_then(|function| function.raw_name().ok().map(|name| short_name(&name)));
                let source = frame
                    .location
                    .and_then(|location| Some((location.file?.to_owned(), location.line?)))
                    .filter(|(_, line)| *line > 0);
                found.push(Frame { address, inlined: true, function, source });
            }
        }
        if let Some(last) = found.last_mut() {
            last.inlined = false;
            // Line tables name only the function, a symbol also its type or module.
            last.function = self.symbol(probe).or(last.function.take());
        } else if let Some(function) = self.symbol(probe) {
            found.push(Frame { address, inlined: false, function: Some(function), source: None });
        }
        found
    }

    /// Of the calls that were inlined into the function around an address, the outermost wanted call at the
    /// first address that has one.
    fn inlined_function(&self, address: u32, is_wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        /// No function is as long as this, in bytes.
        const LONGEST: u32 = 64 << 10;

        let (start, end, _) = self.functions.iter().find(|(start, end, _)| (*start..*end).contains(&address))?;
        let addresses = *start..(*end).min(start.saturating_add(LONGEST));
        addresses.into_iter().find_map(|at| self.lookup(at, at).into_iter().rfind(&is_wanted))
    }

    /// The function that `probe` is in, by the image's symbols.
    fn symbol(&self, probe: u32) -> Option<String> {
        self.functions
            .iter()
            .filter(|(start, end, _)| (*start..*end).contains(&probe))
            .max_by_key(|(start, ..)| *start)
            .map(|(.., name)| short_name(name))
    }
}

/// A function's name as a reader needs it: `<pmm::bitmap::Pmm as
/// mm_api::FrameAllocator>::allocate` is `Pmm::allocate`, and
/// `kernel::checks::pmm::never_twice` is `pmm::never_twice`.
fn short_name(raw: &str) -> String {
    let name = without_generics(&format!("{:#}", rustc_demangle::demangle(raw)));
    // `<Type as Trait>::method` and `<Type>::method`.
    if let Some((inner, rest)) = bracketed(&name) {
        let ty = split_as(inner);
        return format!("{}{}", last_segments(ty, 1), rest);
    }
    last_segments(&name, 2)
}

/// A path without the types that its generic functions were made for:
/// `f::<u32>` and `f<u32>` are `f`.
fn without_generics(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = generics_in(rest) {
        out.push_str(rest[..at].trim_end_matches("::"));
        match bracketed(&rest[at..]) {
            Some((_, after)) => rest = after,
            None => {
                rest = &rest[at..];
                break;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The place of the first `<` that follows a name, `::` or a closure's number.
fn generics_in(path: &str) -> Option<usize> {
    let follows = |at: usize| path[..at].ends_with(|c: char| c.is_alphanumeric() || "_:}".contains(c));
    path.match_indices('<').map(|(at, _)| at).find(|at| follows(*at))
}

/// `<inner>rest`, the brackets matched.
fn bracketed(name: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    if !name.starts_with('<') {
        return None;
    }
    for (at, c) in name.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((&name[1..at], &name[at + 1..]));
                }
            }
            _ => {}
        }
    }
    None
}

/// The part before the outermost ` as ` of `Type as Trait`.
fn split_as(inner: &str) -> &str {
    let mut depth = 0_i32;
    for (at, c) in inner.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            ' ' if depth == 0 && inner[at..].starts_with(" as ") => return &inner[..at],
            _ => {}
        }
    }
    inner
}

/// The last `count` parts of a path. Closures count as part of their function.
fn last_segments(path: &str, count: usize) -> String {
    let mut starts = vec![0];
    let mut depth = 0_i32;
    for (at, c) in path.char_indices() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' | ')' | ']' | '}' => depth -= 1,
            ':' if depth == 0 && path[at..].starts_with("::") && !path[at + 2..].starts_with('{') => {
                starts.push(at + 2);
            }
            _ => {}
        }
    }
    let first = starts[starts.len().saturating_sub(count)];
    path[first..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_a_reader_wants_them() {
        assert_eq!(short_name("<pmm::bitmap::Pmm as mm_api::pmm::FrameAllocator>::allocate"), "Pmm::allocate");
        assert_eq!(short_name("kernel::checks::pmm::never_twice"), "pmm::never_twice");
        assert_eq!(short_name("kernel::checks::pmm::all::{{closure}}"), "pmm::all::{{closure}}");
        assert_eq!(short_name("kernel::reach::with_frame::<u32, a::b::{closure#0}>"), "reach::with_frame");
        assert_eq!(short_name("<a::Set>::change::<<a::Set>::all::{closure#0}>"), "Set::change");
        assert_eq!(short_name("{closure#0}<*mut u8, a::Set::{closure_env#0}>"), "{closure#0}");
        assert_eq!(short_name("ends<fn()>"), "ends");
        assert_eq!(short_name("a::b::<"), "a::b<");
        assert_eq!(short_name("allocate"), "allocate");
        assert_eq!(short_name("<<a::B as c::D>::E as f::G>::h"), "E::h");
        assert_eq!(short_name("<"), "<");
        assert_eq!(short_name(""), "");
        assert_eq!(short_name("_ZN3pmm6bitmap3Pmm4take17h0123456789abcdefE"), "Pmm::take");
    }

    #[test]
    fn files_are_named_relative_to_the_workspace() {
        let root = Path::new("/home/me/folio");
        let file = "/home/me/folio/labs/01-pmm/src/../solution/bitmap.rs";
        assert_eq!(relative(file, root), "labs/01-pmm/solution/bitmap.rs");
        assert_eq!(relative("./labs/x.rs", root), "labs/x.rs");
        assert_eq!(relative("/rustc/abc/library/core/src/x.rs", root), "/rustc/abc/library/core/src/x.rs");
        assert_eq!(relative("../../x.rs", root), "../../x.rs");
        let course = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(relative("/elsewhere/kernel/core/src/lib.rs", course), "kernel/core/src/lib.rs");
        assert_eq!(relative("/elsewhere/kernel/core/src/no.rs", course), "/elsewhere/kernel/core/src/no.rs");
    }

    #[test]
    fn an_image_that_is_missing_or_broken_gives_bare_addresses() {
        let images = Images::new(Path::new("."));
        let bare = vec![Frame { address: 0xC010_0000, inlined: false, function: None, source: None }];
        assert_eq!(images.frames(Path::new("no/such/file"), &[0xC010_0000]), bare);
        let mut broken = tempfile::NamedTempFile::new().unwrap();
        for bytes in [&b""[..], b"\x7fELF", b"\x7fELF\x01\x01\x01 and then nonsense that is no header at all ......."] {
            std::io::Write::write_all(&mut broken, bytes).unwrap();
            let images = Images::new(Path::new("."));
            assert_eq!(images.frames(broken.path(), &[0xC010_0000]), bare);
        }
    }

    /// This very test program has line tables: it finds itself.
    #[test]
    fn a_real_image_names_its_functions() {
        let program = std::env::current_exe().unwrap();
        if let Some(image) = Image::open(&program) {
            for (start, _, name) in image.functions.iter().take(200) {
                assert!(image.symbol(*start).is_some(), "{name}");
            }
        }
    }
}
