//! The hash of a file's content.

use xxhash_rust::xxh3::Xxh3;

/// Bytes of a block.
const BLOCK: u64 = 64 << 10;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Hashes a content block by block, each with its number and without the zeros at its end; blocks of nothing but zeros do
/// not count. So a hole costs nothing, and whether zeros are stored or not, which file systems decide as they like, makes
/// no difference.
#[derive(Default)]
pub(in crate::unpack) struct Content {
    hasher: Option<Box<Xxh3>>,
    /// Where in the content one is.
    at: u64,
    /// Up to where it has been hashed: there are only zeros between.
    hashed: u64,
}

impl Content {
    /// Takes in the next bytes.
    pub(in crate::unpack) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let within = self.at % BLOCK;
            let (part, rest) = bytes.split_at(bytes.len().min(usize(BLOCK - within)));
            if let Some(last) = part.iter().rposition(|&byte| byte != 0) {
                let hasher = self.hasher.get_or_insert_default();
                let block = self.at - within;
                if self.hashed <= block {
                    hasher.update(&(block / BLOCK).to_le_bytes());
                    self.hashed = block;
                }
                hasher.update(&ZEROS[..usize(self.at - self.hashed)]);
                hasher.update(&part[..=last]);
                self.hashed = self.at + length(last + 1);
            }
            self.at += length(part.len());
            bytes = rest;
        }
    }

    /// Takes in so many zeros.
    pub(in crate::unpack) fn skip(&mut self, count: u64) {
        self.at += count;
    }

    /// The hash; 0 for nothing but zeros, however many.
    pub(in crate::unpack) fn finish(&self) -> u128 {
        self.hasher.as_ref().map_or(0, |hasher| hasher.digest128())
    }
}

/// Of what lies within a block.
fn usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> u128 {
        let mut content = Content::default();
        content.update(bytes);
        content.finish()
    }

    const B: usize = 64 << 10;

    #[test]
    fn pieces_and_holes_make_no_difference() {
        let mut bytes = vec![0; 5 * B + 1000];
        for at in [B + 7, 3 * B - 1, 4 * B, 5 * B + 500] {
            bytes[at] = 1;
        }
        for size in [1, 1000, B - 1, B, B + 1, 3 * B] {
            let mut content = Content::default();
            bytes.chunks(size).for_each(|chunk| content.update(chunk));
            assert_eq!(content.finish(), whole(&bytes), "{size}");
        }
        let mut holes = Content::default();
        for byte in &bytes {
            if *byte == 0 { holes.skip(1) } else { holes.update(&[*byte]) }
        }
        assert_eq!(holes.finish(), whole(&bytes));
    }

    #[test]
    fn places_do() {
        let at = |index: usize| {
            let mut bytes = vec![0; 3 * B];
            bytes[index] = 1;
            whole(&bytes)
        };
        let places = [0, 1, B - 1, B, B + 1, 2 * B];
        let hashes: std::collections::HashSet<_> = places.map(at).into_iter().collect();
        assert_eq!(hashes.len(), places.len());
        assert_eq!((whole(b""), whole(&[0; 100])), (0, 0));
    }
}
