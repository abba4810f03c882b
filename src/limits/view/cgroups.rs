//! `/proc/cgroups` (cgroups(7)).

/// The host's text with each controller in the unified hierarchy, number 0: the cgroup that a box has is there. Those of
/// version 1 begin above the box's cgroup namespace, where OpenJDK, which looks for the box in them, ends in an error.
pub(super) fn cgroups(host: &str) -> String {
    host.lines().map(|line| if line.starts_with('#') { format!("{line}\n") } else { unified(line) }).collect()
}

fn unified(line: &str) -> String {
    let with_number = |(at, word)| if at == 1 { "0" } else { word };
    let words: Vec<&str> = line.split('\t').enumerate().map(with_number).collect();
    words.join("\t") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_in_one_hierarchy() {
        let heading = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        let unified = format!("{heading}cpu\t0\t12\t1\nmemory\t0\t57\t0\n");
        assert_eq!(cgroups(&format!("{heading}cpu\t3\t12\t1\nmemory\t14\t57\t0\n")), unified);
        assert_eq!(cgroups(&unified), unified);
    }
}
