//! Programs in a box see their limits.

use crate::debian::with_proxies;
use crate::support::boxes::{BOX, busybox, eventually};
use crate::support::{TestEnvironment, golden, requires, source_dir};

mod table;

/// A box that is limited to half a GiB and to one processor.
fn limited(view: &str) -> TestEnvironment {
    let env = busybox();
    env.configure(BOX, &format!("limits: {{memory: 512M, swap: 0, cpus: 1, view: {view}}}"));
    env
}

/// What a script in the box says.
#[track_caller]
fn says(env: &TestEnvironment, script: &str) -> String {
    env.sh(script).succeeds().stdout
}

/// A number of the machine's own, by a command that needs no box.
fn host_memory() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    meminfo.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The columns of the line that begins with a word.
fn columns<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(word));
    line.unwrap_or_else(|| panic!("no {word}: {text}")).split_whitespace().skip(1).collect()
}

const LIMIT: &str = "524288";

#[test]
fn the_files_of_proc_and_sys_are_the_boxs() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let meminfo = says(&env, "cat /proc/meminfo");
    assert_eq!(columns(&meminfo, "MemTotal:"), [LIMIT, "kB"]);
    assert_eq!(columns(&meminfo, "SwapTotal:"), ["0", "kB"]);
    let available: u64 = columns(&meminfo, "MemAvailable:")[0].parse().unwrap();
    assert!((400_000..=524_288).contains(&available), "{meminfo}");
    assert_eq!(meminfo.lines().count(), std::fs::read_to_string("/proc/meminfo").unwrap().lines().count());

    let online = says(&env, "cat /sys/devices/system/cpu/online");
    let number = online.trim();
    assert!(number.parse::<u32>().is_ok(), "one processor: {online}");
    assert_eq!(says(&env, "nproc"), "1\n");
    assert_eq!(says(&env, "grep Cpus_allowed_list /proc/self/status").split_whitespace().last(), Some(number));
    let cpuinfo = says(&env, "grep ^processor /proc/cpuinfo");
    assert_eq!(cpuinfo.split_whitespace().collect::<Vec<_>>(), ["processor", ":", number]);
    let stat = says(&env, "cat /proc/stat");
    let cpus: Vec<&str> = stat.lines().filter(|line| line.starts_with("cpu")).collect();
    assert_eq!((cpus.len(), &*format!("cpu{number}")), (2, cpus[1].split(' ').next().unwrap()));
    assert_eq!(says(&env, "cat /proc/swaps").lines().count(), 1);
    assert_eq!(says(&env, "sed 1d /proc/cgroups | cut -f2 | sort -u"), "0\n");
    let uptime: f64 = says(&env, "cut -d' ' -f1 /proc/uptime").trim().parse().unwrap();
    assert!(uptime < 300.0, "{uptime}");
}

/// Where no cgroup has the limits, the keeper is told of new ones.
#[test]
fn limits_that_change_are_seen_at_once() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    env.configure(BOX, "linger: 60");
    assert_eq!(columns(&says(&env, "cat /proc/meminfo"), "MemTotal:")[0], LIMIT);
    env.envbox(["limit", BOX, "--memory", "256M"]).succeeds();
    eventually("both ways say it", || {
        let said = env.sh("head -n1 /proc/meminfo; free -k").succeeds().stdout;
        columns(&said, "MemTotal:")[0] == "262144" && columns(&said, "Mem:")[0] == "262144"
    });
}

#[test]
fn sysinfo_is_answered() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    // BusyBox asks the kernel; the columns: total, used, free, shared, …
    assert_eq!(columns(&says(&env, "free -k"), "Mem:")[0], LIMIT);
    assert_eq!(columns(&says(&env, "free -k"), "Swap:"), ["0", "0", "0"]);
    let uptime = says(&env, "uptime");
    assert!(uptime.contains("up 0 min") || uptime.contains("up 1 min"), "{uptime}");
    // Box-root's programs, and what runs with an address that is none, as well.
    assert_eq!(columns(&says(&env, "sudo free -k"), "Mem:")[0], LIMIT);
}

#[test]
fn what_is_shown_is_chosen() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let machine = host_memory();
    let total = |env: &TestEnvironment| {
        let by_file = columns(&says(env, "cat /proc/meminfo"), "MemTotal:")[0].parse::<u64>().unwrap();
        (by_file, columns(&says(env, "free -k"), "Mem:")[0].parse::<u64>().unwrap())
    };
    assert_eq!(total(&limited("files")), (524_288, machine));
    let none = limited("none");
    assert_eq!(total(&none), (machine, machine));
    assert_eq!(says(&none, "ls /run/envbox").matches("view").count(), 0);
    let unlimited = busybox();
    assert_eq!(total(&unlimited), (machine, machine));
    assert_eq!(says(&unlimited, "grep -c ' fuse ' /proc/mounts; true"), "0\n");
}

