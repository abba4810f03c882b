//! The keep-id map: which host ids stand behind the ids of a box.

use serde::{Deserialize, Serialize};

use super::split;
use crate::host::{Range, SubIds};

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
    /// The keep-id map: the user's own ids stay what they are, and every other id of a box is one of the subordinate ones,
    /// in their order. Root in the box is thus the first subordinate id. A user whose id is none of a box's has it beside
    /// them.
    pub fn keep_id(uid: u32, gid: u32, ids: &SubIds) -> Self {
        Self { uid: keep_id(uid, ids.uid), gid: keep_id(gid, ids.gid) }
    }

    /// The ids of the box that are for boxes inside it. `None` where there are too few.
    pub fn given(&self, uid: u32, gid: u32) -> Option<SubIds> {
        let given = |extents: &[Extent], own| split::given(&inside(extents), own);
        given(&self.uid, uid).zip(given(&self.gid, gid)).map(|(uid, gid)| SubIds { uid, gid })
    }

    /// Whether a box has all these ids.
    pub fn has(&self, ids: &SubIds) -> bool {
        let has = |extents: &[Extent], range: Range| Range::cover(&inside(extents), range);
        has(&self.uid, ids.uid) && has(&self.gid, ids.gid)
    }

    /// Whether every id of another map is in this one, and stands for the same.
    pub fn extends(&self, other: &Self) -> bool {
        let extends = |extents: &[Extent], others: &[Extent]| {
            others.iter().all(|old| {
                let within = |new: &&Extent| new.inside <= old.inside && old.end() <= new.end();
                let new = extents.iter().find(within);
                new.is_some_and(|new| old.outside.checked_sub(new.outside) == Some(old.inside - new.inside))
            })
        };
        extends(&self.uid, &other.uid) && extends(&self.gid, &other.gid)
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

impl Extent {
    fn end(&self) -> u64 {
        u64::from(self.inside) + u64::from(self.count)
    }
}

fn inside(extents: &[Extent]) -> Vec<Range> {
    let mut ids: Vec<Range> = extents.iter().map(|e| Range { start: e.inside, count: e.count }).collect();
    ids.sort_unstable_by_key(|range| range.start);
    ids
}

fn keep_id(own: u32, sub: Range) -> Vec<Extent> {
    let (mut extents, mut next, mut kept) =
        (Vec::new(), sub.start, Some(Extent { inside: own, outside: own, count: 1 }));
    let mut take = |extents: &mut Vec<Extent>, from: u32, to: u32| {
        if from < to {
            extents.push(Extent { inside: from, outside: next, count: to - from });
            next += to - from;
        }
    };
    for Range { start, count } in split::of(sub.count) {
        let end = start + count;
        if own < end
            && let Some(kept) = kept.take()
        {
            // The own id takes a place of its own: one subordinate id fewer is used where it lies within the range.
            take(&mut extents, start, own);
            extents.push(kept);
            take(&mut extents, start.max(own + 1), end);
        } else {
            take(&mut extents, start, end);
        }
    }
    extents.extend(kept);
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(start: u32) -> Range {
        Range { start, count: 65536 }
    }

    fn lines(own: u32) -> String {
        IdMap::lines(&keep_id(own, usual(100_000)))
    }

    #[test]
    fn the_own_id_stays_and_the_rest_is_subordinate() {
        assert_eq!(lines(1000), "0 100000 1000\n1000 1000 1\n1001 101000 64535\n");
    }

    #[test]
    fn within_it_every_id_is_the_same() {
        let map = IdMap::keep_id(1000, 100, &SubIds { uid: usual(100_000), gid: usual(200_000) }).within();
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

    #[test]
    fn a_box_in_a_box_has_the_upper_end_and_a_hole() {
        let small = Range { start: 15_296, count: 45_888 };
        assert_eq!(
            IdMap::lines(&keep_id(1000, small)),
            "0 15296 1000\n1000 1000 1\n1001 16296 40535\n61184 56831 4352\n"
        );
        assert_eq!(IdMap::lines(&keep_id(50_000, small)), "0 15296 41536\n50000 50000 1\n61184 56832 4352\n");
        assert_eq!(IdMap::lines(&keep_id(61_184, small)), "0 15296 41536\n61184 61184 1\n61185 56832 4351\n");
    }

    #[test]
    fn ids_beyond_the_usual_ones_are_there_too() {
        let large = Range { start: 100_000, count: 131_072 };
        assert_eq!(IdMap::lines(&keep_id(1000, large)), "0 100000 1000\n1000 1000 1\n1001 101000 130071\n");
        assert_eq!(IdMap::lines(&keep_id(70_000, large)), "0 100000 70000\n70000 70000 1\n70001 170000 61071\n");
    }

    #[test]
    fn what_extends_another_map_keeps_its_files() {
        let of = |start, count| {
            let ids = Range { start, count };
            IdMap::keep_id(1000, 1000, &SubIds { uid: ids, gid: ids })
        };
        let old = of(100_000, 65_536);
        assert!(of(100_000, 131_072).extends(&old) && old.extends(&old));
        for other in [of(100_001, 131_072), of(100_000, 40_000), of(99_999, 65_536)] {
            assert!(!other.extends(&old), "{other:?}");
        }
        assert!(!old.extends(&of(100_000, 131_072)));
    }

    #[test]
    fn what_is_given_on_is_there_and_is_not_the_users_own() {
        for (own, count) in [(1000, 65_536), (0, 65_536), (30_000, 65_536), (4_000_000_000, 131_072), (1000, 4000)] {
            let ids = Range { start: 100_000, count };
            let map = IdMap::keep_id(own, own, &SubIds { uid: ids, gid: ids });
            let given = map.given(own, own).unwrap();
            assert!(map.has(&given) && map.within().has(&given), "{own} {count} {given:?}");
            assert!(own < given.uid.start || own - given.uid.start >= given.uid.count, "{own} {count} {given:?}");
        }
        let few = Range { start: 100_000, count: 2048 };
        assert_eq!(IdMap::keep_id(1000, 1000, &SubIds { uid: few, gid: few }).given(1000, 1000), None);
    }
}
