//! The names that the C design of this kernel had. The documentation of the
//! labs' traits has them in brackets after the sentence that describes a
//! method, such as ``Hands out a free frame (`PMM_AllocatePhysicalPage`)``.
//!
//! A method with a raw pointer in its signature is a C function under its own
//! name, such as `kmalloc`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use syn::{Attribute, Expr, FnArg, Item, Lit, Meta, ReturnType, Signature, TraitItem, Type};

use crate::Problem;

/// The names of all methods in a folder of contracts.
#[derive(Default, Debug)]
pub struct CNames {
    methods: Vec<Method>,
}

/// A method that has names in C.
#[derive(Debug)]
struct Method {
    /// The name of its file, without the ending: `pmm`.
    file: String,
    /// Its name in Rust: `FrameAllocator::allocate`.
    name: String,
    /// Its names in C.
    in_c: Vec<String>,
    /// The first sentence of its documentation.
    what: String,
}

impl CNames {
    /// Parses the Rust files in `folder`.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no Rust.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        let unreadable = |error: std::io::Error| Problem::in_file(folder, format!("cannot be read: {error}"));
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "rs") {
                files.push(file);
            }
        }
        files.sort();
        let mut names = Self::default();
        for file in files {
            let text = fs::read_to_string(&file)
                .map_err(|error| Problem::in_file(&file, format!("cannot be read: {error}")))?;
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            names.add(&stem, &text).map_err(|error| Problem::in_file(&file, error.to_string()))?;
        }
        Ok(names)
    }

    fn add(&mut self, file: &str, text: &str) -> syn::Result<()> {
        for item in syn::parse_file(text)?.items {
            let Item::Trait(its) = item else { continue };
            for method in its.items {
                let TraitItem::Fn(method) = method else { continue };
                let documentation = documentation(&method.attrs);
                let (mut in_c, what) = without_names(first_sentence(&documentation));
                let own = method.sig.ident.to_string();
                if has_raw_pointer(&method.sig) {
                    in_c.insert(0, own.clone());
                }
                if !in_c.is_empty() {
                    let name = format!("{}::{own}", its.ident);
                    self.methods.push(Method { file: file.to_owned(), name, in_c, what });
                }
            }
        }
        Ok(())
    }

    /// The files whose methods have names in C, each once.
    pub fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self.methods.iter().map(|method| method.file.as_str()).collect();
        files.dedup();
        files
    }

    /// A table of the names in one file, as Markdown; `None` if it has none.
    pub fn table(&self, file: &str) -> Option<String> {
        let mut out = String::from("| In C | In Folio | What it does |\n|:---|:---|:---|\n");
        let methods: Vec<&Method> = self.methods.iter().filter(|method| method.file == file).collect();
        for Method { name, in_c, what, .. } in &methods {
            let in_c: Vec<String> = in_c.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(out, "| {} | `{name}` | {what} |", in_c.join(", "));
        }
        (!methods.is_empty()).then_some(out)
    }
}

/// The text of the comments before a method.
fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        if let Expr::Lit(literal) = &pair.value
            && let Lit::Str(line) = &literal.lit
            && pair.path.is_ident("doc")
        {
            text += line.value().trim();
            text.push('\n');
        }
    }
    text
}

/// The first sentence of a documentation, in one line.
fn first_sentence(documentation: &str) -> String {
    let paragraph = documentation.split("\n\n").next().unwrap_or_default().trim().replace('\n', " ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

/// The names in C that a sentence has in brackets, and the sentence without them and without links.
fn without_names(sentence: String) -> (Vec<String>, String) {
    let mut text = without_links(&sentence);
    let mut names = Vec::new();
    if let Some((before, rest)) = text.split_once(" (`")
        && let Some((inside, after)) = rest.split_once("`)")
        && inside.split("`, `").all(is_a_name)
    {
        names = inside.split("`, `").map(str::to_owned).collect();
        text = format!("{before}{after}");
    }
    (names, text)
}

/// Whether it is the name of a function, and not of an instruction such as `STAC`.
fn is_a_name(text: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.chars().all(is_allowed) && text.chars().any(|letter| letter.is_ascii_lowercase())
}

/// Links to Rust's items mean nothing in the book: ``[`kfree`](Self::kfree)`` becomes `` `kfree` ``.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((shown, after)) = link.split_once(']') else { break };
        out += before;
        out += shown;
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

fn has_raw_pointer(signature: &Signature) -> bool {
    let is_pointer = |it: &Type| matches!(it, Type::Ptr(_));
    let taken = signature.inputs.iter().any(|input| matches!(input, FnArg::Typed(input) if is_pointer(&input.ty)));
    taken || matches!(&signature.output, ReturnType::Type(_, output) if is_pointer(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> CNames {
        let mut names = CNames::default();
        names.add("pmm", text).unwrap();
        names
    }

    #[test]
    fn a_method_has_the_names_of_its_first_sentence() {
        let names = names(
            "pub trait FrameAllocator {
                /// Hands out a free frame, see
                /// [`free`](Self::free) (`PMM_Allocate`, `alloc`), or `None`. Not twice
                /// (`Other_Name`).
                fn allocate(&mut self) -> Option<Frame>;
                /// How many (of them all) there are.
                fn count(&self) -> u32;
                /// Opens the window (`STAC`).
                fn open(&mut self);
            }",
        );
        assert_eq!(names.files(), ["pmm"]);
        assert_eq!(
            names.table("pmm").unwrap(),
            "| In C | In Folio | What it does |\n|:---|:---|:---|\n\
             | `PMM_Allocate`, `alloc` | `FrameAllocator::allocate` | Hands out a free frame, see `free`, or `None`. |\n"
        );
        assert!(names.table("vmm").is_none());
    }

    #[test]
    fn a_method_with_a_raw_pointer_has_its_own_name() {
        let names = names(
            "trait Shared {
                /// A block.
                fn kmalloc(&self, bytes: u32) -> *mut u8;
                /// [`Shared`], back.
                fn kfree(&self, block: *mut u8) -> Result<(), Error>;
                fn with(&self);
            }",
        );
        let table = names.table("pmm").unwrap();
        assert!(table.contains("\n| `kmalloc` | `Shared::kmalloc` | A block. |\n"), "{table}");
        assert!(table.contains("\n| `kfree` | `Shared::kfree` | `Shared`, back. |\n"), "{table}");
        assert_eq!(table.lines().count(), 4, "{table}");
    }
}
