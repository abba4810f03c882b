//! What programs report of the machine in a box with 1.5 processors and 512 MiB: the table of `docs/limits.md`.

use std::fmt::Write as _;

use crate::support::requirement::{controllers, has};

/// A program, and how it is asked.
pub(crate) struct Row {
    /// Its name.
    pub(crate) program: &'static str,
    /// Debian's packages that have it.
    pub(crate) packages: &'static [&'static str],
    /// A shell script that prints what it reports, in one line.
    script: &'static str,
    /// That line, where a cgroup has the limits.
    reports: &'static str,
    /// That line where none has, if it is another.
    without: Option<&'static str>,
    /// The version that was seen to report it, as the page says where.
    seen: &'static str,
    /// Where it has it from, and why it is not another number.
    because: &'static str,
}

/// The limits of the box in which it is asked.
pub(crate) const LIMITS: &str = "limits: {memory: 512M, cpus: 1.5}";

const MARKS: [&str; 2] = ["<!-- what programs report: begin -->\n", "<!-- what programs report: end -->\n"];

/// The virtual machine's own account (`-Xlog:os`), and whether the class library has one at all (`-XshowSettings:system`).
const JAVA: &str = "java -XshowSettings:system -version > /dev/null 2>&1 || echo 'an error'; java -Xlog:os=trace -XX:+PrintFlagsFinal -version 2>&1 | sed -n \
    -e 's/.*active_processor_count: .*\\(affinity\\|OSContainer\\).*: \\([0-9]*\\)$/processors \\2/p' \
    -e 's/^ *size_t MaxHeapSize *= \\([0-9]*\\).*/heap \\1/p' | sort -u | tr '\\n' ' '";

const GO: &str = "cd $(mktemp -d) && printf 'package main\\nimport (\"fmt\"; \"runtime\")\\nfunc main() { \
    fmt.Println(runtime.NumCPU(), \"processors\") }' > a.go && GOCACHE=$PWD GOFLAGS=-mod=mod go run a.go";

const RUST: &str = "cd $(mktemp -d) && echo 'fn main() { println!(\"{} processors\", \
    std::thread::available_parallelism().unwrap()) }' > a.rs && rustc a.rs && ./a";

const MUSL: &str = "cd $(mktemp -d) && printf '#include <stdio.h>\\n#include <unistd.h>\\nint main() { \
    printf(\"%%ld processors, %%ld MiB\\\\n\", sysconf(_SC_NPROCESSORS_ONLN), \
    sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) >> 20); }' > a.c && musl-gcc -static a.c && ./a.out";

