//! `/proc/meminfo` (proc_meminfo(5)), and the six numbers of it that matter most.

use super::Usage;
use super::flat::Flat;

/// Where the value of a line comes from. What has no row here describes the machine, and stays, but is no more than the box's
/// memory.
enum From {
    /// The limit, or what the machine has if that is less.
    Total,
    /// What of it is not used for anything.
    Free,
    /// That, and what can be reclaimed.
    Available,
    /// These of the cgroup's memory.stat, together.
    Stat(&'static [&'static str]),
    /// Swap space that the box may use.
    SwapTotal,
    /// What of it is not used.
    SwapFree,
    /// Memory and swap space together.
    Both,
    /// No cgroup knows.
    Zero,
    /// The machine's whatever the limit is: addresses, sizes of pages, pools that only the machine has.
    Host,
}

/// Each line's value. The names of memory.stat are those of the kernel's Documentation/admin-guide/cgroup-v2.rst.
const LINES: &[(&str, From)] = &[
    ("MemTotal", From::Total),
    ("MemFree", From::Free),
    ("MemAvailable", From::Available),
    // The cache of block devices is `file` to a cgroup.
    ("Buffers", From::Zero),
    ("Cached", From::Stat(&["file"])),
    ("SwapCached", From::Stat(&["swapcached"])),
    ("Active", From::Stat(&["active_anon", "active_file"])),
    ("Inactive", From::Stat(&["inactive_anon", "inactive_file"])),
    ("Active(anon)", From::Stat(&["active_anon"])),
    ("Inactive(anon)", From::Stat(&["inactive_anon"])),
    ("Active(file)", From::Stat(&["active_file"])),
    ("Inactive(file)", From::Stat(&["inactive_file"])),
    ("Unevictable", From::Stat(&["unevictable"])),
    ("Mlocked", From::Zero),
    ("SwapTotal", From::SwapTotal),
    ("SwapFree", From::SwapFree),
    ("Zswap", From::Stat(&["zswap"])),
    ("Zswapped", From::Stat(&["zswapped"])),
    ("Dirty", From::Stat(&["file_dirty"])),
    ("Writeback", From::Stat(&["file_writeback"])),
    ("AnonPages", From::Stat(&["anon"])),
    ("Mapped", From::Stat(&["file_mapped"])),
    ("Shmem", From::Stat(&["shmem"])),
    ("KReclaimable", From::Stat(&["slab_reclaimable"])),
    ("Slab", From::Stat(&["slab"])),
    ("SReclaimable", From::Stat(&["slab_reclaimable"])),
    ("SUnreclaim", From::Stat(&["slab_unreclaimable"])),
    ("KernelStack", From::Stat(&["kernel_stack"])),
    ("PageTables", From::Stat(&["pagetables"])),
    ("SecPageTables", From::Stat(&["sec_pagetables"])),
    ("NFS_Unstable", From::Zero),
    ("Bounce", From::Zero),
    ("WritebackTmp", From::Zero),
    ("CommitLimit", From::Both),
    ("Committed_AS", From::Stat(&["anon", "shmem"])),
    ("VmallocTotal", From::Host),
    ("VmallocUsed", From::Stat(&["vmalloc"])),
    ("VmallocChunk", From::Zero),
    ("Percpu", From::Stat(&["percpu"])),
    ("AnonHugePages", From::Stat(&["anon_thp"])),
    ("ShmemHugePages", From::Stat(&["shmem_thp"])),
    ("FileHugePages", From::Stat(&["file_thp"])),
    ("HugePages_Total", From::Host),
    ("HugePages_Free", From::Host),
    ("HugePages_Rsvd", From::Host),
    ("HugePages_Surp", From::Host),
    ("Hugepagesize", From::Host),
];

/// Bytes of what this file calls a kB.
const KIB: u64 = 1024;

/// The host's text with the box's numbers. A box whose memory is not limited sees the machine's, since that is what it may use.
pub(super) fn meminfo(host: &str, usage: &Usage) -> String {
    let machine = Numbers::read(host);
    let numbers = Numbers::of(&machine, usage);
    host.split_inclusive('\n').map(|line| with_value(line, &numbers, &machine, usage)).collect()
}

fn with_value(line: &str, numbers: &Numbers, machine: &Numbers, usage: &Usage) -> String {
    let Some((key, Ok(value))) = line.split_once(':').map(|(key, rest)| (key, number(rest))) else {
        return line.to_owned();
    };
    let from = LINES.iter().find(|(name, _)| *name == key).map(|(_, from)| from);
    let new = match (from, usage.memory_limit) {
        (Some(From::SwapTotal), _) => numbers.swap_total,
        (Some(From::SwapFree), _) => numbers.swap_free,
        (Some(From::Host), _) | (_, None) => return line.to_owned(),
        (None, Some(_)) => (value * KIB).min(numbers.total),
        (Some(From::Total), _) => numbers.total,
        (Some(From::Free), _) => numbers.free,
        (Some(From::Available), _) => numbers.available.min(machine.available),
        (Some(From::Stat(names)), _) => names.iter().map(|name| usage.memory_stat.get(name)).sum(),
        (Some(From::Both), _) => numbers.total.saturating_add(numbers.swap_total).min(value * KIB),
        (Some(From::Zero), _) => 0,
    };
    // As seq_put_decimal_ull_width() in fs/proc/meminfo.c has it.
    format!("{:<16}{:>8} kB\n", format!("{key}:"), new / KIB)
}

