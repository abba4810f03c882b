//! Subordinate ids: the ranges that the administrator gave this user (subuid(5)).

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::User;

/// How many ids a box had best have: all of 16 bits.
const USUAL: u32 = 65536;

/// Above the ranges of useradd(8), which come from below, and of systemd-nspawn(1), which end at 1878982656; below what
/// some file systems take for a negative number.
const HIGH: u32 = 2_000_000_000;

/// A range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first id.
    pub start: u32,
    /// How many.
    pub count: u32,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.start, self.count)
    }
}

impl Range {
    /// How many ids a box needs at the least: a distribution's own accounts have numbers below 1000, and some are at the end
    /// of 16 bits.
    pub const LEAST: u32 = 2048;

    /// Whether all ids of a range are among these ranges, which are in ascending order.
    pub fn cover(ranges: &[Self], wanted: Self) -> bool {
        let end = u64::from(wanted.start) + u64::from(wanted.count);
        let reached = ranges.iter().fold(u64::from(wanted.start), |reached, range| {
            let range = u64::from(range.start)..u64::from(range.start) + u64::from(range.count);
            if range.contains(&reached) { range.end } else { reached }
        });
        reached >= end
    }
}

/// The ranges to build a map from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubIds {
    /// The subordinate user ids.
    pub uid: Range,
    /// The subordinate group ids.
    pub gid: Range,
}

/// Why this user has no usable range. The text names the file and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SubIdError {
    /// No range at all.
    #[error("{user} has no subordinate ids in {file}")]
    None {
        /// The user.
        user: String,
        /// `/etc/subuid` or `/etc/subgid`.
        file: &'static str,
    },
    /// No range is large enough.
    #[error("{user}'s largest range in {file} has {count} ids, and a box needs {}", Range::LEAST)]
    TooSmall {
        /// The user.
        user: String,
        /// The file.
        file: &'static str,
        /// The size of the largest one.
        count: u32,
    },
    /// The user's own id is one of the subordinate ones.
    #[error("{user}'s own id {id} lies inside the range {start}:{count} in {file}")]
    OwnIdInside {
        /// The user.
        user: String,
        /// The file.
        file: &'static str,
        /// The user's id.
        id: u32,
        /// First id of the range.
        start: u32,
        /// Size of the range.
        count: u32,
    },
}

/// All that keeps a user from having subordinate ids, so that it can be mended in one go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct NoSubIds(Vec<SubIdError>);

impl NoSubIds {
    /// What mends it, a line for each file, for root to do.
    pub fn remedies(&self) -> Vec<String> {
        self.0.iter().map(SubIdError::remedy).collect()
    }
}

impl SubIdError {
    /// What mends it, for root to do.
    fn remedy(&self) -> String {
        let (user, file) = match self {
            Self::None { user, file } | Self::TooSmall { user, file, .. } | Self::OwnIdInside { user, file, .. } => {
                (user, file)
            }
        };
        let start = free_start(&fs::read_to_string(file).unwrap_or_default());
        match self {
            Self::OwnIdInside { .. } => format!("replace that line of {file} by `{user}:{start}:{USUAL}`"),
            Self::None { .. } | Self::TooSmall { .. } => {
                format!("add this line to {file}, as root: {user}:{start}:{USUAL}")
            }
        }
    }
}

impl SubIds {
    /// The ranges of a user: from getsubids(1) where there is one (it knows the name service's), else from
    /// `/etc/subuid` and `/etc/subgid`, by name and by number.
    ///
    /// # Errors
    /// [`NoSubIds`]: what is wrong with either file.
    pub fn of(user: &User) -> Result<Self, NoSubIds> {
        let uid = choose(&ranges(user, "/etc/subuid", &[]), user, user.uid, "/etc/subuid");
        let gid = choose(&ranges(user, "/etc/subgid", &["-g"]), user, user.gid, "/etc/subgid");
        match (uid, gid) {
            (Ok(uid), Ok(gid)) => Ok(Self { uid, gid }),
            (uid, gid) => Err(NoSubIds([uid.err(), gid.err()].into_iter().flatten().collect())),
        }
    }

    /// Root's ranges: its own, else a free one far above what useradd(8) hands out. Nothing needs to be registered, since
    /// root writes maps without asking.
    pub fn of_root(user: &User) -> Self {
        let range = |file, getsubids: &[&str]| {
            choose(&ranges(user, file, getsubids), user, 0, file).unwrap_or_else(|_| Range {
                start: free_start(&fs::read_to_string(file).unwrap_or_default()).max(HIGH),
                count: USUAL,
            })
        };
        Self { uid: range("/etc/subuid", &[]), gid: range("/etc/subgid", &["-g"]) }
    }
}

/// The ranges that a file (`/etc/subuid`, `/etc/subgid`) gives a user, by name or by number, in ascending order. No name
/// service is asked: a setuid program runs no other.
pub fn granted(file: &str, name: &str, uid: u32) -> Vec<Range> {
    let mut ranges = parse_file(&fs::read_to_string(file).unwrap_or_default(), name, uid);
    ranges.sort_unstable_by_key(|range| range.start);
    ranges
}

