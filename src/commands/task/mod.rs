//! `envbox task`

mod list;
mod words;

use std::ffi::OsString;
use std::path::Path;

pub(super) use words::words;

use super::{apart, live, project, services, session};
use crate::cli;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::image::accounts::UserSpec;
use crate::plan::{SessionPlan, What, set_variable};
use crate::recipe::Text;
use crate::recipe::project::{Environment, NoOrder, Task, order};
use crate::store::StoredBox;
use crate::ui::Ui;

pub(super) fn run(args: &cli::Task, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let found = project::find(&context)?.ok_or_else(|| project::none(&context))?;
    let environment = found.environment(args.variant.as_deref())?;
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        return list::list(ui, &environment, args.json);
    };
    let order = order("task", &environment.tasks, [name], |task| &task.needs)?;
    let needed = services_of(&environment, &order)?;
    let stored = project::ready(&context, &found, &environment, &project::Options::new(&args.source, args.project))?;
    // The box stays up from the first task to the last one.
    let held = live::up(&context, &stored)?;
    if !needed.is_empty() {
        let status = services::bring_up(&context, &found, &environment, &stored, &needed)?;
        if status != 0 {
            return Ok(status);
        }
    }
    for dependency in order.iter().filter(|other| **other != name) {
        ui.note(&format!("task {dependency}"));
        if let Some(plan) = plan(&context, &found.root, &stored, &environment.tasks[*dependency], &[])? {
            let status = apart::carry_out(&context, &stored, &plan)?;
            if status != 0 {
                ui.note(&format!("task {dependency} failed: exit status {status}"));
                return Ok(status);
            }
        }
    }
    ui.step(&format!("task {name}"));
    let Some(plan) = plan(&context, &found.root, &stored, &environment.tasks[name], &args.arguments)? else {
        return Ok(0);
    };
    drop(held);
    session::carry_out(&context, &stored, &plan)
}

/// The services that tasks ask for, each once.
fn services_of(environment: &Environment, tasks: &[&str]) -> Result<Vec<String>> {
    let asked = tasks.iter().flat_map(|name| &environment.tasks[*name].services).map(Text::as_str);
    let all = order("service", &environment.services, asked, |service| &service.needs)?;
    Ok(all.into_iter().map(str::to_owned).collect())
}

/// The session of a task; none for one that only gathers others.
fn plan(
    context: &Context<'_>,
    root: &Path,
    stored: &StoredBox,
    task: &Task,
    arguments: &[OsString],
) -> Result<Option<SessionPlan>> {
    let Some(command) = &task.run else { return Ok(None) };
    let words = words(command, arguments);
    let user: Option<UserSpec> =
        task.user.as_ref().map(|user| user.as_str().parse()).transpose().map_err(Error::new)?;
    let workdir = workdir(root, task.workdir.as_ref());
    let wish =
        session::Wish { what: What::Command(&words), user: user.as_ref(), workdir: Some(&workdir), at_home: false, login: false };
    let mut plan = session::plan(context, stored, &wish)?;
    for (name, value) in &task.env {
        set_variable(&mut plan.env, name, value.into());
    }
    Ok(Some(plan))
}

/// Where a task or a service begins: in the project, or in its own place there.
pub(super) fn workdir(root: &Path, own: Option<&Text>) -> std::path::PathBuf {
    own.map_or_else(|| root.to_owned(), |dir| root.join(dir.as_str()))
}

impl From<NoOrder> for Error {
    fn from(error: NoOrder) -> Self {
        let hint = matches!(&error, NoOrder::Unknown { what: "task", needed_by: None, .. });
        let error = Self::new(error);
        if hint { error.hint("envbox task lists them") } else { error }
    }
}
