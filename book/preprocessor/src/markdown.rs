//! The Markdown for a lab's checks.

use std::fmt::Write;

use crate::lab::{Check, Lab};

/// The section of a lab's chapter that explains its checks: a table, then one
/// subsection per check, with the check's name as its anchor.
pub fn section(lab: &Lab) -> String {
    let mut out = String::from("| Check | Memory | Points |\n|:---|:---|---:|\n");
    for check in &lab.checks {
        let (name, memory, points) = (&check.name, sizes(&check.memory), check.points);
        let _ = writeln!(out, "| [`{name}`](#{name}) | {memory} | {points} |");
    }
    out += &total(lab);
    for check in &lab.checks {
        // A hint is folded, so that a reader who does not want it need not see it.
        let _ = write!(
            out,
            "\n### `{name}` {{#{name}}}\n\n\
             <p class=\"check-facts\">{facts}</p>\n\n\
             {rule}\n\n\
             <details>\n<summary>Hint</summary>\n\n{hint}\n\n</details>\n",
            name = check.name,
            facts = facts(check),
            rule = escaped(&check.rule),
            hint = escaped(&check.hint),
        );
    }
    out
}

/// One table per lab, whose rows link to the lab's chapter.
pub fn overview(labs: &[Lab]) -> String {
    let mut out = String::new();
    for lab in labs {
        let mut table = String::from("| Check | Rule | Points |\n|:---|:---|---:|\n");
        for check in &lab.checks {
            let (name, link, rule) = (&check.name, source_link(&check.chapter), escaped(&check.rule));
            let _ = writeln!(table, "| [`{name}`]({link}) | {rule} | {} |", check.points);
        }
        table += &total(lab);
        let _ = write!(
            out,
            "\n## Lab {id}: {title}\n\n[The chapter]({chapter}).\n\n{table}",
            id = lab.id,
            title = escaped(&lab.title),
            chapter = source_link(&lab.chapter),
        );
    }
    out
}

/// The last rows of a lab's table.
fn total(lab: &Lab) -> String {
    let mut out = format!("| **All {} checks** | | **{}** |\n", lab.checks.len(), lab.points());
    let cost: u32 = lab.checks.iter().filter(|check| check.cost).map(|check| check.points).sum();
    if cost > 0 {
        let _ = writeln!(out, "| of these, for cost | | {cost} |");
    }
    out
}

/// `5 points · 16 MiB and 1 GiB of memory · judges cost`.
fn facts(check: &Check) -> String {
    let points = if check.points == 1 { "1 point".to_owned() } else { format!("{} points", check.points) };
    let sizes = sizes(&check.memory);
    let machines = match check.memory.len() {
        1 => format!("a machine with {sizes}"),
        _ => format!("machines with {sizes}"),
    };
    let cost = if check.cost { " · judges cost, not correctness" } else { "" };
    format!("{points} · {machines} · up to {} million instructions{cost}", check.budget)
}

/// `16 MiB, 64 MiB and 3.5 GiB`.
fn sizes(sizes: &[String]) -> String {
    let mut out = String::new();
    for (index, size) in sizes.iter().enumerate() {
        out += match index {
            0 => "",
            _ if index + 1 == sizes.len() => " and ",
            _ => ", ",
        };
        out += &words(size);
    }
    out
}

/// `64M` for people: `64 MiB`. A text that is no such size stays as it is.
fn words(size: &str) -> String {
    let mebibytes = match (size.strip_suffix('M'), size.strip_suffix('G')) {
        (Some(number), _) => number.parse::<u64>().ok(),
        (_, Some(number)) => number.parse::<u64>().ok().map(|gibibytes| gibibytes * 1024),
        _ => None,
    };
    match mebibytes {
        Some(mib) if mib >= 1024 && mib % 1024 == 0 => format!("{} GiB", mib / 1024),
        Some(mib) if mib >= 1024 && mib % 512 == 0 => format!("{}.5 GiB", mib / 1024),
        Some(mib) => format!("{mib} MiB"),
        None => size.to_owned(),
    }
}

/// `lab.toml` names a page as the reader's browser does; mdBook needs the
/// source's name, and checks it.
fn source_link(page: &str) -> String {
    page.replacen(".html", ".md", 1)
}

/// Escapes characters that have a meaning in Markdown, except in code between
/// backticks. The texts in `lab.toml` are also printed on a terminal, where
/// backticks are the only mark-up that reads well.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index > 0 {
            out.push('`');
        }
        for c in part.chars() {
            let in_code = index % 2 == 1;
            if !in_code && matches!(c, '<' | '>' | '*' | '_' | '[' | ']' | '#' | '|' | '\\' | '~') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Lab {
        let check = |name: &str, points, memory: &[&str], cost| Check {
            name: name.to_owned(),
            points,
            memory: memory.iter().map(|&size| size.to_owned()).collect(),
            budget: 500,
            cost,
            programs: false,
            rule: "No frame <twice>, says `a < b`.".to_owned(),
            hint: "Look at *free*.".to_owned(),
            chapter: format!("lab-01-frames.html#{name}"),
        };
        Lab {
            id: "01-pmm".to_owned(),
            title: "Frames".to_owned(),
            chapter: "lab-01-frames.html".to_owned(),
            checks: vec![check("never-twice", 5, &["16M", "3584M"], false), check("cost", 1, &["1G"], true)],
        }
    }

    #[test]
    fn a_section_has_a_table_and_an_anchor_for_each_check() {
        let text = section(&lab());
        assert!(text.starts_with("| Check | Memory | Points |\n"));
        assert!(text.contains("| [`never-twice`](#never-twice) | 16 MiB and 3.5 GiB | 5 |\n"));
        assert!(text.contains("| **All 2 checks** | | **6** |\n| of these, for cost | | 1 |\n"));
        assert!(text.contains("\n### `never-twice` {#never-twice}\n"));
        assert!(text.contains("5 points · machines with 16 MiB and 3.5 GiB · up to 500 million instructions</p>"));
        assert!(text.contains("1 point · a machine with 1 GiB · up to 500 million instructions · judges cost"));
    }

    #[test]
    fn only_code_keeps_its_marks() {
        let text = section(&lab());
        assert!(text.contains("No frame \\<twice\\>, says `a < b`."));
        assert!(text.contains("Look at \\*free\\*."));
    }

    #[test]
    fn an_overview_points_at_the_chapters_sources() {
        let text = overview(&[lab()]);
        assert!(text.contains("[The chapter](lab-01-frames.md)"));
        assert!(text.contains("| [`cost`](lab-01-frames.md#cost) | No frame \\<twice\\>, says `a < b`. | 1 |\n"));
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        assert_eq!(sizes(&["16M".into(), "64M".into(), "2G".into()]), "16 MiB, 64 MiB and 2 GiB");
        assert_eq!(words("1536M"), "1.5 GiB");
        assert_eq!(words("3500M"), "3500 MiB");
    }
}
