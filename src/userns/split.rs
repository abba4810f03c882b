//! Which ids a box has, and which of them are for the boxes inside it.
//!
//! A box whose range is the usual one has all ids of 16 bits, and gives three quarters of the lower ones on, which no account
//! of a distribution's has. With a larger range it gives on what lies above 16 bits instead; with a smaller one, as a box in
//! a box has it, it does without ids in the middle. So every level has ids to give, a quarter fewer each time.

use crate::host::Range;

/// Ids that a box has where there are enough: a full 16-bit range, as every distribution's tools expect (subuid(5)).
const RANGE: u32 = 65536;

/// Where systemd's dynamic users begin (its `docs/UIDS-GIDS.md`): from there on a box has all ids, if it has as many as
/// [`ROOMY`].
const DYNAMIC: u32 = 61184;

/// See [`DYNAMIC`].
const ROOMY: u32 = 32768;

/// From there on every box has all ids: `nobody` (65534) is among them, and `nonroot` (65532) of images without a
/// distribution.
const LAST: u32 = 65520;

/// The ids of a box with this many subordinate ones: first id and number of each extent.
pub(super) fn of(count: u32) -> Vec<Range> {
    if count >= RANGE {
        return vec![Range { start: 0, count }];
    }
    let top = RANGE - if count >= ROOMY { DYNAMIC } else { LAST };
    let low = count.saturating_sub(top);
    [Range { start: 0, count: low }, Range { start: RANGE - top, count: count - low }].into()
}

/// What of `ids`, in ascending order, is for the boxes inside. `own` is the user's id, which stays the user's at every level.
/// `None` if that would be fewer ids than a box needs.
pub(super) fn given(ids: &[Range], own: u32) -> Option<Range> {
    let beyond = pieces(ids, own, RANGE, u32::MAX);
    let low = low_end(ids).min(DYNAMIC);
    beyond.or_else(|| pieces(ids, own, low / 4, low))
}

/// The largest extent between two ids without the user's own, if it is enough for a box.
fn pieces(ids: &[Range], own: u32, from: u32, to: u32) -> Option<Range> {
    let parts = ids.iter().flat_map(|range| {
        let (start, end) = (range.start.max(from), range.start.saturating_add(range.count).min(to));
        [(start, end.min(own)), (start.max(own.saturating_add(1)), end)]
    });
    let parts = parts.filter(|(start, end)| end > start).map(|(start, end)| Range { start, count: end - start });
    parts.max_by_key(|range| range.count).filter(|range| range.count >= Range::LEAST)
}

/// The first id that is not there.
fn low_end(ids: &[Range]) -> u32 {
    ids.iter()
        .fold(0, |end, range| if range.start <= end { end.max(range.start.saturating_add(range.count)) } else { end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, count: u32) -> Range {
        Range { start, count }
    }

    #[test]
    fn a_usual_range_is_all_of_16_bits() {
        assert_eq!(of(65536), [range(0, 65536)]);
        assert_eq!(of(100_000), [range(0, 100_000)]);
    }

    #[test]
    fn a_small_one_has_a_hole() {
        assert_eq!(of(40_000), [range(0, 35_648), range(61_184, 4352)]);
        assert_eq!(of(4096), [range(0, 4080), range(65_520, 16)]);
    }

    #[test]
    fn each_level_has_ids_to_give() {
        let mut counts = vec![65536];
        while let Some(given) = given(&of(counts[counts.len() - 1]), 1000) {
            counts.push(given.count);
        }
        assert_eq!(counts[..5], [65536, 45_888, 31_152, 23_352, 17_502]);
        assert!(counts.len() > 8 && counts.iter().all(|&count| count >= Range::LEAST), "{counts:?}");
    }

    #[test]
    fn what_is_beyond_16_bits_is_given_first() {
        assert_eq!(given(&of(131_072), 1000), Some(range(65_536, 65_536)));
        assert_eq!(given(&of(65_536 + 10), 1000), Some(range(15_296, 45_888)));
    }

    #[test]
    fn the_own_id_is_not_given_away() {
        assert_eq!(given(&of(65536), 20_000), Some(range(20_001, 41_183)));
        assert_eq!(given(&of(65536), 60_000), Some(range(15_296, 44_704)));
        assert_eq!(given(&of(131_072), 70_000), Some(range(70_001, 61_071)));
    }
}
