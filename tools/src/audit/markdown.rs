//! A report in Markdown.

use super::document::{Document, Section};

/// Characters that mean something to Markdown, or to the HTML it may become.
const SPECIAL: &[char] = &['\\', '`', '*', '_', '~', '[', ']', '<', '>', '|', '&', '#', '!'];

/// Writes `document`.
pub(super) fn render(document: &Document) -> String {
    let facts = document.facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
    let sections: String = document.sections.iter().map(section).collect();
    format!("# {}\n\n{}{sections}", escape(&document.title), table(&["", ""], facts))
}

fn section(section: &Section) -> String {
    let Section { title, says, columns, rows } = section;
    let rows = if rows.is_empty() { "None.\n".to_owned() } else { table(columns, rows.iter().cloned()) };
    format!("\n## {}\n\n{}\n\n{rows}", escape(title), escape(says))
}

fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let titles = row(columns.iter().map(|title| escape(title)).collect());
    let rule = row(columns.iter().map(|_| "---".to_owned()).collect());
    let rows = rows.map(|cells| row(cells.iter().map(|cell| escape(cell)).collect()));
    titles + &rule + &rows.collect::<String>()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if SPECIAL.contains(&char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_stays_in_its_cell() {
        assert_eq!(escape("a|b <i>*x*</i> [y](z)"), r"a\|b \<i\>\*x\*\</i\> \[y\](z)");
    }
}
