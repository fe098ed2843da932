//! A report as a page that needs no other file and runs nothing.

use super::document::{Document, Section};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem}\
.scroll{overflow-x:auto}\
table{border-collapse:collapse}\
caption{text-align:left;padding:.25rem 0}\
th,td{border:1px solid;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
th{white-space:nowrap}";

/// Writes `document`.
pub(super) fn render(document: &Document) -> String {
    let title = escape(&document.title);
    let facts = document
        .facts
        .iter()
        .map(|(name, value)| format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(name), escape(value)));
    let facts: String = facts.collect();
    let sections: String = document.sections.iter().map(section).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<caption>Summary</caption>\n\
         {facts}</table>\n</div>\n{sections}</main>\n</body>\n</html>\n"
    )
}

fn section(section: &Section) -> String {
    let Section { title, says, columns, rows } = section;
    let (title, says) = (escape(title), escape(says));
    if rows.is_empty() {
        return format!("<h2>{title}</h2>\n<p>{says}</p>\n<p>None.</p>\n");
    }
    let cells = |cells: &[String]| cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect::<String>();
    let titles: String = columns.iter().map(|title| format!("<th scope=\"col\">{}</th>", escape(title))).collect();
    let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells(row))).collect();
    format!(
        "<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<caption>{says}</caption>\n\
         <thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_no_markup() {
        let document = Document {
            title: "a <b>".to_owned(),
            facts: vec![("x", "\"><script>alert('1')</script>".to_owned())],
            sections: vec![Section {
                title: "T",
                says: "",
                columns: &["C"],
                rows: vec![vec!["<img src=x onerror=y>&".to_owned()]],
            }],
        };
        let page = render(&document);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("a <b>"), "{page}");
        assert!(page.contains("<td>&lt;img src=x onerror=y&gt;&amp;</td>"), "{page}");
    }
}
