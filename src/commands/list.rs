//! `envbox list`

use serde::Serialize;

use super::{group, system};
use crate::cli::List;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::launch;
use crate::recipe::{BoxName, Origin};
use crate::store;
use crate::ui::{Cell, Style, Table, Ui};

/// A box, as `list --json` has it.
#[derive(Debug, Serialize)]
struct Row {
    name: BoxName,
    state: State,
    kind: Option<Kind>,
    from: String,
    image: Option<String>,
    title: Option<String>,
    project: Option<Origin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    Stopped,
    Damaged,
}

/// What is process 1 of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Application,
    System,
}

pub(super) fn run(args: &List, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    group::clear_dead(&context);
    let names = store::box_names(context.store.data());
    let rows: Vec<Row> = names.into_iter().map(|name| row(&context, name)).collect();
    if args.json {
        ui.json(&rows)?;
    } else {
        ui.table(&table(&rows))?;
    }
    Ok(0)
}

fn row(context: &Context<'_>, name: BoxName) -> Row {
    let running = launch::is_up(&context.store.runtime(&name));
    match context.store.open_box(&name) {
        Ok(stored) => Row {
            name,
            state: if running { State::Running } else { State::Stopped },
            kind: Some(if system::is_one(&stored.config) { Kind::System } else { Kind::Application }),
            from: stored.config.from,
            image: Some(stored.digest.to_string()),
            title: Some(stored.image.provenance.title),
            project: stored.config.project,
        },
        Err(_) => Row {
            name,
            state: State::Damaged,
            kind: None,
            from: String::new(),
            image: None,
            title: None,
            project: None,
        },
    }
}

fn table(rows: &[Row]) -> Table {
    // Who has no projects has no use for a column of them.
    let projects = rows.iter().any(|row| row.project.is_some());
    let systems = rows.iter().any(|row| row.kind == Some(Kind::System));
    let columns =
        [("NAME", true), ("STATE", true), ("KIND", systems), ("FROM", true), ("IMAGE", true), ("PROJECT", projects)];
    let columns: Vec<&str> = columns.into_iter().filter_map(|(name, shown)| shown.then_some(name)).collect();
    let mut table = Table::new(&columns);
    for row in rows {
        let state = match row.state {
            State::Running => Cell::new("running", Style::Good),
            State::Stopped => "stopped".into(),
            State::Damaged => Cell::new("damaged", Style::Bad),
        };
        let mut cells = vec![row.name.to_string().into(), state];
        if systems {
            cells.push(if row.kind == Some(Kind::System) { "system".into() } else { "".into() });
        }
        cells.extend([row.from.clone().into(), row.title.clone().unwrap_or_default().into()]);
        if projects {
            cells.push(row.project.as_ref().map(project).unwrap_or_default().into());
        }
        table.row(cells);
    }
    table
}

/// A project's directory, and its variant.
fn project(origin: &Origin) -> String {
    let variant = origin.variant.as_ref().map(|variant| format!("#{variant}")).unwrap_or_default();
    format!("{}{variant}", origin.root.display())
}
