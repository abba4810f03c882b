//! `envbox doctor`, on the machine that the tests run on.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{TestEnvironment, requires};

/// The rows by name.
fn rows(env: &TestEnvironment, status: i32) -> BTreeMap<String, Value> {
    let json = env.envbox(["doctor", "--json"]).exits(status).bytes;
    let rows: Vec<Value> = serde_json::from_slice(&json).unwrap();
    rows.into_iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row)).collect()
}

#[test]
fn a_machine_that_has_everything_is_well() {
    requires!(user, userns, subid, overlay);
    let env = TestEnvironment::new();
    let rows = rows(&env, 0);
    for name in
        ["user namespaces", "newuidmap", "newgidmap", "subordinate ids", "id map", "kernel overlay", "file system"]
    {
        assert_eq!(rows[name]["state"], "ok", "{:?}", rows[name]);
    }
    assert!(rows.values().all(|row| row["state"] != "missing"));
}

#[test]
fn as_root_needs_no_helpers() {
    requires!(root, userns, overlay);
    let env = TestEnvironment::new();
    let rows = rows(&env, 0);
    assert_eq!(rows["id map"]["state"], "ok", "{:?}", rows["id map"]);
    assert_eq!(rows["kernel overlay"]["state"], "ok", "{:?}", rows["kernel overlay"]);
}

#[test]
fn without_range_the_line_to_add_is_shown() {
    requires!(no_range, userns);
    let env = TestEnvironment::new();
    let rows = rows(&env, 1);
    assert_eq!(rows["user namespaces"]["state"], "ok");
    assert_eq!(rows["subordinate ids"]["state"], "missing");
    let fix = rows["subordinate ids"]["fix"].as_str().unwrap();
    assert!(fix.contains("/etc/subuid") && fix.ends_with(":65536"), "{fix}");
    assert!(rows["kernel overlay"]["detail"].as_str().unwrap().starts_with("cannot be tried without an id map"));
}

#[test]
fn it_leaves_nothing_behind() {
    requires!(userns, subid);
    let env = TestEnvironment::new();
    env.envbox(["doctor"]).output();
    for dir in ["home", "data", "cache", "config", "run"] {
        let left: Vec<_> = fs::read_dir(env.path(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_is_missing_comes_with_the_line_that_mends_it() {
    let env = TestEnvironment::new();
    let outcome = env.envbox(["doctor"]).env("XDG_DATA_HOME", "/proc").output();
    let fix = "To mend `free space`:\n    export XDG_DATA_HOME=/a/directory/with/more/space\n";
    assert!(outcome.stdout.contains(fix), "{}", outcome.stdout);
}
