//! The audit: code in a student's file that deserves a person's look, though nothing forbids it.
//!
//! Because of its own faults, the compiler accepts some unsound code, and no lint finds it. The
//! parts that such code needs show in its tokens; honest code has few of them.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::scan::{is_sign, is_word};
use super::{Code, lex, mark_length};

/// A kind of code that deserves a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notable {
    /// A macro of the student's own.
    Macro,
    /// The type of a function pointer with lifetimes or references in it.
    FunctionPointer,
    /// A reference to a reference, with a named lifetime.
    NestedReference,
    /// `for<'a>`.
    AnyLifetime,
    /// A bound on a lifetime.
    Outlives,
    /// An attribute that honest files have no use for.
    Attribute,
    /// `unsafe`, where it is allowed.
    Unsafe,
    /// A raw pointer, where unsafe code is not allowed.
    RawPointer,
    /// `extern`.
    Extern,
    /// Many small numbers in a row.
    Numbers,
    /// Words of the protocol between kernel and grader.
    Wire,
}

impl Notable {
    /// Why it deserves a look.
    pub fn why(self) -> &'static str {
        match self {
            Self::Macro => "a macro makes code that does not stand there: read what it expands to",
            Self::FunctionPointer => {
                "a function pointer whose type has references: coercions between such types can lengthen lifetimes \
                 (rust-lang/rust#25860)"
            }
            Self::NestedReference => {
                "a reference to a reference, with a lifetime: it implies that one outlives the other, which a function \
                 pointer can forget (rust-lang/rust#25860)"
            }
            Self::AnyLifetime => {
                "a type for any lifetime: part of the known ways to make references outlive their value"
            }
            Self::Outlives => {
                "a bound between lifetimes: part of the known ways to make references outlive their value"
            }
            Self::Attribute => "an attribute that the labs have no use for",
            Self::Unsafe => "unsafe code: read whether it stays within the lab's memory",
            Self::RawPointer => "a raw pointer, where it cannot be used without unsafe code",
            Self::Extern => "a function with an ABI of its own, which no lab needs",
            Self::Numbers => "many numbers below 256 in a row: a table, or machine code",
            Self::Wire => "words of what the kernel says to the grader",
        }
    }
}

/// A place that deserves a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The kind of code at this place.
    pub what: Notable,
    /// The byte of the text at which it begins.
    pub at: usize,
}

/// Attributes that honest files have.
const USUAL: [&str; 17] = [
    "allow",
    "cfg",
    "cold",
    "default",
    "deny",
    "derive",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "repr",
    "rustfmt",
    "test",
    "track_caller",
    "warn",
    "clippy",
];

/// At least so many small numbers in a row are notable.
const MANY: usize = 6;

/// The places in a file that deserve a look, in the order of the text. `None` if the file is not made of Rust's tokens.
pub fn notable(text: &str, code: Code) -> Option<Vec<Place>> {
    let mark = mark_length(text);
    let mut places = Vec::new();
    let mut streams = vec![lex(text).ok()?];
    while let Some(stream) = streams.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        if are_numbers(&tokens) {
            places.push(Place { what: Notable::Numbers, at: start(&tokens[0]) + mark });
        }
        for (at, token) in tokens.iter().enumerate() {
            let (before, after) = (&tokens[..at], &tokens[at + 1..]);
            if let Some(what) = look(token, before, after, code) {
                places.push(Place { what, at: start(token) + mark });
            }
            if let TokenTree::Group(group) = token {
                streams.push(group.stream());
            }
        }
    }
    places.sort_by_key(|place| place.at);
    // One for each thing on a line is enough.
    places.dedup_by_key(|place| (place.what as u8, text[..place.at].matches('\n').count()));
    Some(places)
}

fn start(token: &TokenTree) -> usize {
    token.span().byte_range().start
}

/// The kind of code that a token belongs to, by the tokens before and after it.
fn look(token: &TokenTree, before: &[TokenTree], after: &[TokenTree], code: Code) -> Option<Notable> {
    match token {
        TokenTree::Ident(word) => match word.to_string().as_str() {
            "macro_rules" | "macro" => Some(Notable::Macro),
            "unsafe" => (code == Code::Unsafe).then_some(Notable::Unsafe),
            "extern" => Some(Notable::Extern),
            "for" => after.first().is_some_and(|next| is_sign(next, '<')).then_some(Notable::AnyLifetime),
            "fn" => match after.first() {
                Some(TokenTree::Group(arguments)) if speaks_of_references(arguments) => Some(Notable::FunctionPointer),
                _ => None,
            },
            _ => None,
        },
        TokenTree::Punct(sign) => match sign.as_char() {
            '&' => is_nested(after).then_some(Notable::NestedReference),
            '*' => (code == Code::Safe
                && after.first().is_some_and(|next| is_word(next, "const") || is_word(next, "mut")))
            .then_some(Notable::RawPointer),
            '\'' => is_bound(after).then_some(Notable::Outlives),
            _ => None,
        },
        TokenTree::Group(group) => {
            (is_attribute(group, before) && !is_usual(group.stream())).then_some(Notable::Attribute)
        }
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            ["folio:", "nonce", "ok 1 "].iter().any(|word| text.contains(word)).then_some(Notable::Wire)
        }
    }
}

/// Whether `&`, a lifetime or `_` is among the arguments of a function pointer's type.
fn speaks_of_references(arguments: &Group) -> bool {
    arguments.delimiter() == Delimiter::Parenthesis
        && arguments
            .stream()
            .into_iter()
            .any(|token| is_sign(&token, '&') || is_sign(&token, '\'') || is_word(&token, "_"))
}

