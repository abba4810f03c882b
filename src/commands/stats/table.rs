//! What boxes use, as a table.

use std::time::Duration;

use super::Row;
use crate::limits::Pressure;
use crate::ui::{self, Cell, Style, Table};

/// A column: its heading, and what stands in it.
type Column = (&'static str, fn(&Row) -> String);

/// Always there.
const FIRST: [Column; 6] = [
    ("NAME", |row| row.name.to_string()),
    ("CPU", |row| format!("{:.1} %", row.cpu_percent)),
    ("TIME", |row| time(row.usage.cpu_usec)),
    ("MEMORY", |row| share(row.usage.memory, row.usage.memory_limit, ui::size)),
    ("PIDS", |row| share(row.usage.pids, row.usage.pids_limit, |pids| pids.to_string())),
    ("READ", |row| ui::size(row.usage.io_read)),
];

/// Left out where they have nothing to say.
const MORE: [Column; 7] = [
    ("WRITTEN", |row| ui::size(row.usage.io_written)),
    ("PEAK", |row| row.usage.memory_peak.map(ui::size).unwrap_or_default()),
    ("SWAP", |row| if row.usage.swap > 0 { ui::size(row.usage.swap) } else { String::new() }),
    ("WAITED", |row| waited(&row.usage.pressure)),
    ("THROTTLED", |row| row.usage.throttled_usec.filter(|time| *time > 0).map(time).unwrap_or_default()),
    ("KILLED", |row| count(row.usage.events.oom_kills)),
    ("REFUSED", |row| count(row.usage.events.refused_forks)),
];

/// All of it. Which figures were counted process by process stands in a column of its own.
pub(super) fn table(rows: &[Row]) -> Table {
    let more = MORE.iter().filter(|(_, cell)| rows.iter().any(|row| !cell(row).is_empty()));
    let mut columns: Vec<Column> = FIRST.iter().chain(more).copied().collect();
    if rows.iter().any(|row| !row.usage.summed.is_empty()) {
        columns.push(("BY PROCESSES", |row| row.usage.summed.join(" ")));
    }
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut table = Table::new(&headings);
    for row in rows {
        table.row(columns.iter().map(|(heading, cell)| match *heading {
            "KILLED" | "REFUSED" => Cell::new(&cell(row), Style::Warning),
            "BY PROCESSES" => Cell::new(&cell(row), Style::Faint),
            _ => cell(row).into(),
        }));
    }
    table
}

/// How much of how much.
pub(in crate::commands) fn share(used: u64, limit: Option<u64>, shown: fn(u64) -> String) -> String {
    limit.map_or_else(|| shown(used), |limit| format!("{} of {}", shown(used), shown(limit)))
}

fn count(events: Option<u64>) -> String {
    events.filter(|events| *events > 0).map(|events| events.to_string()).unwrap_or_default()
}

/// Percent of the last ten seconds for which something waited for what.
fn waited(pressure: &Pressure) -> String {
    let all = [("cpu", pressure.cpu), ("memory", pressure.memory), ("io", pressure.io)];
    let some = all.iter().filter_map(|(of, part)| Some((of, (*part).filter(|part| *part >= 0.01)?)));
    some.map(|(of, part)| format!("{of} {part:.0} %")).collect::<Vec<_>>().join(" ")
}

fn time(microseconds: u64) -> String {
    let time = Duration::from_micros(microseconds);
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_read_them() {
        assert_eq!((time(1_500_000), time(3_725_000_000)), ("1.5 s".into(), "1:02:05".into()));
        assert_eq!(share(1024, Some(4096), ui::size), "1.00 KiB of 4.00 KiB");
        assert_eq!(waited(&Pressure { cpu: Some(0.0), memory: Some(12.4), io: None }), "memory 12 %");
        assert_eq!((count(None), count(Some(0)), count(Some(2))), (String::new(), String::new(), "2".into()));
    }
}
