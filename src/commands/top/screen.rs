//! What `envbox top` shows: text for a terminal of some size.

use std::cmp::Ordering;

use crate::cli::Column;
use crate::commands::stats::{Row, share};
use crate::ui;

/// Lines and columns of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) lines: usize,
    pub(super) columns: usize,
}

/// How the user wants to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) sort: Column,
    pub(super) reverse: bool,
    pub(super) coloured: bool,
}

/// To the first line; to the end of a line, and of the screen, what stood there before is erased (ECMA-48: CUP, EL, ED).
const HOME: &str = "\u{1b}[H";
const REST_OF_LINE: &str = "\u{1b}[K";
const REST_OF_SCREEN: &str = "\u{1b}[J";

/// A column of figures: its heading, its width, what one sorts by who sorts by it, and what stands in it.
struct Field {
    heading: &'static str,
    width: usize,
    sort: Option<Column>,
    cell: fn(&Row) -> String,
}

const FIELDS: [Field; 7] = [
    Field { heading: "CPU %", width: 7, sort: Some(Column::Cpu), cell: |row| format!("{:.1}", row.cpu_percent) },
    Field {
        heading: "MEMORY",
        width: 24,
        sort: Some(Column::Memory),
        cell: |row| share(row.usage.memory, row.usage.memory_limit, ui::size),
    },
    Field {
        heading: "PIDS",
        width: 13,
        sort: Some(Column::Pids),
        cell: |row| share(row.usage.pids, row.usage.pids_limit, |pids| pids.to_string()),
    },
    Field { heading: "READ/s", width: 11, sort: Some(Column::Io), cell: |row| bytes(row.io_read_rate) },
    Field { heading: "WRITTEN/s", width: 11, sort: None, cell: |row| bytes(row.io_write_rate) },
    Field { heading: "WAITED c/m/i", width: 14, sort: None, cell: waited },
    Field { heading: "KILLED", width: 7, sort: None, cell: |row| count(row.usage.events.oom_kills) },
];

/// The whole screen. What does not fit is left out: columns from the right, boxes from the end.
pub(super) fn screen(rows: &[Row], view: View, size: Size) -> String {
    let longest = rows.iter().map(|row| row.name.as_str().len()).max().unwrap_or(0).max(4);
    let name = longest.min(size.columns.saturating_sub(8).max(4));
    let mut room = size.columns.saturating_sub(name);
    let fields: Vec<&Field> = FIELDS
        .iter()
        .take_while(|field| {
            let fits = room > field.width;
            room = room.saturating_sub(field.width + 1);
            fits
        })
        .collect();
    let heading = line("NAME", name, fields.iter().map(|field| (heading(field, view), field.width)));
    let mut lines =
        vec![summary(rows).chars().take(size.columns).collect(), String::new(), painted("1", &heading, view.coloured)];
    lines.extend(sorted(rows, view).into_iter().map(|row| {
        let text = line(row.name.as_str(), name, fields.iter().map(|field| ((field.cell)(row), field.width)));
        if row.usage.events.oom_kills > Some(0) { painted("1;33", &text, view.coloured) } else { text }
    }));
    if rows.is_empty() {
        lines.push("no box is running".to_owned());
    }
    let room = size.lines.saturating_sub(1);
    lines.truncate(room);
    let keys: String =
        "c m p i n sort · r turn around · q leave".chars().take(size.columns.saturating_sub(1)).collect();
    let blank = room.saturating_sub(lines.len());
    lines.extend(std::iter::repeat_n(String::new(), blank));
    lines.push(painted("2", &keys, view.coloured));
    let body: Vec<String> = lines.iter().map(|line| format!("{line}{REST_OF_LINE}")).collect();
    // In raw mode a line feed goes down, and not to the left. None after the last line, which would scroll.
    format!("{HOME}{}{REST_OF_SCREEN}", body.join("\r\n"))
}

fn summary(rows: &[Row]) -> String {
    let (cpu, memory): (f64, u64) =
        (rows.iter().map(|row| row.cpu_percent).sum(), rows.iter().map(|row| row.usage.memory).sum());
    format!("envbox  {} running  cpu {cpu:.0} %  memory {}", rows.len(), ui::size(memory))
}

/// The column that is sorted by has a mark.
fn heading(field: &Field, view: View) -> String {
    let mark = if view.reverse { "^" } else { "v" };
    if field.sort == Some(view.sort) { format!("{mark}{}", field.heading) } else { field.heading.to_owned() }
}

fn line(name: &str, width: usize, cells: impl Iterator<Item = (String, usize)>) -> String {
    let shown: String = name.chars().take(width).collect();
    let mut line = format!("{shown:<width$}");
    cells.for_each(|(cell, width)| line += &format!(" {cell:>width$}"));
    line
}

