//! `envbox up`, `down`, `ps` and `logs`: services in a project's box.

mod ends;
mod logs;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::Project;
use crate::support::boxes::{eventually, kill, long_sleep, sleepers};
use crate::support::requires;

impl Project {
    /// What `ps` has of a service.
    fn service(&self, name: &str) -> Value {
        let all: Value = serde_json::from_slice(&self.envbox(&["ps", "--json"]).succeeds().bytes).unwrap();
        all.as_array().unwrap().iter().find(|service| service["name"] == name).unwrap().clone()
    }

    fn state(&self, name: &str) -> String {
        self.service(name)["state"].as_str().unwrap().to_owned()
    }

    /// What services have written into a file of the project's.
    fn told(&self) -> String {
        fs::read_to_string(self.root.join("told")).unwrap_or_default()
    }
}

/// A service that says when it starts and ends, and takes a moment for either.
fn talker(name: &str, needs: &str) -> String {
    format!(
        "  {name}: {{run: \"trap 'echo {name} ends >> told; exit 0' TERM; sleep 0.2; echo {name} starts >> told; touch /tmp/{name}; while :; do \
         sleep 0.05; done\", ready: {{file: /tmp/{name}}}, needs: [{needs}]}}\n"
    )
}

#[test]
fn services_start_and_end_in_the_order_of_their_needs() {
    requires!(userns, subid, overlay, fixtures);
    let recipe = format!("from: ./a.tar\nservices:\n{}{}{}", talker("a", "b"), talker("b", "c"), talker("c", ""));
    let project = Project::new(&recipe);
    project.envbox(&["up", "--yes", "a"]).succeeds();
    assert_eq!(project.told(), "c starts\nb starts\na starts\n");
    project.envbox(&["down", "c"]).succeeds();
    assert_eq!(project.told().lines().skip(3).collect::<Vec<_>>(), ["a ends", "b ends", "c ends"]);
    assert_eq!(project.state("a"), "stopped");
}

#[test]
fn services_are_limited_as_sessions_are() {
    requires!(userns, subid, overlay, fixtures);
    let limits = "grep -h -e Cpus_allowed_list -e 'open files' -e 'data size' /proc/self/status /proc/self/limits";
    let project = Project::new(&format!(
        "from: ./a.tar\nlimits: {{nofile: 400, cpus: 1, memory: 300M}}\nservices:\n  \
         a: {{run: \"{limits} > told; exec sleep 1000\", ready: {{file: told}}}}\n"
    ));
    project.envbox(&["up", "--yes"]).succeeds();
    let session = project.envbox(&["run", "--", "sh", "-c", limits]).succeeds().stdout;
    assert!(session.contains("Max open files            400 "), "{session}");
    eventually("it has told", || project.told() == session);
}

#[test]
fn a_service_is_ready_when_its_probe_says_so() {
    requires!(userns, subid, overlay, fixtures);
    let port = 20_000 + std::process::id() % 20_000;
    let project = Project::new(&format!(
        "from: ./a.tar\nservices:\n  port: {{run: 'sleep 0.3; exec httpd -f -p {port} -h /tmp', ready: {{port: {port}}}}}\n  \
         file: {{run: 'sleep 0.3; touch there; exec sleep 1000', ready: {{file: there}}}}\n  \
         log: {{run: 'sleep 0.2; printf \"is \"; sleep 0.1; echo up; exec sleep 1000', ready: {{log: is up}}}}\n  \
         run: {{run: 'sleep 0.3; touch /tmp/x; exec sleep 1000', ready: test -e /tmp/x}}\n  \
         never: {{run: 'exec sleep 1000', ready: {{run: 'false', within: 1}}}}\n  \
         plain: exec sleep 1000\n"
    ));
    let up = project.envbox(&["up", "--yes", "port", "file", "log", "run", "plain"]).succeeds().stderr;
    for name in ["port", "file", "log", "run"] {
        assert!(up.contains(&format!("{name}: ready (0.")), "{up}");
        assert!(project.service(name)["took"].as_u64().unwrap() >= 300, "{name}");
    }
    let wget = format!("wget -q -O - http://127.0.0.1:{port}/; echo $?");
    let seen = project.envbox(&["run", "--", "sh", "-c", &wget]).succeeds();
    assert!(seen.stderr.contains("404") || seen.stdout.contains('0'), "{seen:?}");
    let never = project.envbox(&["up", "never"]).exits(1).stderr;
    assert!(never.contains("never: failed: not ready after 1 s"), "{never}");
    project.envbox(&["down"]).succeeds();
}

#[test]
fn one_that_ends_is_started_again_and_one_that_ends_again_and_again_is_not() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\nservices:\n  once: {run: 'echo once >> told; exit 3', restart: no, ready: {port: 1}}\n  \
         third: {run: 'echo x >> /tmp/n; test $(wc -l < /tmp/n) -ge 3 || exit 1; exec sleep 1000', ready: {file: /tmp/n}}\n  \
         loop: {run: 'echo why; exit 4'}\n  well: {run: 'sleep 0.3', restart: on-failure}\n  needs: {run: sleep 1000, needs: [loop]}\n",
    );
    let once = project.envbox(&["up", "--yes", "once"]).exits(1).stderr;
    assert!(once.contains("once: failed: exit status 3"), "{once}");
    assert_eq!(project.told(), "once\n");
    let begun = Instant::now();
    let looping = project.envbox(&["up", "needs"]).exits(1).stderr;
    for part in
        ["loop: failed: ends again and again: exit status 4", "  | why", "needs: failed: `loop`, which it needs"]
    {
        assert!(looping.contains(part), "{looping}");
    }
    assert!(begun.elapsed() > Duration::from_secs(3), "the pauses grow");
    assert_eq!(project.service("loop")["restarts"], 5);
    project.envbox(&["up", "third"]).succeeds();
    eventually("the third try stays", || {
        project.service("third")["restarts"] == 2 && project.state("third") == "ready"
    });
    project.envbox(&["up", "well"]).succeeds();
    eventually("it ends by itself", || project.state("well") == "exited");
    project.envbox(&["down"]).succeeds();
}

