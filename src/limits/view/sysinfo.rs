//! The answer of sysinfo(2).

use super::meminfo::Numbers;

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SysInfo {
    /// Seconds since the start.
    pub(super) uptime: u64,
    /// Averages over 1, 5 and 15 minutes, in units of 1/65536.
    pub(super) load: [u64; 3],
    pub(super) memory: Numbers,
    pub(super) threads: u64,
}

/// Bytes of `struct sysinfo` where a `long` has 64 bits.
const SIZE: usize = 112;

impl SysInfo {
    /// `struct sysinfo` as it lies in a program's memory, where a `long` has 64 bits (linux/sysinfo.h): eleven words, of which
    /// two are after the 16 bits of `procs` and their padding, and the 32 bits of `mem_unit`. Amounts are in bytes.
    pub fn to_memory(self) -> [u8; SIZE] {
        let Numbers { total, free, shared, buffers, swap_total, swap_free, .. } = self.memory;
        let [one, five, fifteen] = self.load;
        let words = [self.uptime, one, five, fifteen, total, free, shared, buffers, swap_total, swap_free];
        let threads = u16::try_from(self.threads).unwrap_or(u16::MAX).to_ne_bytes();
        let high_memory = [0; 16];
        let unit = 1_u32.to_ne_bytes();
        let bytes =
            words.into_iter().flat_map(u64::to_ne_bytes).chain(threads).chain([0; 6]).chain(high_memory).chain(unit);
        let mut memory = [0; SIZE];
        memory.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_in_memory_as_the_kernels() {
        let memory = Numbers { total: 4, free: 5, available: 99, shared: 6, buffers: 7, swap_total: 8, swap_free: 9 };
        let bytes = SysInfo { uptime: 0, load: [1, 2, 3], memory, threads: 70_000 }.to_memory();
        let word = |n: usize| u64::from_ne_bytes(bytes[8 * n..8 * n + 8].try_into().unwrap());
        assert_eq!((0..10).map(word).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(
            (&bytes[80..82], &bytes[82..104], &bytes[104..108]),
            (&[255; 2][..], &[0; 22][..], &1_u32.to_ne_bytes()[..])
        );
    }
}
