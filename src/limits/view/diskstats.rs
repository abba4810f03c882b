//! `/proc/diskstats` (proc_diskstats(5); Documentation/admin-guide/iostats.rst).

use std::collections::HashMap;

/// The host's disks that the box has used, with what it has read from them, written to them and discarded on them. `io` is the
/// cgroup's io.stat; without that controller nothing is known of the box, and the file is the host's.
pub(super) fn diskstats(host: &str, io: Option<&str>) -> String {
    let Some(io) = io else { return host.to_owned() };
    let used: HashMap<&str, Vec<&str>> = io
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(device, values)| (device, values.split_whitespace().collect()))
        .collect();
    host.lines().filter_map(|line| row(line, &used)).collect()
}

fn row(line: &str, used: &HashMap<&str, Vec<&str>>) -> Option<String> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [major, minor, name, rest @ ..] = &columns[..] else { return None };
    let values = used.get(&*format!("{major}:{minor}"))?;
    let value = |name: &str| {
        let pairs = values.iter().filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse::<u64>().ok()).unwrap_or(0)
    };
    // Sectors are of 512 bytes, whatever the disk's are. Nobody counts merges and times.
    let counts = |ios: &str, bytes: &str| [value(ios), 0, value(bytes) / 512, 0];
    let [read, written, discarded] =
        [("rios", "rbytes"), ("wios", "wbytes"), ("dios", "dbytes")].map(|(a, b)| counts(a, b));
    let all = read.into_iter().chain(written).chain([0; 3]).chain(discarded).chain(std::iter::repeat(0));
    let all: String = all.take(rest.len()).map(|value| format!(" {value}")).collect();
    Some(format!("{major:>4} {minor:>7} {name}{all}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "   7       0 loop0 238 0 10706 8 110 72 22157 45 0 48 87 0 0 0 0 70 32\n \
        254       0 vda 4105976 169468 139314554 6653470 5209819 8011350 3317417352 18873228 0 1537512 26427697 4866083 378 3153421008 825920 575492 75078\n";

    #[test]
    fn disks_that_the_box_has_used() {
        let io = "254:0 rbytes=1048576 wbytes=4096 rios=16 wios=1 dbytes=512 dios=1\n8:0 \n";
        assert_eq!(diskstats(HOST, Some(io)), " 254       0 vda 16 0 2048 0 1 0 8 0 0 0 0 1 0 1 0 0 0\n");
        assert_eq!((diskstats(HOST, Some("")), diskstats(HOST, None)), (String::new(), HOST.to_owned()));
    }

    #[test]
    fn before_linux_4_18() {
        let host = " 254       0 vda 1 2 3 4 5 6 7 8 9 10 11\nodd\n";
        assert_eq!(diskstats(host, Some("254:0 rios=3 rbytes=1024")), " 254       0 vda 3 0 2 0 0 0 0 0 0 0 0\n");
    }
}
