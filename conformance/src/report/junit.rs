//! JUnit XML, for machines that collect test results.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, Report};

/// One suite a family, in the order of the run. An unsupported case is a skipped one here: the format has no word for it.
pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let mut junit = Junit::new("softshield conformance");
    junit.set_time(Duration::from_secs_f64(report.milliseconds / 1e3));
    let mut suites: Vec<TestSuite> = Vec::new();
    for case in &report.cases {
        if suites
            .last()
            .is_none_or(|suite| suite.name.as_str() != case.family)
        {
            suites.push(TestSuite::new(case.family));
        }
        if let Some(suite) = suites.last_mut() {
            suite.add_test_case(test_case(case));
        }
    }
    junit.add_test_suites(suites);
    Ok(junit.to_string()?)
}

fn test_case(case: &CaseReport) -> TestCase {
    let reason = case.reason.as_deref().unwrap_or_default();
    let status = match case.verdict {
        "passed" => TestCaseStatus::success(),
        "failed" => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(reason);
            status
        }
        verdict => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("{verdict}: {reason}"));
            status
        }
    };
    let mut test_case = TestCase::new(case.id, status);
    test_case.set_classname(case.family);
    test_case.set_time(Duration::from_secs_f64(case.milliseconds / 1e3));
    test_case.add_property(("title", case.title));
    test_case.add_property(("source", case.source));
    test_case
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_verdict_has_its_element() {
        insta::assert_snapshot!(super::render(&super::super::tests::sample()).expect("it renders"));
    }
}