fn painted(code: &str, text: &str, coloured: bool) -> String {
    if coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// The most first, and names from A on.
fn sorted(rows: &[Row], view: View) -> Vec<&Row> {
    let more = |a: f64, b: f64| b.total_cmp(&a);
    let by = |a: &&Row, b: &&Row| {
        let order = match view.sort {
            Column::Cpu => more(a.cpu_percent, b.cpu_percent),
            Column::Memory => b.usage.memory.cmp(&a.usage.memory),
            Column::Pids => b.usage.pids.cmp(&a.usage.pids),
            Column::Io => more(a.io_read_rate + a.io_write_rate, b.io_read_rate + b.io_write_rate),
            Column::Name => Ordering::Equal,
        };
        order.then_with(|| a.name.as_str().cmp(b.name.as_str()))
    };
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(by);
    if view.reverse {
        sorted.reverse();
    }
    sorted
}

fn bytes(rate: f64) -> String {
    // Whole bytes, by way of text: there is no cast that is always right.
    format!("{rate:.0}").parse().map(ui::size).unwrap_or_default()
}

fn waited(row: &Row) -> String {
    let pressure = &row.usage.pressure;
    let all = [pressure.cpu, pressure.memory, pressure.io];
    if all == [None; 3] {
        return "-".to_owned();
    }
    all.map(|part| part.map_or_else(|| "-".to_owned(), |part| format!("{part:.0}"))).join("/")
}

fn count(events: Option<u64>) -> String {
    events.map_or_else(|| "-".to_owned(), |events| events.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Events, Usage};

    fn row(name: &str, cpu_percent: f64, memory: u64, pids: u64) -> Row {
        let usage = Usage { memory, pids, memory_limit: Some(1 << 30), ..Usage::default() };
        Row { name: name.parse().unwrap(), cpu_percent, io_read_rate: 0.0, io_write_rate: 2048.0, usage }
    }

    fn lines(rows: &[Row], sort: Column, reverse: bool, size: Size) -> Vec<String> {
        let text = screen(rows, View { sort, reverse, coloured: false }, size);
        let text = text.strip_prefix(HOME).unwrap().strip_suffix(REST_OF_SCREEN).unwrap();
        text.split("\r\n").map(|line| line.strip_suffix(REST_OF_LINE).unwrap().to_owned()).collect()
    }

    fn names(sort: Column, reverse: bool) -> Vec<String> {
        let rows = [row("b", 1.0, 300, 1), row("a", 150.0, 100, 3), row("c", 1.0, 200, 2)];
        let all = lines(&rows, sort, reverse, Size { lines: 24, columns: 120 });
        all[3..6].iter().map(|line| line[..1].to_owned()).collect()
    }

    #[test]
    fn boxes_are_sorted_by_what_is_asked_for() {
        assert_eq!(names(Column::Cpu, false), ["a", "b", "c"]);
        assert_eq!(names(Column::Cpu, true), ["c", "b", "a"]);
        assert_eq!(names(Column::Memory, false), ["b", "c", "a"]);
        assert_eq!(names(Column::Pids, false), ["a", "c", "b"]);
        assert_eq!(
            (names(Column::Io, false), names(Column::Name, true)),
            (names(Column::Name, false), vec!["c".into(), "b".into(), "a".into()])
        );
    }

    #[test]
    fn it_is_as_large_as_the_terminal() {
        let rows: Vec<Row> = (0..50).map(|number| row(&format!("box{number}"), 0.0, 1 << 29, 1)).collect();
        for size in [(24, 80), (5, 20), (1, 1), (60, 200)].map(|(lines, columns)| Size { lines, columns }) {
            let all = lines(&rows, Column::Cpu, false, size);
            assert_eq!(all.len(), size.lines, "{size:?}");
            let fits = |line: &&String| line.chars().count() <= size.columns.max(12);
            assert!(all.iter().all(|line| fits(&line)), "{size:?} {all:?}");
        }
        let all = lines(&rows, Column::Cpu, false, Size { lines: 24, columns: 80 });
        assert!(all[2].starts_with("NAME   ") && all[2].contains("vCPU %") && !all[2].contains("KILLED"), "{all:?}");
        assert!(all[3].contains("512.00 MiB of 1.00 GiB") && all[23].ends_with("q leave"), "{all:?}");
    }

    #[test]
    fn what_was_killed_stands_out() {
        let mut killed = row("a", 0.0, 1, 1);
        killed.usage.events = Events { oom_kills: Some(2), refused_forks: None };
        let view = View { sort: Column::Cpu, reverse: false, coloured: true };
        let text = screen(&[killed], view, Size { lines: 10, columns: 200 });
        assert!(text.contains("\u{1b}[1;33ma") && text.contains(" 2\u{1b}[0m"), "{text:?}");
    }
}
