//! The run as JUnit XML: a suite for each lab, a case for each check.

use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::judge::Status;
use crate::judge::results::{CheckReport, LabReport, Run};

use super::details;
use super::symbolize::Images;
use crate::host::style::{View, printable};

/// The run as XML, with a newline at its end.
pub fn render(run: &Run, root: &Path, images: &Images) -> String {
    let mut report = Report::new("folio");
    report.set_time(run.elapsed);
    for lab in &run.labs {
        let mut suite = TestSuite::new(&lab.id);
        for (name, value) in
            [("emulator", run.emulator.clone()), ("toolchain", run.toolchain.clone()), ("seed", run.seed.to_string())]
        {
            suite.add_property((name, value.as_str()));
        }
        for check in &lab.checks {
            suite.add_test_case(case(check, lab, run, root, images));
        }
        report.add_test_suite(suite);
    }
    let mut text = report.to_string().unwrap_or_default();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn case(check: &CheckReport, lab: &LabReport, run: &Run, root: &Path, images: &Images) -> TestCase {
    let mut status = match check.status {
        Status::Passed => TestCaseStatus::success(),
        Status::NotAvailable => TestCaseStatus::skipped(),
        Status::Failed | Status::NotStarted | Status::Panicked | Status::Crashed | Status::Hung => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Status::Tampered | Status::CouldNotBuild => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if check.status == Status::NotAvailable {
        status.set_message(printable(&check.message));
    } else if check.status != Status::Passed {
        status.set_message(printable(&check.message)).set_type(check.status.id());
        let text = match &lab.build_error {
            Some(error) => anstream::adapter::strip_str(error).to_string(),
            None => details::check(check, lab, run, root, images, &View::default()),
        };
        status.set_description(printable(&text));
    }
    let mut case = TestCase::new(&check.name, status);
    case.set_classname(&lab.id);
    case.add_property(("points", check.points().to_string().as_str()));
    case.add_property(("max_points", check.max_points.to_string().as_str()));
    if let Some(evidence) = &check.evidence
        && !evidence.findings.log.is_empty()
    {
        case.set_system_out(printable(&evidence.findings.log.join("\n")));
    }
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::style::is_printable;
    use crate::judge::samples;

    #[test]
    fn each_check_is_a_case_of_its_lab_s_suite() {
        let root = Path::new("/nowhere");
        let text = render(&samples::run(), root, &Images::new(root));
        for part in [
            r#"<testsuite name="01-pmm" tests="4" skipped="0" errors="0" failures="3">"#,
            r#"<testcase name="counts-exact" classname="01-pmm">"#,
            r#"type="failed""#,
            r#"type="crashed""#,
            r#"<property name="max_points" value="10"/>"#,
            "page fault: write to 0x0000_0004",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
        quick_junit::Report::deserialize_from_str(&text).unwrap();
    }

    #[test]
    fn what_is_not_available_is_skipped() {
        let mut run = samples::run();
        let check = &mut run.labs[0].checks[0];
        check.status = Status::NotAvailable;
        check.message = "not available here: this machine lacks SMEP".to_owned();
        let root = Path::new("/nowhere");
        let text = render(&run, root, &Images::new(root));
        assert!(text.contains(r#"skipped="1" errors="0" failures="3""#), "{text}");
        assert!(text.contains("this machine lacks SMEP"), "{text}");
        quick_junit::Report::deserialize_from_str(&text).unwrap();
    }

    #[test]
    fn no_control_character_gets_into_the_file() {
        let mut run = samples::run();
        let hostile = "\u{1b}[2J\u{0}\u{9b}\u{FFFE}\u{FFFF}\u{202E}]]>&<".to_owned();
        let failed = &mut run.labs[0].checks[1];
        failed.message.clone_from(&hostile);
        failed.evidence.as_mut().unwrap().findings.saw = Some(hostile.clone());
        failed.evidence.as_mut().unwrap().findings.log = vec![hostile.clone()];
        run.labs[0].checks[2].evidence.as_mut().unwrap().findings.crash.as_mut().unwrap().kind = hostile;
        let root = Path::new("/nowhere");
        let text = render(&run, root, &Images::new(root));
        assert!(text.chars().all(is_printable), "{text:?}");
        quick_junit::Report::deserialize_from_str(&text).unwrap();
        run.labs[0].build_error = Some("error: \u{FFFE}\u{202E}".to_owned());
        assert!(render(&run, root, &Images::new(root)).chars().all(is_printable));
    }
}