fn number(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.trim().trim_end_matches("kB").trim().parse()
}

/// What programs ask most for, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) total: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) shared: u64,
    pub(super) buffers: u64,
    pub(super) swap_total: u64,
    pub(super) swap_free: u64,
}

impl Numbers {
    /// Those that a text of this file has.
    pub(super) fn read(text: &str) -> Self {
        let get = |name: &str| {
            let line = text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name));
            line.and_then(|(_, rest)| number(rest).ok()).unwrap_or(0).saturating_mul(KIB)
        };
        Self {
            total: get("MemTotal"),
            free: get("MemFree"),
            available: get("MemAvailable"),
            shared: get("Shmem"),
            buffers: get("Buffers"),
            swap_total: get("SwapTotal"),
            swap_free: get("SwapFree"),
        }
    }

    fn of(machine: &Self, usage: &Usage) -> Self {
        let total = usage.memory_limit.unwrap_or(u64::MAX).min(machine.total);
        let free = total.saturating_sub(usage.memory_used);
        // Files in memory are let go of when memory is short; what is on a tmpfs is not among them.
        let reclaimable = ["active_file", "inactive_file", "slab_reclaimable"];
        let reclaimable: u64 = reclaimable.iter().map(|name| usage.memory_stat.get(name)).sum();
        let swap_total = usage.swap_limit.unwrap_or(u64::MAX).min(machine.swap_total);
        let swap_free = match usage.swap_limit {
            Some(_) => swap_total.saturating_sub(usage.swap_used).min(machine.swap_free),
            None => machine.swap_free,
        };
        let available = free.saturating_add(reclaimable).min(total);
        Self { total, free, available, shared: usage.memory_stat.get("shmem"), buffers: 0, swap_total, swap_free }
    }
}

/// The content of memory.stat where no controller says it: processes' own memory, and nothing else.
pub(super) fn only_anonymous(bytes: u64) -> Flat {
    Flat::read(&format!("anon {bytes}\nactive_anon {bytes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "MemTotal:       24684096 kB\nMemFree:        19725396 kB\nMemAvailable:   23794532 kB\n\
        Buffers:          789404 kB\nCached:          2196892 kB\nActive(anon):      86868 kB\nSwapTotal:       4194304 kB\n\
        SwapFree:        4000000 kB\nShmem:             98992 kB\nSReclaimable:    1595400 kB\nVmallocTotal:   34359738367 kB\n\
        HugePages_Total:       0\nHugepagesize:       2048 kB\nDirectMap1G:    25165824 kB\nBalloon:               0 kB\n";

    fn limited() -> Usage {
        let stat = "anon 104857600\nfile 52428800\nshmem 1048576\nactive_anon 104857600\nactive_file 31457280\n\
                    inactive_file 10485760\nslab_reclaimable 2097152\nslab 4194304\n";
        Usage {
            memory_limit: Some(512 << 20),
            memory_used: 200 << 20,
            memory_stat: Flat::read(stat),
            swap_limit: Some(256 << 20),
            swap_used: 56 << 20,
            ..Usage::default()
        }
    }

    #[test]
    fn every_line_of_the_hosts_with_the_boxs_numbers() {
        let expected = "MemTotal:         524288 kB\nMemFree:          319488 kB\nMemAvailable:     362496 kB\n\
            Buffers:               0 kB\nCached:            51200 kB\nActive(anon):     102400 kB\nSwapTotal:        262144 kB\n\
            SwapFree:         204800 kB\nShmem:              1024 kB\nSReclaimable:       2048 kB\nVmallocTotal:   34359738367 kB\n\
            HugePages_Total:       0\nHugepagesize:       2048 kB\nDirectMap1G:      524288 kB\nBalloon:               0 kB\n";
        assert_eq!(meminfo(HOST, &limited()), expected);
    }

    #[test]
    fn no_box_has_more_than_its_machine() {
        let seen = Numbers::read(&meminfo(
            HOST,
            &Usage { memory_limit: Some(1 << 50), swap_limit: Some(1 << 50), ..limited() },
        ));
        let host = Numbers::read(HOST);
        assert_eq!((seen.total, seen.swap_total), (host.total, host.swap_total));
        assert!(seen.available <= host.available && seen.swap_free <= host.swap_free);
    }

    #[test]
    fn used_up_is_nothing_left() {
        let seen = meminfo(HOST, &Usage { memory_used: 600 << 20, ..limited() });
        assert_eq!(Numbers::read(&seen).free, 0);
    }

    #[test]
    fn without_a_limit_it_is_the_machines() {
        assert_eq!(meminfo(HOST, &Usage::default()), HOST);
        let swap = meminfo(HOST, &Usage { swap_limit: Some(0), ..Usage::default() });
        assert_eq!(swap, HOST.replace("4194304 kB", "      0 kB").replace("4000000 kB", "      0 kB"));
    }

    #[test]
    fn odd_hosts() {
        // A kernel without swap, and without what is newer than it.
        let old = "MemTotal:        1000000 kB\nMemFree:          500000 kB\nCached:           100000 kB\nodd\n";
        let seen = meminfo(old, &limited());
        assert_eq!(
            seen,
            "MemTotal:         524288 kB\nMemFree:          319488 kB\nCached:            51200 kB\nodd\n"
        );
        assert_eq!(meminfo("", &limited()), "");
    }
}
