//! `envbox stats`

mod table;

use std::time::{Duration, Instant};

use serde::Serialize;

pub(super) use table::share;

use super::group;
use crate::cli::Stats;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::limits::{Group, Members, Usage};
use crate::recipe::BoxName;
use crate::store;
use crate::sys::poll;
use crate::sys::process::Pid;
use crate::ui::Ui;

/// For how long it is looked what boxes do, to say how much of it they do at a time.
const SAMPLE: Duration = Duration::from_millis(250);

/// What a box uses, as `stats --json` has it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) name: BoxName,
    /// Of one processor: two that are busy are 200.
    pub(super) cpu_percent: f64,
    /// Bytes a second.
    pub(super) io_read_rate: f64,
    pub(super) io_write_rate: f64,
    #[serde(flatten)]
    pub(super) usage: Usage,
}

/// A box that is up, to be looked at again and again.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) name: BoxName,
    pub(super) keeper: i32,
    members: Members,
    group: Option<Group>,
    last: Option<(Instant, Usage)>,
}

impl Watched {
    /// A box, if it is up.
    pub(super) fn new(context: &Context<'_>, name: &BoxName) -> Option<Self> {
        let record = launch::keeper_of(&context.store.runtime(name))?;
        let members = Members::new(record.pid_namespace, Pid::from_raw(record.pid));
        let group = record.group.map(Group::at);
        Some(Self { name: name.clone(), keeper: record.pid, members, group, last: None })
    }

    /// What it uses, and how much since the last look.
    pub(super) fn look(&mut self) -> Row {
        let limited = self.group.as_ref().map(Group::limited);
        let usage = Usage::read(limited.as_deref(), &mut self.members);
        let now = Instant::now();
        let rate = |of: fn(&Usage) -> u64| match &self.last {
            Some((then, last)) => rate(of(last), of(&usage), now.saturating_duration_since(*then)),
            None => 0.0,
        };
        let row = Row {
            name: self.name.clone(),
            cpu_percent: rate(|usage| usage.cpu_usec) / 10_000.0,
            io_read_rate: rate(|usage| usage.io_read),
            io_write_rate: rate(|usage| usage.io_written),
            usage: usage.clone(),
        };
        self.last = Some((now, usage));
        row
    }
}

/// How much more it became in a second. What is summed over processes becomes less when one of them ends.
fn rate(last: u64, now: u64, time: Duration) -> f64 {
    let more = u32::try_from(now.saturating_sub(last)).map_or(f64::from(u32::MAX), f64::from);
    if time.is_zero() { 0.0 } else { more / time.as_secs_f64() }
}

pub(super) fn run(args: &Stats, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    group::clear_dead(&context);
    let mut boxes = Vec::new();
    for name in &args.names {
        if !context.store.has_box(name) {
            return Err(store::Error::NoBox(name.clone()).into());
        }
        match Watched::new(&context, name) {
            Some(watched) => boxes.push(watched),
            None => ui.note(&format!("box `{name}` is not running")),
        }
    }
    if args.names.is_empty() {
        boxes = store::box_names(context.store.data()).iter().filter_map(|name| Watched::new(&context, name)).collect();
    }
    boxes.iter_mut().for_each(|watched| drop(watched.look()));
    if !boxes.is_empty() {
        poll::wait(&[], Some(SAMPLE)).map_err(Error::new)?;
    }
    let rows: Vec<Row> = boxes.iter_mut().map(Watched::look).collect();
    if args.json {
        ui.json(&rows)?;
    } else {
        ui.table(&table::table(&rows))?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_a_second() {
        let half = Duration::from_millis(500);
        assert!((rate(100, 200, half) - 200.0).abs() < 1e-9);
        assert!(rate(200, 100, half) < 1e-9 && rate(0, 100, Duration::ZERO) < 1e-9);
    }
}
