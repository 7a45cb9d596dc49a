//! Figures as JSON, indented down to the rows of a table, each of which is one line.
//!
//! So a file of figures can be read, and a diff shows changes row by row.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// How deep the JSON is indented: the document, and the tables in it.
const INDENTED: usize = 2;

/// Figures as JSON, with a line break at the end.
///
/// # Errors
/// If they cannot be written as JSON.
pub fn json(figures: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    figures.serialize(&mut Serializer::with_formatter(&mut bytes, Rows { depth: 0 }))?;
    bytes.push(b'\n');
    // serde_json writes UTF-8 only.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Rows {
    depth: usize,
}

impl Rows {
    fn begin(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        out.write_all(bracket)
    }

    fn item(&self, out: &mut (impl Write + ?Sized), first: bool) -> io::Result<()> {
        match (self.depth <= INDENTED, first) {
            (true, true) => self.line(out),
            (true, false) => {
                out.write_all(b",")?;
                self.line(out)
            }
            (false, true) => Ok(()),
            (false, false) => out.write_all(b", "),
        }
    }

    fn end(&mut self, out: &mut (impl Write + ?Sized), bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < INDENTED {
            self.line(out)?;
        }
        out.write_all(bracket)
    }

    fn line(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        write!(out, "\n{:1$}", "", 2 * self.depth)
    }
}

impl Formatter for Rows {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn each_row_is_a_line() {
        let figures = json!({ "a": 1, "rows": [{ "x": 1.5, "y": "," }, { "x": 2, "y": null }], "none": [] });
        let text = super::json(&figures).unwrap();
        assert_eq!(
            text,
            "{\n  \"a\": 1,\n  \"none\": [\n  ],\n  \"rows\": [\n    {\"x\": 1.5, \"y\": \",\"},\n    \
             {\"x\": 2, \"y\": null}\n  ]\n}\n"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), figures);
    }
}
