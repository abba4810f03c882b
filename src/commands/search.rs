//! `envbox search`

use serde::Serialize;

use super::recipes;
use crate::cli::Search;
use crate::error::Result;
use crate::host::Host;
use crate::recipe::{Entry, Machine, Source, Text, Verified, Version};
use crate::ui::{Cell, Style, Table, Ui};

/// A recipe, as `search --json` has it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    aliases: Vec<&'a str>,
    versions: Vec<RowVersion<'a>>,
    machines: Vec<&'a str>,
    /// Kinds of the default version's sources on this machine, in the order in which they are tried.
    sources: Vec<&'static str>,
    /// How the first of them is verified.
    verified: Option<Verified>,
    /// The user's own file.
    file: Option<String>,
}

#[derive(Debug, Serialize)]
struct RowVersion<'a> {
    name: &'a str,
    codename: Option<&'a str>,
    aliases: Vec<&'a str>,
    default: bool,
}

pub(super) fn run(args: &Search, host: &Host, ui: &Ui) -> Result {
    let catalogue = recipes::catalogue(host, ui);
    for fault in catalogue.faults() {
        ui.warning(&fault.to_string());
    }
    let found = catalogue.search(args.word.as_deref().unwrap_or_default());
    let mut rows: Vec<Row<'_>> = found.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.name);
    if args.json {
        ui.json(&rows)?;
    } else if rows.is_empty() {
        ui.note("no recipe comes near; `envbox search` lists all");
    } else {
        ui.table(&table(&rows))?;
    }
    Ok(u8::from(rows.is_empty()))
}

fn row(entry: &Entry) -> Row<'_> {
    let recipe = &entry.recipe;
    let default = recipe.versions.iter().find(|version| version.default);
    let resolved = default.and_then(|version| recipe.resolve(version, Machine::here()).ok());
    let sources = resolved.map(|resolved| resolved.sources).unwrap_or_default();
    Row {
        name: recipe.name.as_str(),
        title: &recipe.title,
        aliases: words(&recipe.aliases),
        versions: recipe.versions.iter().map(version).collect(),
        machines: recipe.architectures.keys().map(String::as_str).collect(),
        verified: sources.first().map(Source::verified),
        sources: sources.iter().map(Source::kind).collect(),
        file: entry.file.as_ref().map(|file| file.display().to_string()),
    }
}

fn version(version: &Version) -> RowVersion<'_> {
    RowVersion {
        name: version.name.as_str(),
        codename: version.codename.as_ref().map(Text::as_str),
        aliases: words(&version.aliases),
        default: version.default,
    }
}

fn words(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(Text::as_str).collect()
}

fn table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new(&["NAME", "TITLE", "SOURCES", "VERIFIED BY", "VERSIONS"]);
    for row in rows {
        let mut sources = row.sources.clone();
        sources.dedup();
        let verified = match row.verified {
            Some(verified @ (Verified::Digest | Verified::Signature)) => Cell::new(verified.words(), Style::Good),
            Some(verified) => verified.words().into(),
            None => Cell::new("not for this machine", Style::Bad),
        };
        table.row([row.name.into(), row.title.into(), sources.join(", ").into(), verified, versions(row).into()]);
    }
    table
}

/// The versions' names, the default first; those that have another name in common use, with it.
fn versions(row: &Row<'_>) -> String {
    let mut versions: Vec<&RowVersion<'_>> = row.versions.iter().collect();
    versions.sort_by_key(|version| !version.default);
    let shown = versions.iter().map(|version| match version.codename {
        Some(codename) if codename != version.name => format!("{} ({codename})", version.name),
        _ => version.name.to_owned(),
    });
    shown.collect::<Vec<_>>().join(", ")
}
