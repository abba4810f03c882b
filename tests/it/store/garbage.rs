//! Collecting garbage, beside whatever else is going on.

use super::*;

fn gc(env: &TestEnvironment, words: &[&str]) -> Value {
    let all: Vec<&str> = ["gc", "--json"].iter().chain(words).copied().collect();
    json(env, &all)
}

#[test]
fn what_nothing_needs_goes_and_a_dry_run_says_so_before() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    create(&env, "other", &tarball(&env, "other"));
    env.envbox(["rm", "--yes", "other"]).succeeds();
    assert_eq!(gc(&env, &[])["layers"], json!([]), "it has a name");
    let dry = gc(&env, &["--older-than", "0", "--dry-run"]);
    assert_eq!((dry["images"].as_array().unwrap().len(), &dry["removed"]), (1, &json!(false)));
    assert_eq!(gc(&env, &["--older-than", "1h"])["images"], json!([]));
    assert_eq!(images(&env).len(), 2);
    let done = gc(&env, &["--older-than", "0"]);
    assert_eq!((&done["images"], &done["layers"], &done["removed"]), (&dry["images"], &dry["layers"], &json!(true)));
    assert_eq!((images(&env).len(), count(&env, "layers/sha256"), env.staged().len()), (1, 1, 0));
    env.envbox(["rm", "--yes", BOX]).succeeds();
    env.envbox(["image", "prune", "--all"]).succeeds();
    assert_eq!((images(&env).len(), count(&env, "layers/sha256"), env.staged().len()), (0, 0, 0));
}

#[test]
fn downloads_go_by_age_and_size() {
    let env = TestEnvironment::new();
    let dir = env.path("cache/envbox/blobs/sha256");
    fs::create_dir_all(&dir).unwrap();
    for (name, days) in [("new", 1), ("old", 40)] {
        let file = fs::File::create(dir.join(name)).unwrap();
        file.set_len(1000).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(days * 86400)).unwrap();
    }
    assert_eq!(gc(&env, &["--older-than", "41d"])["downloads"]["count"], 0);
    assert_eq!(gc(&env, &[])["downloads"], json!({"count": 1, "bytes": 1000}));
    assert!(dir.join("new").exists() && !dir.join("old").exists());
    assert_eq!(gc(&env, &["--keep-downloads", "1K"])["downloads"]["count"], 0);
    assert_eq!(gc(&env, &["--keep-downloads", "999"])["downloads"]["count"], 1);
}

#[test]
fn the_agent_of_another_build_goes_while_a_box_runs() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.run(["true"]).succeeds();
    let agents = env.path("data/envbox/agent");
    let ours = fs::read_dir(&agents).unwrap().next().unwrap().unwrap().path();
    assert_eq!(gc(&env, &[])["agents"], 0);
    // As if the box had been started by another build.
    fs::rename(&ours, agents.join("0.0.1-1-1")).unwrap();
    assert_eq!(gc(&env, &["--dry-run"])["agents"], 1);
    assert_eq!(gc(&env, &[])["agents"], 1);
    assert_eq!((count(&env, "agent"), env.staged().len()), (0, 0));
    assert_eq!(env.run(["sudo", "id", "-u"]).succeeds().stdout, "0\n", "the box goes on");
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(env.run(["sudo", "id", "-u"]).succeeds().stdout, "0\n");
}

/// Boxes are made of images that are fetched for them and dropped again, images lose their names, and all the while
/// everything goes that nothing needs.
#[test]
fn garbage_is_collected_beside_creates_and_removals() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let tarballs: Vec<PathBuf> = (0..3).map(|n| tarball(&env, &format!("image{n}"))).collect();
    let envbox = envbox();
    let script = |n: usize| {
        let image = |round: usize| tarballs[(n + round) % 3].to_str().unwrap();
        let round = |round| {
            format!(
                "{envbox:?} create t{n} --image {image:?} && {envbox:?} run t{n} -- test -x /bin/busybox && \
                 {envbox:?} rm --yes --force t{n} || exit; {envbox:?} image rm --force {name}.tar >/dev/null\n",
                image = image(round),
                name = format_args!("image{}", (n + round) % 3),
            )
        };
        (0..6).map(round).collect::<String>()
    };
    let shell = |script: String| {
        let mut command = env.command("sh");
        let command = command.arg("-c").arg(script).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let workers: Vec<Child> = (0..3).map(|n| shell(script(n))).collect();
    let endless = format!("while :; do {envbox:?} gc -q --older-than 0 || exit; done");
    let mut collectors = [shell(endless.clone()), shell(endless)];
    let worked: Vec<_> = workers.into_iter().map(|worker| worker.wait_with_output().unwrap()).collect();
    let still: Vec<_> = collectors.iter_mut().map(|child| child.try_wait().unwrap()).collect();
    for mut collector in collectors {
        collector.kill().unwrap();
        let output = collector.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    assert_eq!(still, [None, None], "no collector has failed");
    for output in worked {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    eventually("all is gone", || {
        gc(&env, &["--older-than", "0"]);
        (images(&env).len(), count(&env, "layers/sha256"), env.staged().len()) == (0, 0, 0)
    });
}

#[test]
fn gc_is_killed_at_twenty_points() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let other = tarball(&env, "other");
    let prepare = || {
        create(&env, "other", &other);
        env.envbox(["rm", "--yes", "other"]).succeeds();
    };
    let words = ["gc", "--older-than", "0"];
    prepare();
    let begun = std::time::Instant::now();
    env.envbox(words).succeeds();
    let whole = begun.elapsed();
    for point in 0..20 {
        prepare();
        let mut child = start(&env, &words);
        std::thread::sleep(whole * point / 20);
        let _ = child.kill();
        child.wait().unwrap();
        // What is half gone is not there: the same image is made again, and the box that stays has its own.
        create(&env, "again", &other);
        env.envbox(["run", "again", "--", "test", "-e", "/own"]).succeeds();
        env.envbox(["rm", "--yes", "--force", "again"]).succeeds();
        env.run(["true"]).succeeds();
        eventually("nothing is left", || {
            env.envbox(words).succeeds();
            (images(&env).len(), count(&env, "layers/sha256"), env.staged().len()) == (1, 1, 0)
        });
    }
}
