//! `envbox limit`, and what of limits other verbs have to do with.

mod change;
mod flags;
mod force;
mod showable;
mod told;

use serde::Serialize;

pub(super) use flags::{for_this_start, over};
pub(super) use force::{Force, announce, disks, place};
pub(super) use showable::showable;
pub(super) use told::Watch;

use super::group;
use crate::cli::{self, Limiting};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::limits::Events;
use crate::limits::enforce::{By, Enforced};
use crate::recipe::settings::Limits;
use crate::recipe::{BoxConfig, BoxName};
use crate::store::{Settings, StoredBox};
use crate::ui::{Cell, Style, Table, Ui};

pub(super) fn run(args: &cli::Limit, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    if args.apply || args.limits != Limiting::default() {
        alter(&context, args)?;
    } else {
        show(&context, &args.name, args.json)?;
    }
    Ok(0)
}

/// Writes new limits down, and gives them to the box if it is up.
fn alter(context: &Context<'_>, args: &cli::Limit) -> Result<()> {
    let name = &args.name;
    let runtime = context.store.runtime(name);
    let _lock = runtime.lock(|| context.ui.note("waiting for another envbox that is starting or stopping this box"))?;
    let stored = context.store.open_box(name)?;
    let live = launch::connect(&runtime)?;
    if live.is_none() {
        group::clear(context, name)?;
    }
    let written = over(&stored.config.limits, &args.limits)?;
    if let Some(live) = &live {
        let settings = runtime.settings();
        let now = settings.as_ref().map(|settings| settings.limits.clone()).unwrap_or_default();
        let wanted = if args.apply { written.clone() } else { over(&now, &args.limits)? };
        change::change(context, &stored, live, wanted.clone())?;
        let config = settings.map_or_else(|| stored.config.clone(), |settings| settings.config);
        let config = BoxConfig { limits: written.clone(), ..config };
        runtime.record_settings(&Settings { config, limits: wanted })?;
    }
    match (&stored.config.project, live.is_some()) {
        (Some(_), true) => context.ui.note("until it stops: the box of a project has the limits of its recipe"),
        (Some(origin), false) => {
            return Err(Error::new(format!("the box `{name}` is not up, and has the limits of its project's recipe"))
                .hint(format!("change `limits` in {}/envbox.yaml", origin.root.display())));
        }
        (None, _) if written == stored.config.limits => {}
        (None, up) => {
            context.store.set_config(name, &BoxConfig { limits: written, ..stored.config })?;
            if !up {
                context.ui.note(&format!("box `{name}` has the new limits at its next start"));
            }
        }
    }
    Ok(())
}

/// A box's limits, as `limit --json` has them.
#[derive(Debug, Serialize)]
struct Shown {
    name: BoxName,
    running: bool,
    /// The directory of the box's cgroup.
    cgroup: Option<std::path::PathBuf>,
    limits: Vec<Enforced>,
    /// What `box.yaml` says, for the next start.
    next: Limits,
    #[serde(flatten)]
    events: Events,
}

fn show(context: &Context<'_>, name: &BoxName, json: bool) -> Result<()> {
    let stored = context.store.open_box(name)?;
    group::clear_if_dead(context, name)?;
    let runtime = context.store.runtime(name);
    let running = launch::is_up(&runtime);
    let force = if running { Force::of(context, name, runtime.limits()) } else { expected(context, &stored)? };
    let shown = Shown {
        name: name.clone(),
        running,
        cgroup: force.group.as_ref().map(|group| group.dir().to_owned()),
        limits: force.enforced(),
        events: force.events(),
        next: stored.config.limits,
    };
    if json {
        return context.ui.json(&shown);
    }
    if shown.limits.is_empty() {
        context.ui.line(&format!("box `{name}` has no limits"))?;
    } else {
        context.ui.table(&table(&shown.limits))?;
    }
    if shown.running && shown.next != force.limits && stored.config.project.is_none() {
        context.ui.note(&format!("box.yaml has other limits: envbox limit {name} --apply puts those in force"));
    }
    Ok(())
}

/// What would enforce the limits of a box if it were started.
fn expected(context: &Context<'_>, stored: &StoredBox) -> Result<Force> {
    let machine = super::group::machine(context, stored)?;
    Ok(Force::expected(stored.config.limits.clone(), machine, &stored.name))
}

fn table(limits: &[Enforced]) -> Table {
    let mut table = Table::new(&["LIMIT", "VALUE", "BY", ""]);
    for limit in limits {
        let by = match (limit.by, &limit.but) {
            (By::Nothing, _) => Cell::new("nothing", Style::Bad),
            (By::Affinity, Some(_)) => Cell::new("affinity", Style::Warning),
            (By::Rlimit, Some(_)) => Cell::new("rlimit", Style::Warning),
            (By::Affinity, None) => Cell::new("affinity", Style::Good),
            (By::Rlimit, None) => Cell::new("rlimit", Style::Good),
            (By::Cgroup, _) => Cell::new("cgroup", Style::Good),
        };
        table.row([limit.key.into(), limit.value.clone().into(), by, limit.but.clone().unwrap_or_default().into()]);
    }
    table
}
