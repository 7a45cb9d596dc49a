//! Finding the tokens that are not allowed.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use super::{Breach, Code, Forbidden};

/// The tokens between two delimiters, and the construct that they belong to.
struct Stretch {
    tokens: TokenStream,
    inside: Inside,
    /// How many delimiters are around them.
    depth: usize,
}

/// At most so many delimiters may enclose a token: far more than a person writes, and rustc survives them.
const DEEPEST: usize = 200;

/// The constructs that tokens belong to.
#[derive(Clone, Copy, Default)]
struct Inside {
    /// A macro's definition or call.
    a_macro: bool,
    /// An attribute.
    an_attribute: bool,
}

/// The places that are not allowed, in the order of the text, which began with a byte order mark of `mark` bytes.
pub fn breaches(tokens: TokenStream, code: Code, mark: usize) -> Vec<Breach> {
    let mut found = Vec::new();
    // No recursion: a file may be nested more deeply than this program's stack.
    let mut stretches = vec![Stretch { tokens, inside: Inside::default(), depth: 0 }];
    while let Some(Stretch { tokens, inside, depth }) = stretches.pop() {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    if depth == DEEPEST {
                        let (what, token) = (Forbidden::Nesting, opening(group).to_owned());
                        found.push(Breach { what, token, at: mark + group.span_open().byte_range().start });
                    }
                    let inside = entering(group, &tokens[..at], inside);
                    stretches.push(Stretch { tokens: group.stream(), inside, depth: depth + 1 });
                }
                TokenTree::Ident(word) if is_prefix(word, tokens.get(at + 1)) => {
                    let at = mark + word.span().byte_range().start;
                    found.push(Breach { what: Forbidden::Broken, token: format!("{word}#"), at });
                }
                TokenTree::Ident(word) => {
                    if let Some(what) = forbidden(word, &tokens[at + 1..], inside, code) {
                        let at = mark + word.span().byte_range().start;
                        found.push(Breach { what, token: word.to_string(), at });
                    }
                }
                TokenTree::Literal(literal) => {
                    let token = literal.to_string();
                    if token.starts_with(|c: char| c.is_ascii_digit()) && !token.is_ascii() {
                        let at = mark + literal.span().byte_range().start;
                        found.push(Breach { what: Forbidden::Broken, token, at });
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
    found.sort_by_key(|breach| breach.at);
    found
}

/// Whether one of a crate's own attributes is `#![forbid(unsafe_code)]`.
pub fn forbids_unsafe(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.windows(3).any(|window| match window {
        [hash, bang, TokenTree::Group(attribute)] if is_sign(hash, '#') && is_sign(bang, '!') => {
            let mut inner = attribute.stream().into_iter();
            let is_forbid = inner.next().is_some_and(|name| is_word(&name, "forbid"));
            is_forbid
                && inner.next().is_some_and(|lints| match lints {
                    TokenTree::Group(lints) => lints.stream().into_iter().any(|lint| is_word(&lint, "unsafe_code")),
                    _ => false,
                })
        }
        _ => false,
    })
}

/// Whether a `#` follows at once: such prefixes are reserved, so for rustc `k#r#mod` is `k#r`, `#` and `mod`.
fn is_prefix(word: &Ident, next: Option<&TokenTree>) -> bool {
    next.is_some_and(|next| is_sign(next, '#') && next.span().byte_range().start == word.span().byte_range().end)
}

/// The opening delimiter of a group.
fn opening(group: &Group) -> &'static str {
    match group.delimiter() {
        Delimiter::Parenthesis => "(",
        Delimiter::Brace => "{",
        Delimiter::Bracket => "[",
        Delimiter::None => "",
    }
}

/// The constructs that the tokens of a group belong to, by the tokens before it.
fn entering(group: &Group, before: &[TokenTree], around: Inside) -> Inside {
    let (last, last_but_one) = (before.last(), before.len().checked_sub(2).map(|at| &before[at]));
    let is = |token: Option<&TokenTree>, sign| token.is_some_and(|token| is_sign(token, sign));
    let begins_attribute = is(last, '#') || is(last, '!') && is(last_but_one, '#');
    // `name!(…)`, and `macro_rules! name { … }`.
    let begins_macro = is(last, '!') || is(last_but_one, '!') && matches!(last, Some(TokenTree::Ident(_)));
    Inside {
        a_macro: around.a_macro || begins_macro && !begins_attribute,
        an_attribute: around.an_attribute || begins_attribute && group.delimiter() == Delimiter::Bracket,
    }
}

/// Whether a word is not allowed, by the tokens after it.
fn forbidden(word: &Ident, after: &[TokenTree], inside: Inside, code: Code) -> Option<Forbidden> {
    let written = word.to_string();
    let what = match written.as_str() {
        // A raw identifier, such as `r#unsafe`, is no keyword.
        "unsafe" => (code == Code::Safe).then_some(Forbidden::Unsafe),
        "mod" => (inside.a_macro || !is_module_in_place(after)).then_some(Forbidden::Module),
        "extern" if is_block(after) => Some(Forbidden::ExternBlock),
        "extern" => (inside.a_macro || !is_abi(after)).then_some(Forbidden::ExternCrate),
        _ => None,
    };
    // But `r#include!` is `include!`.
    what.or_else(|| match written.strip_prefix("r#").unwrap_or(&written) {
        "include" | "include_str" | "include_bytes" => Some(Forbidden::File),
        "env" | "option_env" => Some(Forbidden::Environment),
        "asm" | "global_asm" | "naked_asm" => Some(Forbidden::Assembly),
        "no_mangle" | "export_name" => Some(Forbidden::Symbol),
        "link_section" => Some(Forbidden::Section),
        "measured_beside" => Some(Forbidden::Beside),
        "path" => {
            (inside.an_attribute && after.first().is_some_and(|next| is_sign(next, '='))).then_some(Forbidden::Path)
        }
        "link" => {
            (inside.an_attribute && matches!(after.first(), Some(TokenTree::Group(_)))).then_some(Forbidden::Link)
        }
        _ => None,
    })
}

/// Whether `name { … }` follows on `mod`.
fn is_module_in_place(after: &[TokenTree]) -> bool {
    matches!(after, [TokenTree::Ident(_), TokenTree::Group(body), ..] if body.delimiter() == Delimiter::Brace)
}

/// Whether a block follows on `extern`, with an ABI or without.
fn is_block(after: &[TokenTree]) -> bool {
    matches!(after, [TokenTree::Group(_), ..] | [TokenTree::Literal(_), TokenTree::Group(_), ..])
}

/// Whether `"C" fn` or `fn` follows on `extern`.
fn is_abi(after: &[TokenTree]) -> bool {
    match after {
        [TokenTree::Literal(_), next, ..] | [next, ..] => is_word(next, "fn"),
        [] => false,
    }
}

pub fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

pub fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, place, read};
    use super::*;

    fn found(text: &str, code: Code) -> Vec<(Forbidden, String)> {
        match read(text, code) {
            Reading::Tokens(breaches) => breaches.into_iter().map(|breach| (breach.what, breach.token)).collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn unsafe_is_seen_wherever_it_stands() {
        for text in [
            "fn f() { unsafe { g() } }",
            "unsafe fn f() {}",
            "#[unsafe(naked)] extern \"C\" fn f() {}",
            "#[cfg_attr(all(), unsafe(naked))] fn f() {}",
            "macro_rules! m { ($e:expr) => { unsafe { $e } }; }",
            "m!(unsafe);",
            "m! { #[unsafe(naked)] }",
            "unsafe impl Send for X {}",
            "unsafe extern \"C\" fn f() {}",
        ] {
            assert_eq!(found(text, Code::Safe), [(Forbidden::Unsafe, "unsafe".to_owned())], "{text}");
            assert_eq!(found(text, Code::Unsafe), [], "{text}");
        }
    }

    #[test]
    fn words_that_take_in_what_is_not_the_student_s_are_refused_in_every_lab() {
        for (text, what, tokens) in [
            ("include!(\"x\");", Forbidden::File, vec!["include"]),
            ("r#include!(\"x\");", Forbidden::File, vec!["r#include"]),
            ("const X: &str = include_str!(\"/etc/passwd\");", Forbidden::File, vec!["include_str"]),
            ("#![doc = include_str!(\"x\")]", Forbidden::File, vec!["include_str"]),
            ("use core::include_bytes as x;", Forbidden::File, vec!["include_bytes"]),
            ("use core::{include as a, include_str as b};", Forbidden::File, vec!["include", "include_str"]),
            ("m!(include_str);", Forbidden::File, vec!["include_str"]),
            ("macro_rules! m { () => { compile_error!(include_str!(\"x\")) } }", Forbidden::File, vec!["include_str"]),
            ("compile_error!(env!(\"HOME\"));", Forbidden::Environment, vec!["env"]),
            ("core::option_env!(\"HOME\");", Forbidden::Environment, vec!["option_env"]),
            ("core::arch::global_asm!(\".incbin \\\"x\\\"\");", Forbidden::Assembly, vec!["global_asm"]),
            ("use core::arch::asm as x;", Forbidden::Assembly, vec!["asm"]),
            ("#[path = \"x\"] mod x {}", Forbidden::Path, vec!["path"]),
            ("#![path = \"x\"]", Forbidden::Path, vec!["path"]),
            ("#[cfg_attr(all(), cfg_attr(all(), path = \"x\"))] mod x {}", Forbidden::Path, vec!["path"]),
            ("m!(#[path = \"x\"]);", Forbidden::Path, vec!["path"]),
            ("#[link(name = \"x\")] fn f() {}", Forbidden::Link, vec!["link"]),
            ("#[r#link(name = \"x\")] fn f() {}", Forbidden::Link, vec!["r#link"]),
            ("#[cfg_attr(all(), link(name = \"x\"))] fn f() {}", Forbidden::Link, vec!["link"]),
            ("#[no_mangle] extern \"C\" fn memcmp() {}", Forbidden::Symbol, vec!["no_mangle"]),
            ("#[cfg_attr(all(), export_name = \"x\")] fn f() {}", Forbidden::Symbol, vec!["export_name"]),
            ("m!(no_mangle);", Forbidden::Symbol, vec!["no_mangle"]),
            ("#[r#link_section = \".text\"] static X: u8 = 0;", Forbidden::Section, vec!["r#link_section"]),
            ("#[cfg_attr(all(), link_section = \".multiboot\")] fn f() {}", Forbidden::Section, vec!["link_section"]),
            ("m!(link_section);", Forbidden::Section, vec!["link_section"]),
            ("use crate ::measured_beside as x;", Forbidden::Beside, vec!["measured_beside"]),
            ("type Pmm = super::r#measured_beside::champion::Pmm;", Forbidden::Beside, vec!["r#measured_beside"]),
            ("mod other;", Forbidden::Module, vec!["mod"]),
            ("pub(crate) mod other;", Forbidden::Module, vec!["mod"]),
            ("macro_rules! m { ($n:ident) => { mod $n; } }", Forbidden::Module, vec!["mod"]),
            ("m!(mod x {});", Forbidden::Module, vec!["mod"]),
            ("extern crate std;", Forbidden::ExternCrate, vec!["extern"]),
            ("m!(extern \"C\");", Forbidden::ExternCrate, vec!["extern"]),
            ("extern \"C\" $x", Forbidden::ExternCrate, vec!["extern"]),
            ("extern { fn f(); }", Forbidden::ExternBlock, vec!["extern"]),
            ("extern \"Rust\" { fn f(); }", Forbidden::ExternBlock, vec!["extern"]),
            ("m! { extern \"C\" {} }", Forbidden::ExternBlock, vec!["extern"]),
        ] {
            let expected: Vec<_> = tokens.into_iter().map(|token| (what, token.to_owned())).collect();
            for code in [Code::Safe, Code::Unsafe] {
                assert_eq!(found(text, code), expected, "{text}");
            }
        }
    }

    /// For rustc, `1e` with a mark above the `e` is a broken number, and then a word follows.
    #[test]
    fn no_word_hides_in_a_broken_token() {
        let token = "1e\u{301}include_str".to_owned();
        let text = format!("macro_rules! m {{ ($a:tt $b:tt) => {{ $b!(\"x\") }} }} m!({token});");
        assert_eq!(found(&text, Code::Unsafe), [(Forbidden::Broken, token)]);
        for text in ["k#r#mod x;", "m!(k#r#unsafe);"] {
            assert_eq!(found(text, Code::Safe), [(Forbidden::Broken, "k#".to_owned())], "{text}");
        }
        assert_eq!(found("#[a]#[b] fn f() {} m!(# #x r#y #);", Code::Safe), []);
        assert_eq!(found("const X: f32 = 1e3 + 0x1f_u8 as f32 + 1.5e-3_f32;", Code::Safe), []);
    }

    #[test]
    fn what_only_looks_like_it_is_fine() {
        for text in [
            "// unsafe include_str!(\"x\")",
            "/* unsafe /* env! */ asm! */ fn f() {}",
            "/// `unsafe` and `include!`\nfn f() {}",
            "//! extern crate std; mod x;\nfn f() {}",
            "const X: &str = \"unsafe { include_str!() }\";",
            "const X: &str = r##\"unsafe \"# mod x;\"##;",
            "const X: char = 'u'; fn f<'unsafe_>() {}",
            "fn r#unsafe() {}",
            "#![allow(unsafe_code, unsafe_op_in_unsafe_fn)]",
            "/// A [link](x).\n#[inline] fn link(link: u8) { link(link) } static X: u8 = link(2);",
            "let includes = included(environment, path); let path = 3; paths[path] = 4;",
            "mod tests { fn f() {} }",
            "extern \"C\" fn f() {}\nextern fn g() {}\ntype T = extern \"C\" fn();",
            "assert!(!(a && b)); compile_error!(\"no\");",
            "\u{FEFF}fn f() {}",
        ] {
            assert_eq!(found(text, Code::Safe), [], "{text}");
        }
    }

    #[test]
    fn breaches_come_in_order_with_their_places() {
        let text = "\u{FEFF}fn f() {\n    (unsafe {})\n}\nmod x;\n";
        let Reading::Tokens(breaches) = read(text, Code::Safe) else { panic!("it was not read") };
        let places: Vec<_> = breaches.iter().map(|breach| place(text, breach.at)).collect();
        assert_eq!(places, [(2, 6), (4, 1)]);
    }
}