/// All of them.
pub(crate) const ROWS: &[Row] = &[
    Row {
        program: "nproc",
        packages: &[],
        script: "echo \"$(nproc) processors\"",
        reports: "2 processors",
        without: None,
        seen: "coreutils 9.1",
        because: "the affinity: whole processors, enough for 1.5",
    },
    Row {
        program: "getconf",
        packages: &[],
        script: "echo \"$(getconf _NPROCESSORS_ONLN) processors, \
                 $(($(getconf _PHYS_PAGES) * $(getconf PAGE_SIZE) >> 20)) MiB\"",
        reports: "2 processors, 512 MiB",
        without: None,
        seen: "glibc 2.36",
        because: "`/sys/devices/system/cpu/online`; sysinfo(2)",
    },
    Row {
        program: "free",
        packages: &["procps"],
        script: "set -- $(free -m | grep ^Mem) && echo \"$2 MiB\"",
        reports: "512 MiB",
        without: None,
        seen: "procps 4.0.2",
        because: "`/proc/meminfo`",
    },
    Row {
        program: "top",
        packages: &["procps"],
        script: "set -- $(top -bn1 | grep '^MiB Mem') && echo \"$4 MiB\"",
        reports: "512.0 MiB",
        without: None,
        seen: "procps 4.0.2",
        because: "`/proc/meminfo`",
    },
    Row {
        program: "uptime",
        packages: &["procps"],
        script: "set -- $(stat -c %Y /run/.containerenv) $(date -d \"$(uptime -s)\" +%s) && \
                 [ $(($1 - $2)) -lt 3 ] && [ $(($2 - $1)) -lt 3 ] && echo 'since the start of the box'",
        reports: "since the start of the box",
        without: None,
        seen: "procps 4.0.2",
        because: "`/proc/uptime`",
    },
    Row {
        program: "make -j$(nproc)",
        packages: &["make"],
        script: "printf 'all:\\n\\t@echo $(filter -j%%,$(MAKEFLAGS))\\n' | make -s -f - -j$(nproc)",
        reports: "-j2",
        without: None,
        seen: "GNU make 4.3",
        because: "the affinity",
    },
    Row {
        program: "OpenJDK",
        packages: &["openjdk-17-jre-headless"],
        script: JAVA,
        reports: "heap 134217728 processors 2",
        without: None,
        seen: "17.0.21",
        because: "its cgroup, else sysinfo(2) and the affinity; the heap is a quarter of the 512 MiB. `-XshowSettings:system` \
                  says that memory is `Unlimited`, as a limit that is not less than what sysinfo(2) says the machine has \
                  is none to it (with `view: files` it is `512.00M`)",
    },
    Row {
        program: "Python",
        packages: &["python3-minimal"],
        script: "python3 -c 'import os; s = os.sysconf; \
                 print(os.cpu_count(), \"processors,\", s(\"SC_PHYS_PAGES\") * s(\"SC_PAGE_SIZE\") >> 20, \"MiB\")'",
        reports: "2 processors, 512 MiB",
        without: None,
        seen: "3.11.2",
        because: "`/sys/devices/system/cpu/online`; sysinfo(2)",
    },
    Row {
        program: "Node",
        packages: &["nodejs"],
        script: "node -p 'const os = require(\"os\"); `${os.cpus().length} processors, ${os.totalmem() / 1048576} MiB`'",
        reports: "2 processors, 512 MiB",
        without: None,
        seen: "18.20.4",
        because: "`/proc/stat` and `/proc/cpuinfo`; `/proc/meminfo`",
    },
    Row {
        program: "Go",
        packages: &["golang-go"],
        script: GO,
        reports: "2 processors",
        without: None,
        seen: "1.19.8",
        because: "the affinity; from Go 1.25 on its cgroup as well, rounded up",
    },
    Row {
        program: "Rust",
        packages: &["rustc"],
        script: RUST,
        reports: "1 processors",
        without: Some("2 processors"),
        seen: "1.63.0",
        because: "its cgroup, and std rounds the 1.5 down; without one, the affinity",
    },
    Row {
        program: "a musl program",
        packages: &["musl-tools"],
        script: MUSL,
        reports: "2 processors, 512 MiB",
        without: None,
        seen: "musl 1.2.3",
        because: "the affinity; sysinfo(2)",
    },
];

/// Rows that are asked in one box, by their programs: so much at once as needs less than a GiB for its packages.
pub(crate) const GROUPS: [&[&str]; 3] = [
    &["nproc", "getconf", "free", "top", "uptime", "make -j$(nproc)", "OpenJDK", "Python", "Node"],
    &["Go"],
    &["Rust", "a musl program"],
];

impl Row {
    /// What is wrong in a box, if anything is. `run` runs a script in it, and returns what that prints.
    pub(crate) fn fault(&self, run: &dyn Fn(&str) -> String) -> Option<String> {
        let expected = self.without.filter(|_| !has(controllers)).unwrap_or(self.reports);
        let said = run(self.script);
        (said.trim() != expected).then(|| format!("{} reports `{}`, not `{expected}`", self.program, said.trim()))
    }
}

/// The page, with the table in it as it has to be.
pub(crate) fn page(old: &str) -> String {
    let mut table =
        String::from("| program | reports | without controllers | from | seen with |\n|---|---|---|---|---|\n");
    for Row { program, reports, without, because, seen, .. } in ROWS {
        let without = without.unwrap_or("the same");
        writeln!(table, "| {program} | {reports} | {without} | {because} | {seen} |").unwrap();
    }
    let (before, rest) = old.split_once(MARKS[0]).expect("a mark before the table");
    let (_, after) = rest.split_once(MARKS[1]).expect("a mark after the table");
    [before, MARKS[0], &table, MARKS[1], after].concat()
}
