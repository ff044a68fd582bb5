//! The page: one file, without anything from elsewhere, that reads well without its script too.

use std::fmt::{self, Display, Write};

use super::{CaseReport, CoverageReport, Report};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole document.
pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let totals = report.totals;
    let count = report.cases.len();
    let verdict = match totals.failed {
        0 => "Nothing failed".to_owned(),
        failed => format!("{failed} of {count} cases failed"),
    };
    let tone = if totals.failed == 0 {
        "passed"
    } else {
        "failed"
    };
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} of {count} passed · softshield conformance</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<div class=\"brand\">softshield <span>conformance</span></div>\n\
         <h1 class=\"{tone}\">{verdict}</h1>\n",
        totals.passed
    )?;
    write_bar(page, report)?;
    write!(
        page,
        "<p class=\"facts\"><span>{}</span>",
        Escaped(&report.target)
    )?;
    for fact in &report.facts {
        write!(page, "<span>{}</span>", Escaped(fact))?;
    }
    write!(
        page,
        "<span>{}</span><span>{}</span><span>version {}</span></p>\n</header>\n<main>\n",
        Duration(report.milliseconds),
        Date(report.started),
        Escaped(report.version)
    )?;
    write_filters(page, report)?;
    write_cases(page, report)?;
    write_coverage(page, &report.coverage)?;
    write!(
        page,
        "</main>\n<footer>softshield is an emulator. It guards nothing: keys are in the memory and files of an ordinary \
         process.</footer>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn verdicts(report: &Report) -> [(&'static str, usize); 5] {
    let totals = report.totals;
    [
        ("failed", totals.failed),
        ("differs", totals.differs),
        ("passed", totals.passed),
        ("unsupported", totals.unsupported),
        ("skipped", totals.skipped),
    ]
}

fn write_bar(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str("<div class=\"bar\">");
    for (word, count) in verdicts(report) {
        if count > 0 {
            write!(
                page,
                "<i class=\"{word}\" style=\"flex-grow:{count}\" title=\"{count} {word}\"></i>"
            )?;
        }
    }
    page.push_str("</div>\n<dl class=\"totals\">");
    for (word, count) in verdicts(report) {
        write!(
            page,
            "<div class=\"{}\"><dt>{word}</dt><dd>{count}</dd></div>",
            if count > 0 { word } else { "none" }
        )?;
    }
    page.push_str("</dl>\n");
    Ok(())
}

fn write_filters(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<nav hidden><input type=\"search\" placeholder=\"Search cases\" aria-label=\"Search cases\">\
         <button data-show=\"all\" aria-pressed=\"true\">all</button>",
    );
    for (word, count) in verdicts(report) {
        if count > 0 {
            write!(
                page,
                "<button data-show=\"{word}\" aria-pressed=\"false\">{word}</button>"
            )?;
        }
    }
    page.push_str("</nav>\n");
    Ok(())
}

fn write_cases(page: &mut String, report: &Report) -> fmt::Result {
    for family in report.cases.chunk_by(|one, next| one.family == next.family) {
        let passed = family
            .iter()
            .filter(|case| case.verdict == "passed")
            .count();
        writeln!(
            page,
            "<section class=\"family\"><h2>{} <small>{passed} of {}</small></h2>",
            Escaped(family[0].family),
            family.len()
        )?;
        for case in family {
            write_case(page, case)?;
        }
        page.push_str("</section>\n");
    }
    Ok(())
}

fn write_case(page: &mut String, case: &CaseReport) -> fmt::Result {
    let open = if case.verdict == "failed" {
        " open"
    } else {
        ""
    };
    writeln!(
        page,
        "<details class=\"case\" id=\"{id}\" data-verdict=\"{verdict}\"{open}><summary><b class=\"{verdict}\">{verdict}\
         </b><span class=\"title\">{}<code>{id}</code></span><time>{}</time></summary>",
        Escaped(case.title),
        Duration(case.milliseconds),
        id = Escaped(case.id),
        verdict = case.verdict,
    )?;
    if let Some(reason) = &case.reason {
        write!(
            page,
            "<pre class=\"{}\">{}</pre>",
            case.verdict,
            Escaped(reason)
        )?;
    }
    write!(page, "<dl><dt>source</dt><dd>{}</dd>", Escaped(case.source))?;
    if !case.covers.is_empty() {
        page.push_str("<dt>covers</dt><dd>");
        for cover in &case.covers {
            write!(page, "<code>{}</code> ", Escaped(cover))?;
        }
        page.push_str("</dd>");
    }
    page.push_str("</dl></details>\n");
    Ok(())
}

fn write_coverage(page: &mut String, coverage: &[CoverageReport]) -> fmt::Result {
    for (kind, heading) in [
        ("function", "CryptoSPI functions"),
        ("command", "nCore commands"),
    ] {
        let rows: Vec<&CoverageReport> = coverage.iter().filter(|row| row.kind == kind).collect();
        if rows.is_empty() {
            continue;
        }
        write!(
            page,
            "<section class=\"coverage\"><h2>{heading} <small>{} covered</small></h2>\n<table><thead><tr><th>name</th>\
             <th>succeeds in</th><th>refuses with</th></tr></thead><tbody>\n",
            rows.len()
        )?;
        for row in rows {
            write!(
                page,
                "<tr><td><code>{}</code></td><td>",
                Escaped(&row.subject)
            )?;
            write_links(page, &row.successes)?;
            page.push_str("</td><td>");
            for (code, cases) in &row.refusals {
                write!(page, "<div><code>{}</code> ", Escaped(code))?;
                write_links(page, cases)?;
                page.push_str("</div>");
            }
            page.push_str("</td></tr>\n");
        }
        page.push_str("</tbody></table></section>\n");
    }
    Ok(())
}

fn write_links(page: &mut String, cases: &[&str]) -> fmt::Result {
    for id in cases {
        write!(page, "<a href=\"#{0}\">{0}</a> ", Escaped(id))?;
    }
    Ok(())
}

/// Text with the characters of HTML and the invisible ones made harmless.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => f.write_char(character)?,
                _ if character.is_control() => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Milliseconds with a fitting unit.
struct Duration(f64);

impl Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            short if short < 10.0 => write!(f, "{short:.2} ms"),
            middle if middle < 1_000.0 => write!(f, "{middle:.0} ms"),
            long => write!(f, "{:.2} s", long / 1e3),
        }
    }
}

/// Seconds since 1970 as a date of the Gregorian calendar and a time of day, UTC.
struct Date(u64);

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, second) = (self.0 / 86_400, self.0 % 86_400);
        let leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let mut year = 1970;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let february = 28 + u64::from(leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(
            f,
            "{year}-{month:02}-{:02} {hour:02}:{minute:02} UTC",
            days + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_complete_and_escaped() {
        let page = render(&super::super::tests::sample());
        assert!(page.contains(STYLE) && page.contains(SCRIPT));
        insta::assert_snapshot!(page.replace(STYLE, "").replace(SCRIPT, ""));
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = render(&super::super::tests::sample());
        for word in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(word), "the page has {word}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // From `date -u -d @N`.
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_753_000_000, "2025-07-20 08:26 UTC"),
        ] {
            assert_eq!(Date(seconds).to_string(), text);
        }
    }
}