/// Whether `'a &` or `&'a` follows on `&`, with or without `mut`.
fn is_nested(after: &[TokenTree]) -> bool {
    let skip_mut = |rest: &'_ [TokenTree]| usize::from(rest.first().is_some_and(|next| is_word(next, "mut")));
    let lifetime = |rest: &[TokenTree]| matches!(rest, [quote, TokenTree::Ident(_), ..] if is_sign(quote, '\''));
    let (outer, rest) = if lifetime(after) { (true, &after[2..]) } else { (false, after) };
    let rest = &rest[skip_mut(rest)..];
    match rest.split_first() {
        Some((second, rest)) if is_sign(second, '&') => outer || lifetime(rest),
        _ => false,
    }
}

/// Whether `a: '` follows on the quote of a lifetime: it outlives another one.
fn is_bound(after: &[TokenTree]) -> bool {
    matches!(after, [TokenTree::Ident(_), colon, quote, ..] if is_sign(colon, ':') && is_sign(quote, '\''))
}

fn is_attribute(group: &Group, before: &[TokenTree]) -> bool {
    let is = |back: usize, sign| before.len() >= back && is_sign(&before[before.len() - back], sign);
    group.delimiter() == Delimiter::Bracket && (is(1, '#') || is(1, '!') && is(2, '#'))
}

fn is_usual(attribute: TokenStream) -> bool {
    attribute.into_iter().next().is_some_and(|name| USUAL.iter().any(|usual| is_word(&name, usual)))
}

/// Whether these are many numbers below 256, and nothing else.
fn are_numbers(tokens: &[TokenTree]) -> bool {
    let mut count = 0;
    let only = tokens.iter().all(|token| match token {
        TokenTree::Literal(literal) => {
            count += 1;
            small(&literal.to_string())
        }
        other => is_sign(other, ','),
    });
    only && count >= MANY
}

fn small(number: &str) -> bool {
    let digits = number.strip_suffix("_u8").or_else(|| number.strip_suffix("u8")).unwrap_or(number).replace('_', "");
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix("0b")) {
        (Some(hexadecimal), _) => u32::from_str_radix(hexadecimal, 16),
        (None, Some(binary)) => u32::from_str_radix(binary, 2),
        (None, None) => digits.parse(),
    };
    value.is_ok_and(|value| value < 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, code: Code) -> Vec<Notable> {
        notable(text, code).unwrap().into_iter().map(|place| place.what).collect()
    }

    #[test]
    fn what_lengthens_lifetimes_is_noticed() {
        use Notable::{AnyLifetime, FunctionPointer, NestedReference, Outlives};
        for (text, expected) in [
            ("static UNIT: &'static &'static () = &&();", vec![NestedReference]),
            ("fn f<'a, 'b, T>(_: &'a &'b (), v: &'b T) -> &'a T { v }", vec![NestedReference]),
            ("let f: fn(_, &'a T) -> &'static T = g;", vec![FunctionPointer]),
            ("let f: for<'x> fn(&'x ()) = g;", vec![AnyLifetime, FunctionPointer]),
            ("fn f<'a, 'b: 'a>() {}", vec![Outlives]),
            ("type T<'a> = &mut &'a mut u8;", vec![NestedReference]),
        ] {
            assert_eq!(found(text, Code::Safe), expected, "{text}");
        }
    }

    #[test]
    fn the_rest_of_an_attack_is_noticed() {
        for (text, expected) in [
            ("macro_rules! m { () => {} }", Notable::Macro),
            ("#[link_name = \"x\"] fn f() {}", Notable::Attribute),
            ("#![feature(x)]", Notable::Attribute),
            ("#[cfg_attr(all(), x)] fn f() {}", Notable::Attribute),
            ("let x = y as *const u8;", Notable::RawPointer),
            ("extern \"C\" fn f() {}", Notable::Extern),
            ("static OUT: [u8; 6] = [0x8B, 0x54, 0x24, 4, 0xEE, 0xC3];", Notable::Numbers),
            ("print(b\"# folio:\");", Notable::Wire),
        ] {
            assert_eq!(found(text, Code::Safe), [expected], "{text}");
        }
        assert_eq!(found("unsafe { *p }", Code::Unsafe), [Notable::Unsafe]);
        assert_eq!(found("let x = y as *const u8;", Code::Unsafe), []);
    }

    #[test]
    fn what_everybody_writes_is_not() {
        for text in [
            "#[inline] fn f<'a>(x: &'a mut [u32]) -> &'a u32 { &x[0] }",
            "impl<'a> X<'a> { fn g(&self) -> bool { a && b && &&c == d } }",
            "for x in [1, 2, 3] { y *= 2; }",
            "let f = |x: &u32| *x; fn h(f: impl Fn(&u32) -> bool) {}",
            "const SIZES: [u32; 6] = [16, 32, 64, 128, 256, 512];",
            "/// # folio: is what nobody says\n#[derive(Clone)]\nstruct X;",
        ] {
            assert!(found(text, Code::Safe).iter().all(|what| *what == Notable::Wire), "{text}");
        }
        assert!(notable("fn f( {", Code::Safe).is_none());
    }

    #[test]
    fn places_come_in_order_and_once_a_line() {
        let text = "unsafe { a }; unsafe { b };\nunsafe { c }";
        let places: Vec<usize> = notable(text, Code::Unsafe).unwrap().iter().map(|place| place.at).collect();
        assert_eq!(places, [0, 28]);
    }
}
