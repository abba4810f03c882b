//! Debian from its archive, as the machine that the tests run on reaches it.

use std::fs;

use crate::support::boxes::BOX;
use crate::support::{TestEnvironment, requires};

/// The environment's box, of this suite. Proxies are the tester's own.
fn create(env: &TestEnvironment, name: &str, suite: &str) {
    with_proxies(env.envbox(["create", name, "--image", suite])).succeeds();
}

pub(crate) fn with_proxies(run: crate::support::Run<'_>) -> crate::support::Run<'_> {
    let proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
    std::env::vars().filter(|(name, _)| proxy(name)).fold(run, |run, (name, value)| run.env(&name, value))
}

fn release(env: &TestEnvironment) -> String {
    env.sh(". /etc/os-release; echo $VERSION_CODENAME").succeeds().stdout.trim().to_owned()
}

#[test]
fn stable_is_a_system_to_work_with() {
    requires!(userns, subid, overlay, net);
    let env = TestEnvironment::new();
    create(&env, BOX, "debian");
    let root = |script: &str| with_proxies(env.run(["sudo", "-E", "sh", "-c", script]));
    assert_eq!(env.run(["dpkg", "--audit"]).succeeds().stdout, "");
    assert_eq!(env.sh("dpkg -l | grep -vc '^ii'").output().stdout, "5\n", "all but the head is installed");
    assert_eq!(env.sh("id -u; sudo id -u").succeeds().stdout, format!("{}\n0\n", rustix::process::getuid().as_raw()));
    root("apt-get update").succeeds();
    let upgrade = root("apt-get full-upgrade --simulate").succeeds().stdout;
    assert!(upgrade.contains("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded"), "{upgrade}");
    root("DEBIAN_FRONTEND=noninteractive apt-get install -y hello").succeeds();
    assert_eq!(env.run(["hello"]).succeeds().stdout, "Hello, world!\n");
    // The files that envbox sees to are packages' own after all that, as far as dpkg can tell.
    assert_eq!(
        env.run(["dpkg", "--verify", "base-files", "base-passwd", "hello", "libc6", "sysvinit-utils"]).output().stdout,
        ""
    );
    assert_eq!(env.run(["sudo", "dpkg", "--audit"]).succeeds().stdout, "");
    a_second_one_costs_nothing(&env);
}

/// Neither room nor a network.
fn a_second_one_costs_nothing(env: &TestEnvironment) {
    let offline = |run: crate::support::Run<'_>| {
        let nowhere = "http://127.0.0.1:9";
        run.env("http_proxy", nowhere).env("https_proxy", nowhere).succeeds()
    };
    offline(env.envbox(["create", "second", "--image", "debian", "--mirror", "http://127.0.0.1:9/debian"]));
    offline(env.envbox(["run", "second", "--", "true"]));
    let outcome = env.envbox(["run", "second", "--", "test", "-e", "/usr/bin/hello"]).output();
    assert_eq!(outcome.status.code(), Some(1));
    assert_eq!(fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count(), 1);
    // With the layer gone too, what was fetched is still there.
    env.envbox(["rm", "--all", "--yes", "--force"]).succeeds();
}

/// A suite by the word for it, which configures all of its packages, and says what it is.
fn is_itself(suite: &str, title: &str, codename: &str) {
    requires!(userns, subid, overlay, net);
    let env = TestEnvironment::new();
    // What a frozen mirror has of a moving suite is out of date by its own account.
    with_proxies(env.envbox(["create", BOX, "--ignore-valid-until", "--image", suite])).succeeds();
    assert_eq!(release(&env), codename);
    assert_eq!(env.run(["dpkg", "--audit"]).succeeds().stdout, "");
    let list = env.envbox(["list", "--json"]).succeeds().stdout;
    assert!(list.contains(title), "{list}");
}

#[test]
fn bullseye() {
    is_itself("debian:bullseye", "Debian 11", "bullseye");
}

#[test]
fn bookworm() {
    is_itself("debian:12", "Debian 12", "bookworm");
}

#[test]
fn trixie() {
    is_itself("debian:trixie", "Debian 13", "trixie");
}

/// Its os-release has the name of the release that it will be.
#[test]
fn sid() {
    is_itself("debian:sid", "(sid)", "forky");
}

#[test]
fn an_archive_out_of_reach_is_an_error_that_leaves_nothing() {
    requires!(userns, subid);
    let env = TestEnvironment::new();
    let outcome = env.envbox(["create", BOX, "--image", "debian", "--mirror", "http://127.0.0.1:9/debian"]).exits(125);
    assert!(outcome.stderr.contains("127.0.0.1:9") && outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_eq!(env.envbox(["list", "--json"]).succeeds().stdout.trim(), "[]");
    assert_eq!(env.staged().len(), 0);
    env.envbox(["create", BOX, "--image", "debian:nonsense/.."]).exits(125);
}
