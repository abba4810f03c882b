//! `envbox trust --list`

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::texts;
use crate::context::Context;
use crate::error::Result;
use crate::recipe::project;
use crate::ui::{self, Cell, Style, Table};

/// A project, as `trust --list --json` has it. The time is in seconds since the epoch.
#[derive(Serialize)]
struct Row {
    root: PathBuf,
    since: u64,
    asks: usize,
    there: bool,
}

pub(super) fn run(context: &Context<'_>, json: bool) -> Result {
    let (agreed, bad) = context.store.all_agreed()?;
    bad.iter().for_each(|error| context.ui.warning(&texts(error)));
    let row = |agreed: crate::store::Agreed| Row {
        there: agreed.root.join(project::FILE).is_file(),
        since: agreed.since,
        asks: agreed.asks.len(),
        root: agreed.root,
    };
    let rows: Vec<Row> = agreed.into_iter().map(row).collect();
    if json {
        context.ui.json(&rows)?;
    } else {
        context.ui.table(&table(&rows))?;
    }
    Ok(0)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["PROJECT", "SINCE", "ASKS", ""]);
    for row in rows {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(row.since);
        let gone = if row.there { "".into() } else { Cell::new("gone", Style::Warning) };
        let root = row.root.display().to_string();
        table.row([root.into(), format!("{} ago", ui::age(since)).into(), row.asks.to_string().into(), gone]);
    }
    table
}