#[test]
fn a_server_that_is_killed_is_replaced() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let mounts = says(&env, "grep -c . /proc/mounts");
    for _ in 0..3 {
        says(&env, "sudo kill -9 $(ps | grep 'envbox vie[w]' | { read pid rest; echo $pid; })");
        eventually("the files are served again", || {
            env.sh("cat /proc/meminfo /sys/devices/system/cpu/online").output().stdout.contains(LIMIT)
        });
    }
    assert_eq!(says(&env, "grep -c . /proc/mounts"), mounts, "nothing of the dead ones is left");
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn one_that_is_killed_all_the_time_is_replaced_now_and_then() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let script = "n=0; while [ $n -lt 40 ]; do n=$((n + 1)); \
                  for pid in $(ps | grep 'envbox vie[w]' | { read pid rest; echo $pid; }); do \
                  kill -9 $pid; echo killed; done; sleep 0.05; done";
    let killed = env.run(["sudo", "sh", "-c", script]).succeeds().stdout.matches("killed").count();
    assert!((2..=9).contains(&killed), "{killed} servers in two seconds");
    eventually("the last one is replaced when enough time has passed", || {
        env.sh("cat /proc/meminfo").output().stdout.contains(LIMIT)
    });
}

#[test]
fn requests_that_no_honest_program_makes() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let whole = says(&env, "cat /proc/cpuinfo");
    assert_eq!(says(&env, "dd if=/proc/cpuinfo bs=7 2>/dev/null"), whole, "in small pieces");
    assert_eq!(says(&env, "dd if=/proc/cpuinfo bs=10 skip=1 2>/dev/null"), whole[10..], "from the middle");
    assert_eq!(says(&env, "dd if=/proc/cpuinfo bs=1 skip=99999999 count=1 2>/dev/null"), "", "from behind the end");
    // With a way back to the beginning, what is read is news.
    let twice =
        says(&env, "exec 3</proc/uptime; head -n1 <&3; sleep 0.2; dd bs=1 skip=0 count=0 <&3; cat /proc/uptime");
    assert_eq!(twice.lines().count(), 2);
    for refused in [
        "echo > /proc/meminfo",
        "sudo sh -c 'echo > /proc/meminfo'",
        "touch /run/envbox/view/new",
        "sudo rm /run/envbox/view/meminfo",
        "sudo chmod 777 /run/envbox/view/meminfo",
        "cat /run/envbox/view",
        "cat /run/envbox/view/none",
        "sudo mkdir /run/envbox/view/meminfo/x",
    ] {
        assert_ne!(env.sh(refused).output().status.code(), Some(0), "{refused}");
    }
    assert_eq!(says(&env, "ls /run/envbox/view | grep -c ."), "12\n");
    // Files that are kept open, by many, do no harm to others.
    let open = "for n in 1 2 3 4 5 6 7 8; do sh -c 'exec 3</proc/stat 4</proc/stat 5</proc/stat; cat <&3; sleep 1' >/dev/null & done; \
                wait; head -n1 /proc/meminfo";
    assert!(says(&env, open).contains(LIMIT));
}

#[test]
fn what_goes_by_a_files_size_finds_all_of_it() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("files");
    // A program that reads to the end, where stat(2) says that it may be (coreutils' tail and wc), must find the end there.
    let sizes = says(&env, "stat -c '%s %o' /proc/meminfo /proc/stat /sys/devices/system/cpu/online");
    for line in sizes.lines() {
        let (size, block) = line.split_once(' ').unwrap();
        assert!(block.parse::<u64>().unwrap() >= size.parse().unwrap(), "{sizes}");
    }
}

#[test]
fn without_the_device_a_box_starts_and_sees_the_machine_as_root() {
    requires!(root, userns, overlay, fixtures);
    let env = limited("full");
    // All that a box is given of the host's devices, and no /dev/fuse.
    let script = format!(
        "mkdir \"$dev\" && mount --rbind /dev \"$dev\" && mount -t tmpfs none /dev && mkdir /dev/pts /dev/shm
        for name in null zero full random urandom tty; do
            touch /dev/$name && mount --bind \"$dev\"/$name /dev/$name
        done
        $envbox run {BOX} -- head -n 1 /proc/meminfo || exit 1
        $envbox stop {BOX}
        $envbox run --limits require --memory none --swap none --cpus 1024 {BOX} -- true"
    );
    let mut command = env.command("unshare");
    command.env("envbox", crate::support::envbox()).env("dev", env.path("dev"));
    let output = command.args(["--mount", "sh", "-c", &script]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("MemTotal:") && !stdout.contains(LIMIT), "{stdout}{stderr}");
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert_eq!(stderr.matches("cannot be shown its limits: /dev/fuse: No such file").count(), 2, "{stderr}");
}

