//! Limits where there are controllers: the box is held, the host goes on, and what happened is reported. In the virtual
//! machine, mostly: `vm::limits_hold`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::TestEnvironment;
use crate::support::boxes::{BOX, busybox, eventually};
use crate::support::{only_where, requires};

impl TestEnvironment {
    /// A file of the cgroup with the box's limits.
    fn limited(&self, file: &str) -> String {
        let group = PathBuf::from(self.limits()["cgroup"].as_str().unwrap());
        fs::read_to_string(group.join("box").join(file)).unwrap()
    }
}

/// Takes all the memory that there is.
const HOG: &str = "tail /dev/zero";

#[test]
fn a_memory_hog_is_killed_and_reported() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(controllers);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.configure(BOX, "limits: {memory: 64M, swap: 0}");
    let mut neighbour = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let killed = env.run(HOG.split(' ')).exits(137);
    let expected = format!(
        "a process was killed: there was no memory left of the 64M that it may use (envbox limit {BOX} --memory 128M)"
    );
    assert!(killed.stderr.contains(&expected), "{}", killed.stderr);
    assert_eq!(env.run(["true"]).succeeds().stderr, "", "it has been said");
    assert_eq!((&env.stats()["oom_kills"], &env.stats()["memory_limit"]), (&1.into(), &(64u64 << 20).into()));
    assert!(neighbour.try_wait().unwrap().is_none(), "the host's processes are not the box's");
    neighbour.kill().unwrap();
    neighbour.wait().unwrap();
}

#[test]
fn what_is_killed_in_the_background_is_told_of_at_the_next_session() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(controllers);
    let env = busybox();
    env.configure(BOX, "limits: {memory: 64M, swap: 0}");
    env.in_background(&format!("exec sh -c 'sleep 1; {HOG}; sleep 60'"));
    eventually("it is killed", || env.limits()["oom_kills"].as_u64().is_some_and(|count| count > 0));
    let told = env.run(["true"]).succeeds();
    assert!(told.stderr.contains("since it was last looked at, "), "{}", told.stderr);
}

#[test]
fn a_fork_bomb_is_held() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(controllers);
    let env = busybox();
    env.configure(BOX, "limits: {pids: 40}");
    env.in_background("bomb() { bomb | bomb & }; bomb; sleep 60");
    eventually("it is refused", || env.stats()["refused_forks"].as_u64().is_some_and(|count| count > 0));
    assert!(env.stats()["pids"].as_u64().unwrap() <= 40, "{}", env.stats());
    assert!(Command::new("true").status().unwrap().success(), "the host forks on");
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
}

#[test]
fn a_burner_gets_its_part_of_the_processors() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(controllers);
    let env = busybox();
    env.configure(BOX, "limits: {cpus: 0.5}");
    assert_eq!(env.run(["nproc"]).succeeds().stdout, "1\n");
    env.in_background("for i in 1 2 3; do timeout 30 sh -c 'while :; do :; done' & done; sleep 30");
    let used = || env.stats()["cpu_usec"].as_f64().unwrap();
    let (before, start) = (used(), std::time::Instant::now());
    eventually("it is held back", || start.elapsed().as_secs() >= 4);
    let percent = (used() - before) / start.elapsed().as_secs_f64() / 10_000.0;
    assert!((35.0..=60.0).contains(&percent), "{percent} % of a processor");
    assert!(env.stats()["throttled_usec"].as_u64().unwrap() > 0);
}

#[test]
fn limits_of_a_live_box_are_changed_in_its_cgroup() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(controllers);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.configure(BOX, "limits: {memory: 64M, pids: 100, cpus: 1.5, enforce: require}");
    env.run(["true"]).succeeds();
    assert_eq!(env.limited("memory.max"), format!("{}\n", 64 << 20));
    assert_eq!(env.limited("cpu.max"), "150000 100000\n");
    assert!(env.limits()["limits"].as_array().unwrap().iter().all(|limit| limit["by"] == "cgroup"), "{}", env.limits());
    env.envbox(["limit", BOX, "--memory", "128M", "--pids", "none", "--cpus", "1"]).succeeds();
    assert_eq!((env.limited("memory.max"), env.limited("pids.max")), (format!("{}\n", 128 << 20), "max\n".into()));
    assert_eq!(env.limited("cpu.max"), "100000 100000\n");
    env.in_background("exec dd if=/dev/zero of=/dev/null bs=60M count=100000");
    eventually("it uses that", || env.stats()["memory"].as_u64().unwrap() > 60 << 20);
    let refused = env.envbox(["limit", BOX, "--memory", "32M"]).exits(125);
    assert!(refused.stderr.contains("would be killed with 32M"), "{}", refused.stderr);
    assert_eq!(env.limited("memory.max"), format!("{}\n", 128 << 20));
}
