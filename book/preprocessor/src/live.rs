//! The box in a lab's chapter in which the kernel boots. `theme/live.js` makes it work.

use crate::lab::{Check, Lab};

/// The most memory that a machine in a page may have, in MiB.
const MOST: u32 = 1024;

/// The box for a browser without scripts, with advice what to do instead. Its attribute
/// `data-checks` lists the checks that run in it, as JSON: of each the name, the memory of its
/// machine in MiB, and whether the machine has programs.
pub fn section(lab: &Lab) -> String {
    let number = lab.id.split('-').next().unwrap_or(&lab.id);
    let checks: Vec<_> =
        lab.checks.iter().filter_map(|check| Some((&check.name, memory(check)?, check.programs))).collect();
    // Names are of a-z, 0-9 and -, so nothing in here ends the attribute. They are always JSON.
    let json = serde_json::to_string(&checks).unwrap_or_default();
    format!(
        "<div class=\"live\" data-lab=\"{id}\" data-checks='{json}'>\n\
         <p>Here the kernel boots in your browser, if that runs scripts. <code>cargo grade run {number}</code> boots \
         it in QEMU.</p>\n\
         </div>\n\n{elsewhere}",
        id = lab.id,
        elsewhere = elsewhere(lab),
    )
}

/// The memory of the smallest machine that a check runs on, in MiB; `None` if the check does not
/// run in a page. Checks on cost do not: only QEMU counts instructions.
fn memory(check: &Check) -> Option<u32> {
    let smallest = check.memory.iter().filter_map(|size| mebibytes(size)).min()?;
    (!check.cost && smallest <= MOST).then_some(smallest)
}

/// `64M` as a number of MiB.
fn mebibytes(size: &str) -> Option<u32> {
    match (size.strip_suffix('M'), size.strip_suffix('G')) {
        (Some(number), _) => number.parse().ok(),
        (_, Some(number)) => number.parse::<u32>().ok()?.checked_mul(1024),
        _ => None,
    }
}

/// The sentence about the checks that run in QEMU only.
fn elsewhere(lab: &Lab) -> String {
    let missing: Vec<String> = lab
        .checks
        .iter()
        .filter(|check| memory(check).is_none())
        .map(|check| format!("[`{name}`](#{name})", name = check.name))
        .collect();
    if missing.is_empty() {
        return String::new();
    }
    format!("In QEMU only, since they count instructions or need more memory: {}.\n", missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, memory: &[&str], cost: bool) -> Check {
        Check {
            name: name.to_owned(),
            points: 1,
            memory: memory.iter().map(|&size| size.to_owned()).collect(),
            budget: 500,
            cost,
            programs: name == "programs",
            rule: "A rule.".to_owned(),
            hint: "A hint.".to_owned(),
            chapter: format!("one.html#{name}"),
        }
    }

    fn lab(checks: Vec<Check>) -> Lab {
        Lab { id: "01-pmm".to_owned(), title: "Frames".to_owned(), chapter: "one.html".to_owned(), checks }
    }

    #[test]
    fn a_check_runs_on_its_smallest_machine() {
        let text = section(&lab(vec![check("small", &["1G", "16M"], false), check("programs", &["64M"], false)]));
        assert!(text.contains("data-checks='[[\"small\",16,false],[\"programs\",64,true]]'"), "{text}");
        assert!(text.contains("<code>cargo grade run 01</code>") && !text.contains("QEMU only"), "{text}");
    }

    #[test]
    fn what_a_page_cannot_run_is_named() {
        let checks = vec![check("cost", &["16M"], true), check("large", &["3583M"], false), check("a", &["1G"], false)];
        let text = section(&lab(checks));
        assert!(text.contains("data-checks='[[\"a\",1024,false]]'"), "{text}");
        assert!(text.ends_with("more memory: [`cost`](#cost), [`large`](#large).\n"), "{text}");
    }

    #[test]
    fn without_checks_the_system_still_boots() {
        assert!(section(&lab(Vec::new())).contains("data-checks='[]'"));
    }
}
