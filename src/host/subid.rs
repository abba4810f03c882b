//! Subordinate ids: the ranges that the administrator gave this user (subuid(5)).

use std::fs;
use std::process::{Command, Stdio};

use super::User;

/// How many ids a box needs.
const NEEDED: u32 = 65536;

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
    #[error("{user}'s largest range in {file} has {count} ids, and a box needs {NEEDED}")]
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
            Self::OwnIdInside { .. } => format!("replace that line of {file} by `{user}:{start}:{NEEDED}`"),
            Self::None { .. } | Self::TooSmall { .. } => {
                format!("add this line to {file}, as root: {user}:{start}:{NEEDED}")
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
                count: NEEDED,
            })
        };
        Self { uid: range("/etc/subuid", &[]), gid: range("/etc/subgid", &["-g"]) }
    }
}

fn ranges(user: &User, file: &str, getsubids: &[&str]) -> Vec<Range> {
    // getsubids prints "0: NAME START COUNT" a range (getsubids(1)).
    let output = Command::new("getsubids").args(getsubids).arg(&user.name).stdin(Stdio::null()).output();
    if let Some(output) = output.ok().filter(|output| output.status.success()) {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return text.lines().filter_map(parse_getsubids).collect();
    }
    parse_file(&fs::read_to_string(file).unwrap_or_default(), user)
}

fn parse_getsubids(line: &str) -> Option<Range> {
    let mut words = line.split_whitespace().rev();
    let count = words.next()?.parse().ok()?;
    let start = words.next()?.parse().ok()?;
    Some(Range { start, count })
}

fn parse_file(content: &str, user: &User) -> Vec<Range> {
    let uid = user.uid.to_string();
    content
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let range = Range { start: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
            (owner == user.name || owner == uid).then_some(range)
        })
        .collect()
}

fn choose(ranges: &[Range], user: &User, own: u32, file: &'static str) -> Result<Range, SubIdError> {
    let name = || user.name.clone();
    let inside = |range: &Range| own >= range.start && own - range.start < range.count;
    if let Some(&range) = ranges.iter().find(|range| range.count >= NEEDED && !inside(range)) {
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
        choose(&parse_file(content, &User::example()), &User::example(), 1000, "/etc/subuid")
    }

    #[test]
    fn by_name_and_by_number() {
        let range = Range { start: 200_000, count: 65536 };
        assert_eq!(of("bo:100000:65536\nal:200000:65536\n"), Ok(range));
        assert_eq!(of("1000:200000:65536"), Ok(range));
        assert_eq!(of("alan:1:65536\n10001:1:65536\n# al:1:1\n\nal:200000:65536\n"), Ok(range));
        assert_eq!(of("al:100000:10\nal:200000:65536\n"), Ok(range), "the first that is large enough");
    }

    #[test]
    fn refusals() {
        assert!(matches!(of(""), Err(SubIdError::None { .. })));
        assert!(matches!(of("al:100000:65535"), Err(SubIdError::TooSmall { count: 65535, .. })));
        assert!(matches!(of("al:500:65536"), Err(SubIdError::OwnIdInside { id: 1000, .. })));
        assert!(matches!(of("al:x:65536\nal:1\nal"), Err(SubIdError::None { .. })));
    }

    #[test]
    fn a_free_range_is_above_all_others() {
        assert_eq!(free_start(""), 100_000);
        assert_eq!(free_start("a:100000:65536\nb:165536:65536\nbroken:9:x\n"), 231_072);
    }
}
