//! The tasks of a project, for people and for programs.

use serde::Serialize;

use crate::error::Result;
use crate::recipe::project::Environment;
use crate::ui::{Table, Ui};

/// A task, as `task --json` has it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    about: Option<&'a str>,
    needs: Vec<&'a str>,
    services: Vec<&'a str>,
}

pub(super) fn list(ui: &Ui, environment: &Environment, json: bool) -> Result {
    let rows: Vec<Row<'_>> = environment
        .tasks
        .iter()
        .map(|(name, task)| Row {
            name,
            about: task.about.as_deref(),
            needs: task.needs.iter().map(crate::recipe::Text::as_str).collect(),
            services: task.services.iter().map(crate::recipe::Text::as_str).collect(),
        })
        .collect();
    if json {
        ui.json(&rows)?;
        return Ok(0);
    }
    let mut table = Table::new(&["TASK", "ABOUT", "NEEDS"]);
    for row in rows {
        let needs: Vec<&str> = row.needs.iter().chain(&row.services).copied().collect();
        table.row([row.name.into(), row.about.unwrap_or_default().into(), needs.join(", ").into()]);
    }
    ui.table(&table)?;
    Ok(0)
}
