//! What came of the checks: for people, as JSON, and as pipelines read it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Checked, Verdict};
use crate::failure::Failure;
use crate::output::Output;
use crate::text::plain;

/// The longest detail that is shown whole, in characters.
const DETAIL_MAX: usize = 200;

/// Prints every check.
pub(super) fn print(checked: &[Checked], as_json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if as_json {
        let checks: Vec<_> = checked
            .iter()
            .map(|checked| {
                let (result, detail) = checked.verdict.parts();
                json!({ "check": checked.name, "result": result, "detail": detail, "ms": millis(checked) })
            })
            .collect();
        output.line(&json!({ "checks": checks }).to_string())?;
        return output.end();
    }
    for checked in checked {
        let (result, detail) = checked.verdict.parts();
        let detail = plain(detail, DETAIL_MAX);
        output.line(&format!("{:<14} {result:<8} {:>7} ms  {detail}", checked.name, millis(checked)))?;
    }
    output.end()
}

/// Writes the report that pipelines read.
pub(super) fn write_junit(checked: &[Checked], path: &Path) -> Result<(), Failure> {
    let count = |wanted: &str| checked.iter().filter(|checked| checked.verdict.parts().0 == wanted).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"codex-trace smoke\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
        checked.len(),
        count("failed"),
        count("skipped")
    );
    for checked in checked {
        let seconds = checked.took.as_secs_f64();
        let _ = write!(xml, "  <testcase classname=\"smoke\" name=\"{}\" time=\"{seconds:.3}\"", checked.name);
        let _ = match &checked.verdict {
            Verdict::Passed(_) => writeln!(xml, "/>"),
            Verdict::Skipped(why) => writeln!(xml, "><skipped message=\"{}\"/></testcase>", escaped(why)),
            Verdict::Failed(why) => writeln!(xml, "><failure message=\"{}\"/></testcase>", escaped(why)),
        };
    }
    xml.push_str("</testsuite>\n");
    fs::write(path, xml).map_err(|error| Failure::NoAccess(format!("cannot write {}: {error}", path.display())))
}

fn millis(checked: &Checked) -> u128 {
    checked.took.as_millis()
}

/// `text` as the value of an XML attribute.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, char| {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char if char.is_control() => escaped.push(' '),
            char => escaped.push(char),
        }
        escaped
    })
}

// === impl Verdict ===

impl Verdict {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Passed(detail) => ("ok", detail),
            Self::Skipped(why) => ("skipped", why),
            Self::Failed(why) => ("failed", why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pipeline_can_read_it() {
        let checked = [
            Checked { name: "liveness", verdict: Verdict::Passed("200".into()), took: Duration::from_millis(12) },
            Checked { name: "tools", verdict: Verdict::Failed("a \"b\" <c> & d\n".into()), took: Duration::ZERO },
            Checked { name: "metrics", verdict: Verdict::Skipped("off".into()), took: Duration::ZERO },
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        write_junit(&checked, file.path()).unwrap();
        insta::assert_snapshot!(fs::read_to_string(file.path()).unwrap(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="codex-trace smoke" tests="3" failures="1" skipped="1">
          <testcase classname="smoke" name="liveness" time="0.012"/>
          <testcase classname="smoke" name="tools" time="0.000"><failure message="a &quot;b&quot; &lt;c&gt; &amp; d "/></testcase>
          <testcase classname="smoke" name="metrics" time="0.000"><skipped message="off"/></testcase>
        </testsuite>
        "#);
    }
}