#[test]
fn up_again_leaves_alone_what_has_not_changed() {
    requires!(userns, subid, overlay, fixtures);
    let recipe = |value: &str| {
        format!(
            "from: ./a.tar\nservices:\n  same: exec sleep 1000\n  other: {{run: 'echo $V >> told; exec sleep 1000', env: {{V: {value}}}}}\n"
        )
    };
    let project = Project::new(&recipe("one"));
    project.envbox(&["up", "--yes"]).succeeds();
    let pids = || ["same", "other"].map(|name| project.service(name)["pid"].as_i64().unwrap());
    let before = pids();
    project.envbox(&["up"]).succeeds();
    assert_eq!(pids(), before);
    project.write(&recipe("two"));
    project.envbox(&["up"]).succeeds();
    let after = pids();
    assert!(after[0] == before[0] && after[1] != before[1], "{before:?} {after:?}");
    assert_eq!(project.told(), "one\ntwo\n");
    project.envbox(&["down"]).succeeds();
}

#[test]
fn two_at_once_are_as_good_as_one() {
    requires!(userns, subid, overlay, fixtures);
    let seconds = long_sleep();
    let project = Project::new(&format!(
        "from: ./a.tar\nservices: {{db: {{run: 'echo start >> told; sleep 0.3; touch /tmp/x; exec sleep {seconds}', ready: {{file: /tmp/x}}}}}}\n"
    ));
    project.envbox(&["create", "--yes"]).succeeds();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| project.envbox(&["up"]).succeeds());
        }
    });
    assert_eq!((project.told(), sleepers(&seconds).len()), ("start\n".to_owned(), 1));
    project.envbox(&["down"]).succeeds();
    assert_eq!(sleepers(&seconds), [0; 0]);
}

#[test]
fn a_service_is_who_its_recipe_says_with_the_boxs_environment() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\nenv: {A: recipe}\nservices:\n  \
         me: {run: 'echo $(id -u) $A $B $CALLERS $HOME $(pwd) > told; exec sleep 1000', env: {B: own}, workdir: .}\n  \
         other: {run: 'echo $(id -u):$(id -g) $HOME; exec sleep 1000', user: '34567:44'}\n  \
         nobody: {run: sleep 1, user: no-such-user}\n",
    );
    project.envbox(&["up", "--yes", "me", "other"]).env("CALLERS", "no").succeeds();
    let uid = rustix::process::getuid().as_raw();
    eventually("it has said who it is", || !project.told().is_empty());
    let root = project.root.display().to_string();
    let home = project.env.path("home").display().to_string();
    assert_eq!(project.told().trim().trim_end_matches("/."), format!("{uid} recipe own {home} {root}"));
    assert_eq!(project.envbox(&["logs", "other"]).succeeds().stdout, "34567:44 /\n");
    let nobody = project.envbox(&["up", "nobody"]).exits(1).stderr;
    assert!(nobody.contains("nobody: failed: there is no user `no-such-user`"), "{nobody}");
    project.envbox(&["down"]).succeeds();
}

#[test]
fn what_is_wrong_with_services_is_said_before_anything_is_made() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nservices: {a: {run: x, needs: [b]}, b: {run: x, needs: [a]}}\n");
    let error = |words: &[&str]| project.envbox(words).exits(125).stderr;
    let cycle = error(&["up", "--yes"]);
    assert!(cycle.contains("the services need one another: a -> b -> a"), "{cycle}");
    project.write("from: ./a.tar\nservices: {web: {run: x, stop_signal: NOPE}}\n");
    assert!(error(&["up", "--yes"]).contains("`NOPE` is no signal"));
    assert!(error(&["ps"]).contains("`NOPE` is no signal"));
    project.write("from: ./a.tar\nservices: {web: x}\n");
    assert!(error(&["up", "--yes", "wbe"]).contains("there is no service `wbe`; `web` is"));
    assert!(error(&["ps"]).contains("no box"));
    assert_eq!(project.names(), [""; 0]);
}

#[test]
fn a_box_of_another_image_takes_over() {
    requires!(userns, subid, overlay, fixtures);
    let seconds = long_sleep();
    let recipe = |tar: &str| format!("from: ./{tar}\nservices: {{db: 'cat /marker >> told; exec sleep {seconds}'}}\n");
    let project = Project::new(&recipe("a.tar")).with_b();
    project.envbox(&["up", "--yes"]).succeeds();
    let first = sleepers(&seconds);
    project.write(&recipe("b.tar"));
    project.envbox(&["up", "--yes"]).succeeds();
    let second = sleepers(&seconds);
    assert!(first.len() == 1 && second.len() == 1 && first != second, "{first:?} {second:?}");
    assert_eq!(project.told(), "a\nb\n");
    kill("KILL", second[0]);
    eventually("it is started again", || sleepers(&seconds).len() == 1 && sleepers(&seconds) != second);
    project.envbox(&["down"]).succeeds();
}