#[test]
fn the_load_is_the_boxs_own() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let script = "cat /proc/loadavg; \
                  sh -c 'while :; do :; done' & busy=$!; sleep 11; cat /proc/loadavg; uptime; \
                  grep procs_running /proc/stat; kill $busy";
    let said = says(&env, script);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("0.00 0.00 0.00 "), "{said}");
    let load: f64 = lines[1].split(' ').next().unwrap().parse().unwrap();
    // Two samples of one busy process, or one: 0.08, 0.15.
    assert!((0.07..0.4).contains(&load), "{said}");
    assert_eq!(lines[3], "procs_running 1", "{said}");
    assert!(lines[2].contains(&format!("load average: {load:.2}")), "both ways say the same: {said}");
}

/// Where a box has no cgroup, those of its sessions are the host's, and found where the files say that they are.
#[test]
fn without_a_cgroup_of_its_own_a_box_is_among_the_hosts() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    assert_eq!(says(&env, "cat /proc/self/cgroup"), std::fs::read_to_string("/proc/self/cgroup").unwrap());
    let roots = |mountinfo: &str| -> Vec<String> {
        let cgroups = mountinfo.lines().filter(|line| line.contains(" - cgroup"));
        cgroups.map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect()
    };
    let host = roots(&std::fs::read_to_string("/proc/self/mountinfo").unwrap());
    let seen = roots(&says(&env, "cat /proc/self/mountinfo"));
    assert!(seen.iter().all(|root| host.contains(root)), "{seen:?} of {host:?}");
}

/// The kernel lets a user namespace mount a proc of its own only where a whole one can be seen.
#[test]
fn namespaces_inside_have_a_proc_of_their_own() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    assert_eq!(says(&env, "unshare -Urpf --mount-proc sh -c 'echo $$'"), "1\n");
    let sysfs =
        "mkdir -p /tmp/sys && unshare -Urmn sh -c 'mount -t sysfs -o ro none /tmp/sys && ls -d /tmp/sys/kernel'";
    assert_eq!(says(&env, sysfs), "/tmp/sys/kernel\n");
    assert_ne!(env.sh("ls /run/envbox/kernel").output().status.code(), Some(0), "for nobody to look at");
}

/// What asks the programs of a box to end is not for the server.
#[test]
fn the_view_lasts_until_the_box_ends() {
    requires!(userns, subid, overlay, fixtures, fuse_device);
    let env = limited("full");
    let script = "trap '' HUP; trap 'head -n1 /proc/meminfo > /tmp/seen; free > /tmp/free; exit' TERM; : > /tmp/ready; while :; do sleep 0.1; done";
    let mut session = env.sh_command(script).spawn().unwrap();
    eventually("it waits", || env.sh("test -e /tmp/ready").output().status.success());
    env.envbox(["stop", BOX]).succeeds();
    session.wait().unwrap();
    assert_eq!(columns(&says(&env, "cat /tmp/seen"), "MemTotal:")[0], LIMIT);
    assert_eq!(columns(&says(&env, "cat /tmp/free"), "Mem:")[0], LIMIT);
}

#[test]
fn the_page_has_the_table() {
    requires!(source);
    let page = std::fs::read_to_string(source_dir().join("docs/limits.md")).unwrap();
    golden("docs/limits.md", &table::page(&page));
}

/// A limited box of Debian for each group of rows, one after the other: all the packages at once would be two GB.
#[test]
fn programs_report_what_the_table_says() {
    requires!(userns, subid, overlay, net, fuse_device);
    let asked: usize = table::GROUPS.iter().map(|group| group.len()).sum();
    assert_eq!(asked, table::ROWS.len(), "each row is in a group");
    let env = TestEnvironment::new();
    let faults: Vec<String> = table::GROUPS.iter().flat_map(|group| faults(&env, group)).collect();
    assert_eq!(faults, Vec::<String>::new());
}

/// What is wrong in the rows of these programs.
fn faults(env: &TestEnvironment, programs: &[&str]) -> Vec<String> {
    let rows: Vec<_> = table::ROWS.iter().filter(|row| programs.contains(&row.program)).collect();
    assert_eq!(rows.len(), programs.len(), "{programs:?}");
    let packages = rows.iter().flat_map(|row| row.packages).copied().collect::<Vec<_>>().join(" ");
    let install = format!(
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y -o Dpkg::Options::=--force-unsafe-io \
         --no-install-recommends {packages}"
    );
    with_proxies(env.envbox(["create", BOX, "--image", "debian:12"])).succeeds();
    with_proxies(env.run(["sudo", "-E", "sh", "-c", &install])).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    env.configure(BOX, table::LIMITS);
    let run = |script: &str| env.sh(script).succeeds().stdout;
    let faults = rows.iter().filter_map(|row| row.fault(&run)).collect();
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    faults
}
