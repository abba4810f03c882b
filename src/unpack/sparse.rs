//! Files with holes: which bytes of the content belong where.

use ::tar::GnuSparseHeader;

/// The pieces of a file that are not holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// The size of the file.
    pub(super) size: u64,
    /// Offset and length of each piece, in order.
    pub(super) pieces: Vec<(u64, u64)>,
}

impl Map {
    /// Checks that the pieces are in order, lie within the file and make up the `stored` bytes of content.
    pub(super) fn new(size: u64, pieces: Vec<(u64, u64)>, stored: u64) -> Result<Self, &'static str> {
        let mut end = 0;
        let mut sum = 0u64;
        for &(offset, length) in &pieces {
            if offset < end {
                return Err("pieces of a sparse file overlap");
            }
            end =
                offset.checked_add(length).filter(|&end| end <= size).ok_or("a sparse file is larger than its size")?;
            // No overflow: the pieces do not overlap, and end within 64 bits.
            sum += length;
        }
        if sum != stored {
            return Err("the pieces of a sparse file are not its content");
        }
        Ok(Self { size, pieces })
    }

    /// From offsets and lengths in turn.
    pub(super) fn from_pairs(size: u64, numbers: &[u64], stored: u64) -> Result<Self, &'static str> {
        let (pairs, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("the map of a sparse file is cut short");
        }
        Self::new(size, pairs.iter().map(|&[offset, length]| (offset, length)).collect(), stored)
    }
}

/// Adds what a header of the old GNU format lists.
pub(super) fn add_gnu(pieces: &mut Vec<(u64, u64)>, listed: &[GnuSparseHeader]) -> Result<(), &'static str> {
    for piece in listed.iter().take_while(|piece| !piece.is_empty()) {
        let number = |value: std::io::Result<u64>| value.map_err(|_| "the map of a sparse file is malformed");
        pieces.push((number(piece.offset())?, number(piece.length())?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_checked() {
        assert!(Map::from_pairs(100, &[0, 10, 20, 5, 100, 0], 15).is_ok());
        assert!(Map::from_pairs(100, &[0, 10, 5, 5], 15).is_err(), "overlap");
        assert!(Map::from_pairs(100, &[90, 11], 11).is_err(), "past the end");
        assert!(Map::from_pairs(100, &[0, 10], 11).is_err(), "content left over");
        assert!(Map::from_pairs(100, &[0, 10, 20], 10).is_err(), "odd");
        assert!(Map::from_pairs(u64::MAX, &[0, u64::MAX, u64::MAX, u64::MAX], 7).is_err(), "overflow");
    }
}
