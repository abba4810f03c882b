//! The keep-id map: which host ids stand behind the ids of a box.

use serde::{Deserialize, Serialize};

/// Ids that a box needs: a full 16-bit range, as every distribution's tools expect (subuid(5)).
pub const RANGE: u32 = 65536;

/// One line of `/proc/PID/uid_map` (user_namespaces(7)): `count` ids from `inside` on are `outside` and on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// First id inside the user namespace.
    pub inside: u32,
    /// First id outside of it.
    pub outside: u32,
    /// How many ids.
    pub count: u32,
}

/// A whole map, for users and for groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// The user ids.
    pub uid: Vec<Extent>,
    /// The group ids.
    pub gid: Vec<Extent>,
}

impl IdMap {
    /// The keep-id map: the user's own ids stay what they are, and every other id below [`RANGE`] is one of the
    /// subordinate ids that begin at `sub_uid` and `sub_gid`. Root in the box is thus the first subordinate id. A user
    /// whose id is 65536 or above has it beside the range.
    pub fn keep_id(uid: u32, gid: u32, sub_uid: u32, sub_gid: u32) -> Self {
        Self { uid: keep_id(uid, sub_uid), gid: keep_id(gid, sub_gid) }
    }

    /// The map of a namespace inside this one in which every id stays what it is.
    #[must_use]
    pub fn within(&self) -> Self {
        let same = |extents: &[Extent]| extents.iter().map(|&e| Extent { outside: e.inside, ..e }).collect();
        Self { uid: same(&self.uid), gid: same(&self.gid) }
    }

    /// What `/proc/PID/{uid,gid}_map` takes: one extent a line.
    pub fn lines(extents: &[Extent]) -> String {
        extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect()
    }
}

fn keep_id(own: u32, sub: u32) -> Vec<Extent> {
    let kept = Extent { inside: own, outside: own, count: 1 };
    let below = Extent { inside: 0, outside: sub, count: own.min(RANGE) };
    // The own id takes a place of its own: one subordinate id fewer is used where it lies within the range.
    let above = match own.checked_add(1) {
        Some(next) if next < RANGE => Extent { inside: next, outside: sub + own, count: RANGE - next },
        _ => Extent { inside: 0, outside: 0, count: 0 },
    };
    [below, kept, above].into_iter().filter(|extent| extent.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(own: u32) -> String {
        IdMap::lines(&keep_id(own, 100_000))
    }

    #[test]
    fn the_own_id_stays_and_the_rest_is_subordinate() {
        assert_eq!(lines(1000), "0 100000 1000\n1000 1000 1\n1001 101000 64535\n");
    }

    #[test]
    fn within_it_every_id_is_the_same() {
        let map = IdMap::keep_id(1000, 100, 100_000, 200_000).within();
        assert_eq!(IdMap::lines(&map.uid), "0 0 1000\n1000 1000 1\n1001 1001 64535\n");
        assert_eq!(IdMap::lines(&map.gid), "0 0 100\n100 100 1\n101 101 65435\n");
    }

    #[test]
    fn edges() {
        assert_eq!(lines(0), "0 0 1\n1 100000 65535\n");
        assert_eq!(lines(65534), "0 100000 65534\n65534 65534 1\n65535 165534 1\n");
        assert_eq!(lines(65535), "0 100000 65535\n65535 65535 1\n");
        assert_eq!(lines(65536), "0 100000 65536\n65536 65536 1\n");
        assert_eq!(lines(4_000_000_000), "0 100000 65536\n4000000000 4000000000 1\n");
        assert_eq!(lines(u32::MAX - 1), "0 100000 65536\n4294967294 4294967294 1\n");
    }
}
