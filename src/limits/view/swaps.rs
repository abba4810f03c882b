//! `/proc/swaps` (proc_swaps(5)).

/// The host's text where the box's swap space is not limited; else one line for all of it, if there is any.
pub(super) fn swaps(host: &str, limit: Option<u64>, total: u64, free: u64) -> String {
    if limit.is_none() {
        return host.to_owned();
    }
    let heading = host.split_inclusive('\n').next().unwrap_or_default();
    if total == 0 {
        return heading.to_owned();
    }
    let (total, used) = (total / 1024, total.saturating_sub(free) / 1024);
    // The columns of mm/swapfile.c; it has no file that could be named.
    let tab = |number: u64| if number < 10_000_000 { "\t" } else { "" };
    format!("{heading}{:<40}virtual\t\t{total}\t{}{used}\t{}-2\n", "none", tab(total), tab(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_of_a_box() {
        let host = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/vda2  partition\t8\t\t4\t\t-2\n";
        assert_eq!(swaps(host, None, 0, 0), host);
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(swaps(host, Some(0), 0, 0), heading);
        let line = swaps(host, Some(1 << 30), 1 << 30, 1 << 29).replace(heading, "");
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["none", "virtual", "1048576", "524288", "-2"]);
    }
}
