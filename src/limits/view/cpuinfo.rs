//! `/proc/cpuinfo` (proc_cpuinfo(5)).

use std::collections::BTreeSet;

use super::Processors;

/// The host's text without the processors that the box has not got. What is counted in the others (`siblings`, `cpu cores`) is
/// counted among those that are left. What stands outside of a processor's paragraph, as on other machines than x86, stays.
pub(super) fn cpuinfo(host: &str, cpus: &Processors) -> String {
    let paragraphs = host.split_inclusive("\n\n");
    let kept: Vec<&str> =
        paragraphs.filter(|text| field(text, "processor").is_none_or(|number| cpus.has(number))).collect();
    let counted = |text: &str, counts: &dyn Fn(&str) -> usize| recount(text, &kept, counts);
    kept.iter()
        .map(|text| {
            let lines = text.split_inclusive('\n').map(|line| match key(line) {
                "siblings" => with_number(line, counted(text, &|_| 1)),
                "cpu cores" => with_number(line, cores(text, &kept)),
                _ => line.to_owned(),
            });
            lines.collect::<String>()
        })
        .collect()
}

/// The processors in the package of this one's, each counted as often as `counts` says.
fn recount(of: &str, kept: &[&str], counts: &dyn Fn(&str) -> usize) -> usize {
    let package = field(of, "physical id");
    kept.iter()
        .filter(|text| is_processor(text) && field(text, "physical id") == package)
        .map(|text| counts(text))
        .sum()
}

/// The different cores in the package of this processor's.
fn cores(of: &str, kept: &[&str]) -> usize {
    let package = field(of, "physical id");
    let same = kept.iter().filter(|text| is_processor(text) && field(text, "physical id") == package);
    same.map(|text| field(text, "core id")).collect::<BTreeSet<_>>().len()
}

fn is_processor(text: &str) -> bool {
    field(text, "processor").is_some()
}

fn key(line: &str) -> &str {
    line.split(':').next().unwrap_or_default().trim()
}

/// The number after a key.
fn field(text: &str, name: &str) -> Option<u32> {
    let line = text.lines().find(|line| key(line) == name)?;
    line.split_once(':')?.1.trim().parse().ok()
}

fn with_number(line: &str, number: usize) -> String {
    let key = line.split(':').next().unwrap_or_default();
    format!("{key}: {number}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of four processors, two of each core.
    fn x86() -> String {
        let one = |number: u32| {
            format!(
                "processor\t: {number}\nvendor_id\t: AuthenticAMD\nphysical id\t: 0\nsiblings\t: 4\ncore id\t\t: {}\n\
                 cpu cores\t: 2\nflags\t\t: fpu vme\npower management:\n\n",
                number / 2
            )
        };
        (0..4).map(one).collect()
    }

    #[test]
    fn all_processors_are_the_hosts_text() {
        assert_eq!(cpuinfo(&x86(), &Processors::read("0-3")), x86());
    }

    #[test]
    fn some_keep_their_numbers_and_are_counted_anew() {
        let seen = cpuinfo(&x86(), &Processors::read("1,3"));
        let lines = |name| seen.lines().filter(|line| key(line) == name).collect::<Vec<_>>();
        assert_eq!(lines("processor"), ["processor\t: 1", "processor\t: 3"]);
        assert_eq!(lines("siblings"), ["siblings\t: 2"; 2]);
        assert_eq!(lines("cpu cores"), ["cpu cores\t: 2"; 2]);
        assert_eq!(lines("flags").len(), 2);
        assert!(cpuinfo(&x86(), &Processors::read("2-3")).contains("cpu cores\t: 1\n"));
    }

    #[test]
    fn other_machines() {
        // arm64 says nothing of packages and cores.
        let arm64 = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nBogoMIPS\t: 50.00\n\n";
        assert_eq!(cpuinfo(arm64, &Processors::read("1")), "processor\t: 1\nBogoMIPS\t: 50.00\n\n");
        // arm ends with what is the machine's.
        let arm = "processor\t: 0\nmodel name\t: ARMv7\n\nprocessor\t: 1\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\n";
        assert_eq!(
            cpuinfo(arm, &Processors::read("0")),
            "processor\t: 0\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\n"
        );
        assert_eq!(cpuinfo("", &Processors::read("0")), "");
    }
}
