//! Damage, found and mended.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Changes the one layer of an environment, which belongs to subordinate ids.
fn alter(env: &TestEnvironment, script: &str) {
    let layer = fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().next().unwrap().unwrap().path();
    let in_userns = ["unshare", "--user", "--map-root-user", "--map-auto"];
    let root = rustix::process::geteuid().is_root();
    let shell = ["sh", "-c", script];
    let words: Vec<_> = in_userns.iter().filter(|_| !root).chain(&shell).collect();
    let status = std::process::Command::new(words[0]).args(&words[1..]).current_dir(layer).status().unwrap();
    assert!(status.success());
}

fn verify(env: &TestEnvironment, status: i32) -> Value {
    let outcome = env.envbox(["image", "verify", "--json"]).exits(status);
    serde_json::from_slice(&outcome.bytes).unwrap()
}

#[test]
fn damage_is_named_and_mended_from_where_the_image_is_from() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.sh("echo kept > /tmp/mine").succeeds();
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(verify(&env, 0)[0]["state"], "whole");
    alter(
        &env,
        "printf x | dd of=fs/bin/busybox conv=notrunc bs=1 seek=5000 2>/dev/null; rm fs/etc/passwd; touch fs/new; chmod 700 fs/etc",
    );
    let found = verify(&env, 1);
    let differences = found[0]["differences"].as_array().unwrap();
    for (path, what) in
        [("/bin/busybox", "content"), ("/etc/passwd", "missing"), ("/new", "added"), ("/etc", "metadata")]
    {
        assert!(differences.contains(&json!({"path": path, "what": what})), "{path}: {found}");
    }
    let outcome = env.envbox(["image", "verify", "rootfs.tar"]).exits(1);
    assert!(outcome.stdout.contains("/etc/passwd"), "{}", outcome.stdout);

    env.configure(BOX, "linger: 60");
    env.run(["true"]).output();
    if env.keeper().is_some() {
        let outcome = env.envbox(["image", "verify", "--repair"]).exits(125);
        assert!(outcome.stderr.contains("hint: envbox stop b"), "{}", outcome.stderr);
        env.envbox(["stop", BOX]).succeeds();
    }
    env.envbox(["image", "verify", "--repair"]).succeeds();
    assert_eq!(verify(&env, 0)[0]["state"], "whole");
    assert_eq!(env.run(["cat", "/tmp/mine", "/etc/passwd"]).succeeds().stdout.lines().next(), Some("kept"));
    assert_eq!((images(&env).len(), env.staged().len()), (1, 0));
}

#[test]
fn a_layer_that_is_missing_is_fetched_and_one_that_cannot_be_had_stays() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    alter(&env, "rm -r fs");
    let outcome = env.run(["true"]).exits(125);
    assert!(outcome.stderr.contains("envbox image verify --repair"), "{}", outcome.stderr);
    assert_eq!(verify(&env, 1)[0]["state"], "missing");
    env.envbox(["image", "verify", "--repair"]).succeeds();
    env.run(["true"]).succeeds();
    env.envbox(["stop", BOX]).succeeds();

    alter(&env, "touch fs/new");
    fs::rename(env.path("rootfs.tar"), env.path("elsewhere.tar")).unwrap();
    let outcome = env.envbox(["image", "verify", "--repair"]).exits(125);
    assert!(outcome.stderr.contains("stays as it is"), "{}", outcome.stderr);
    env.run(["test", "-e", "/new"]).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn a_damaged_name_stops_nothing_but_itself() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let refs = env.path("data/envbox/refs");
    let name = fs::read_dir(&refs).unwrap().map(|entry| entry.unwrap().path());
    let name = name.into_iter().find(|path| path.extension().is_none()).unwrap();
    let whole = fs::read(&name).unwrap();
    for damage in [&b""[..], b"sha256:00 x\n", b"\xff\xfe", &whole[..20]] {
        fs::write(&name, damage).unwrap();
        let outcome = env.envbox(["image", "list", "--json"]).succeeds();
        assert!(outcome.stderr.contains("is damaged"), "{}", outcome.stderr);
        let outcome = env.envbox(["gc", "--older-than", "0"]).succeeds();
        assert!(outcome.stderr.contains("whatever it may need is kept"), "{}", outcome.stderr);
        env.run(["true"]).succeeds();
    }
    fs::write(&name, whole).unwrap();
    let image = fs::read_dir(env.path("data/envbox/images/sha256")).unwrap().next().unwrap().unwrap().path();
    fs::write(&image, "{}").unwrap();
    assert_eq!(images(&env)[0]["damaged"], true);
    env.envbox(["image", "verify"]).exits(1);
    env.envbox(["gc", "--older-than", "0"]).succeeds();
    assert_eq!(count(&env, "layers/sha256"), 1);
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    env.envbox(["image", "rm", "rootfs.tar"]).succeeds();
    env.envbox(["gc"]).succeeds();
    assert_eq!((images(&env).len(), count(&env, "layers/sha256")), (0, 0));
}

/// What cannot be looked at is not missing: to repair it would be no help.
#[test]
fn a_layer_that_cannot_be_looked_at_is_named_with_the_reason() {
    requires!(user, userns, subid, fixtures);
    let env = busybox();
    let layers = env.path("data/envbox/layers/sha256");
    let layer = fs::read_dir(&layers).unwrap().next().unwrap().unwrap().path();
    let allow = |mode| fs::set_permissions(&layer, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    let said = env.envbox(["run", BOX, "--", "true"]).exits(125).stderr;
    allow(0o755);
    let read = format!("{}/fs\n", layer.file_name().unwrap().display());
    assert!(said.contains("cannot read") && said.contains(&read) && said.contains("Permission denied"), "{said}");
}
