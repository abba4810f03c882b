//! How services come to an end, whoever ends them.

use std::time::{Duration, Instant};

use super::talker;
use crate::project::Project;
use crate::support::boxes::{eventually, kill, long_sleep, sleepers};
use crate::support::{Pty, envbox, requires};

/// The supervisor that has started a process, as the host sees it.
fn supervisor_of(sleeper: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_box_that_is_stopped_ends_them_in_order_and_leaves_nothing_in_the_way() {
    requires!(userns, subid, overlay, fixtures);
    let recipe = format!("from: ./a.tar\nservices:\n{}{}", talker("a", "b"), talker("b", ""));
    let project = Project::new(&recipe);
    project.envbox(&["up", "--yes"]).succeeds();
    let name = project.names().remove(0);
    let begun = Instant::now();
    project.env.envbox(["stop", &name]).succeeds();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(project.told(), "b starts\na starts\na ends\nb ends\n");
    assert_eq!(project.state("a"), "stopped");
    project.envbox(&["up"]).succeeds();
    assert_eq!(project.state("a"), "ready");
    project.env.envbox(["stop", "--time", "0", &name]).succeeds();
    project.envbox(&["up"]).succeeds();
    project.envbox(&["down"]).succeeds();
}

#[test]
fn one_that_does_not_end_is_killed_with_all_that_it_has_started() {
    requires!(userns, subid, overlay, fixtures);
    let (own, others) = (long_sleep(), long_sleep());
    let project = Project::new(&format!(
        "from: ./a.tar\nservices:\n  deaf: {{run: \"trap '' TERM; setsid sleep {others} & sleep {own} & while :; do sleep 0.1; done\", stop_time: 1}}\n  \
         quit: {{run: \"trap 'echo quit >> told; exit 0' QUIT; trap '' TERM; while :; do sleep 0.1; done\", stop_signal: QUIT}}\n"
    ));
    project.envbox(&["up", "--yes"]).succeeds();
    eventually("it has children", || sleepers(&own).len() == 1 && sleepers(&others).len() == 1);
    let begun = Instant::now();
    project.envbox(&["down"]).succeeds();
    assert!((1..6).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(project.told(), "quit\n");
    eventually("all are gone", || sleepers(&own).is_empty() && sleepers(&others).is_empty());
    assert_eq!(project.service("deaf")["ended"]["signal"], 9);
}

#[test]
fn a_supervisor_that_is_killed_takes_its_services_along_and_another_one_begins_anew() {
    requires!(userns, subid, overlay, fixtures);
    let (own, child) = (long_sleep(), long_sleep());
    let project = Project::new(&format!(
        "from: ./a.tar\nservices: {{db: 'sleep {child} & exec sleep {own}', web: {{run: 'exec sleep {own}', needs: [db]}}}}\n"
    ));
    project.envbox(&["up", "--yes"]).succeeds();
    eventually("they run", || sleepers(&own).len() == 2 && sleepers(&child).len() == 1);
    kill("KILL", supervisor_of(sleepers(&own)[0]));
    eventually("they are gone", || sleepers(&own).is_empty() && sleepers(&child).is_empty());
    assert_eq!(project.state("db"), "stopped");
    project.envbox(&["up"]).succeeds();
    assert_eq!((project.state("web"), sleepers(&own).len()), ("ready".to_owned(), 2));
    project.envbox(&["down"]).succeeds();
}

#[test]
fn they_outlive_who_has_brought_them_up_and_keep_the_box() {
    requires!(userns, subid, overlay, fixtures);
    let seconds = long_sleep();
    let project = Project::new(&format!(
        "from: ./a.tar\nservices: {{db: exec sleep {seconds}, slow: {{run: exec sleep {seconds}, ready: {{port: 1, within: 60}}}}}}\n"
    ));
    project.envbox(&["create", "--yes"]).succeeds();
    project.env.configure(&project.names()[0], "linger: 0");
    let mut command = project.env.command(envbox());
    command.args(["up", "db", "slow"]).current_dir(&project.root);
    let mut pty = Pty::spawn(&command);
    pty.expect("db: ready");
    // An interrupt ends the waiting.
    pty.send("\u{3}");
    let (status, _) = pty.wait();
    assert_eq!(status.code(), Some(130));
    let mut pty = Pty::spawn(&command);
    pty.expect("db: is up");
    drop(pty);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sleepers(&seconds).len(), 2);
    assert_eq!((project.state("db"), project.state("slow")), ("ready".to_owned(), "starting".to_owned()));
    project.envbox(&["down"]).succeeds();
    assert_eq!(sleepers(&seconds), [0; 0]);
    let name = project.names().remove(0);
    // Whoever looks whether it is up keeps it up.
    std::thread::sleep(Duration::from_secs(4));
    assert!(project.env.envbox(["list"]).succeeds().stdout.contains("stopped"));
    assert_eq!(project.names(), [name]);
}
