//! The tasks of a project, for people and for programs.

use serde::Serialize;

use crate::error::Result;
use crate::recipe::project::{Command, Environment, Task};
use crate::ui::{Table, Ui};

/// Characters of a command that are shown.
const LONGEST: usize = 60;

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
    for (row, task) in rows.iter().zip(environment.tasks.values()) {
        let needs: Vec<&str> = row.needs.iter().chain(&row.services).copied().collect();
        let about = row.about.map_or_else(|| command(task), str::to_owned);
        table.row([row.name.into(), about.into(), needs.join(", ").into()]);
    }
    ui.table(&table)?;
    Ok(0)
}

/// What a task about which nothing is said runs: the first line, as far as there is room for it.
fn command(task: &Task) -> String {
    let text = match &task.run {
        None => String::new(),
        Some(Command::Line(line)) => line.clone(),
        Some(Command::Words(words)) => words.join(" "),
    };
    let line = text.lines().next().unwrap_or_default();
    let cut = line.char_indices().nth(LONGEST).map_or(line, |(end, _)| &line[..end]);
    if cut.len() < text.trim_end().len() { format!("{cut} …") } else { cut.to_owned() }
}
