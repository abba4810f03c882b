//! INI as distrobox has it: sections, `key=value`, values in quotes that may go over several lines, comments by `#` and `;`.

use crate::import::Error;

/// Line, key and value.
pub(super) type Entry = (u64, String, String);

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// What stands in the brackets.
    pub(super) name: String,
    /// The line that it begins on, from 1.
    pub(super) line: u64,
    /// In order; keys may come several times.
    pub(super) entries: Vec<Entry>,
}

/// Reads the sections.
///
/// # Errors
/// The first line that is none of such a file.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Section>, Error> {
    let fault = |line: u64, what: &str| Error::Syntax { file: file.to_owned(), line, what: what.to_owned() };
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| fault(number, "a section's name ends with `]`"))?;
            sections.push(Section { name: name.trim().to_owned(), line: number, entries: Vec::new() });
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| fault(number, "`key=value` is expected"))?;
        let mut value = value.trim().to_owned();
        if let Some(quote) = value.chars().next().filter(|c| ['"', '\''].contains(c)) {
            value.remove(0);
            while !value.contains(quote) {
                let (_, next) = lines.next().ok_or_else(|| fault(number, "the quote has no end"))?;
                value.push('\n');
                value.push_str(next);
            }
            value.truncate(value.rfind(quote).unwrap_or(value.len()));
        }
        let section = sections.last_mut().ok_or_else(|| fault(number, "it stands in no [section]"))?;
        section.entries.push((number, key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_quoted_values() {
        let text = "# x\n[a]\nimage=alpine:3.20\ninit_hooks=\"touch /x;\n  touch /y\"\n; y\n[b]\nk = v=w\n";
        let found = parse("x.ini", text).unwrap();
        assert_eq!(found[0].entries[1], (4, "init_hooks".into(), "touch /x;\n  touch /y".into()));
        assert_eq!((found[1].line, found[1].entries[0].2.as_str()), (7, "v=w"));
        for bad in ["k=v", "[a", "[a]\nx", "[a]\nk=\"x"] {
            assert!(parse("x.ini", bad).is_err(), "{bad}");
        }
    }
}