/// The ids that there are in this process's user namespace, in ascending order: `file` is `uid_map` or `gid_map`
/// (user_namespaces(7)).
pub fn mapped(file: &str) -> Vec<Range> {
    parse_map(&fs::read_to_string(Path::new("/proc/self").join(file)).unwrap_or_default())
}

fn parse_map(map: &str) -> Vec<Range> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Range { start: words.next()?.parse().ok()?, count: words.nth(1)?.parse().ok()? })
    };
    let mut ids: Vec<Range> = map.lines().filter_map(line).collect();
    ids.sort_unstable_by_key(|range| range.start);
    ids
}

fn ranges(user: &User, file: &str, getsubids: &[&str]) -> Vec<Range> {
    // getsubids prints "0: NAME START COUNT" a range (getsubids(1)).
    let output = Command::new("getsubids").args(getsubids).arg(&user.name).stdin(Stdio::null()).output();
    if let Some(output) = output.ok().filter(|output| output.status.success()) {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return text.lines().filter_map(parse_getsubids).collect();
    }
    parse_file(&fs::read_to_string(file).unwrap_or_default(), &user.name, user.uid)
}

fn parse_getsubids(line: &str) -> Option<Range> {
    let mut words = line.split_whitespace().rev();
    let count = words.next()?.parse().ok()?;
    let start = words.next()?.parse().ok()?;
    Some(Range { start, count })
}

fn parse_file(content: &str, name: &str, uid: u32) -> Vec<Range> {
    let uid = uid.to_string();
    content
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let range = Range { start: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
            (owner == name || owner == uid).then_some(range)
        })
        .collect()
}

fn choose(ranges: &[Range], user: &User, own: u32, file: &'static str) -> Result<Range, SubIdError> {
    let name = || user.name.clone();
    let inside = |range: &Range| own >= range.start && own - range.start < range.count;
    let usable = || ranges.iter().filter(|range| !inside(range));
    let usual = usable().find(|range| range.count >= USUAL);
    let most = usable().max_by_key(|range| range.count).filter(|range| range.count >= Range::LEAST);
    if let Some(&range) = usual.or(most) {
        return Ok(range);
    }
    if let Some(Range { start, count }) = ranges.iter().copied().find(inside) {
        return Err(SubIdError::OwnIdInside { user: name(), file, id: own, start, count });
    }
    match ranges.iter().map(|range| range.count).max() {
        Some(count) => Err(SubIdError::TooSmall { user: name(), file, count }),
        None => Err(SubIdError::None { user: name(), file }),
    }
}

/// The first multiple of 65536, plus shadow's customary 100000 offset, above every range in the file.
fn free_start(content: &str) -> u32 {
    let end = |line: &str| {
        let mut fields = line.trim().split(':').skip(1);
        let start: u32 = fields.next()?.parse().ok()?;
        start.checked_add(fields.next()?.parse().ok()?)
    };
    content.lines().filter_map(end).max().unwrap_or(0).max(100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<Range, SubIdError> {
        let user = User::example();
        choose(&parse_file(content, &user.name, user.uid), &user, 1000, "/etc/subuid")
    }

    #[test]
    fn by_name_and_by_number() {
        let range = Range { start: 200_000, count: 65536 };
        assert_eq!(of("bo:100000:65536\nal:200000:65536\n"), Ok(range));
        assert_eq!(of("1000:200000:65536"), Ok(range));
        assert_eq!(of("alan:1:65536\n10001:1:65536\n# al:1:1\n\nal:200000:65536\n"), Ok(range));
        assert_eq!(of("al:100000:9999\nal:200000:65536\nal:300000:65537\n"), Ok(range), "the first that is usual");
        assert_eq!(
            of("al:100000:2048\nal:200000:4096\n"),
            Ok(Range { start: 200_000, count: 4096 }),
            "else the largest"
        );
    }

    #[test]
    fn refusals() {
        assert!(matches!(of(""), Err(SubIdError::None { .. })));
        assert!(matches!(of("al:100000:2047"), Err(SubIdError::TooSmall { count: 2047, .. })));
        assert!(matches!(of("al:500:65536"), Err(SubIdError::OwnIdInside { id: 1000, .. })));
        assert!(matches!(of("al:x:65536\nal:1\nal"), Err(SubIdError::None { .. })));
    }

    #[test]
    fn ranges_cover_what_they_have_without_a_gap() {
        let ranges =
            [Range { start: 0, count: 10 }, Range { start: 10, count: 5 }, Range { start: 20, count: u32::MAX }];
        for (start, count, covered) in
            [(0, 15, true), (9, 2, true), (14, 2, false), (15, 1, false), (30, u32::MAX - 10, true)]
        {
            assert_eq!(Range::cover(&ranges, Range { start, count }), covered, "{start} {count}");
        }
    }

    #[test]
    fn a_map_is_read() {
        let map = "         0    1410720       1029\n      1029       1029          1\n";
        assert_eq!(parse_map(map), [Range { start: 0, count: 1029 }, Range { start: 1029, count: 1 }]);
    }

    #[test]
    fn a_free_range_is_above_all_others() {
        assert_eq!(free_start(""), 100_000);
        assert_eq!(free_start("a:100000:65536\nb:165536:65536\nbroken:9:x\n"), 231_072);
    }
}
