//! "Did you mean …?": the known name that is nearest to a mistyped one.

/// How alike two names have to be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// At most so many names are listed if none is near.
const LISTED: usize = 12;

/// The name that is nearest to `given`, if one is near enough.
pub fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    names
        .map(|name| {
            // `01-pmm` is near to `pnm` by its part after the number.
            let tail = name.split_once('-').map_or(name, |(_, tail)| tail);
            (strsim::jaro_winkler(&given, name).max(strsim::jaro_winkler(&given, tail)), name)
        })
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Advice for a user who gave a name that does not exist.
pub fn suggestion<'a>(given: &str, names: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    if let Some(near) = nearest(given, names.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut all: Vec<_> = names.collect();
    if let [only] = all[..] {
        return format!("the only one of the {what} here is {only}");
    }
    let rest = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("the {what} are {}{more}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = ["never-twice", "exhaustion", "counts-exact"];
        assert_eq!(nearest("exaustion", names.into_iter()), Some("exhaustion"));
        assert_eq!(nearest("twice", names.into_iter()), Some("never-twice"));
        assert_eq!(nearest("qqqq", names.into_iter()), None);
    }

    #[test]
    fn without_a_near_one_all_are_listed() {
        assert_eq!(suggestion("zzz", ["01-pmm", "02-vmm"].into_iter(), "labs"), "the labs are 01-pmm, 02-vmm");
        assert_eq!(suggestion("zzz", ["01-pmm"].into_iter(), "labs"), "the only one of the labs here is 01-pmm");
    }
}
