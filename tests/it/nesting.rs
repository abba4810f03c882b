//! Boxes, containers and sandboxes in a box.

use std::path::Path;

use crate::support::boxes::{BOX, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

/// Ids that a box has in all, its user's own left out, and what it says of itself: one line a level. `$1` is how many levels
/// are to come.
const LEVEL: &str = r#"
set -e
ids() { awk '$3 > 1 { sum += $3 } END { print sum }' /proc/self/$1; }
echo "$(id -u) $(ids uid_map) $(ids gid_map) $(grep "^$(id -un):" /etc/subuid) $(grep "^$(id -un):" /etc/subgid)"
if [ "$1" -gt 0 ]; then
    envbox --quiet create b --image "$2"
    envbox run b -- sh -c "$3" sh $(($1 - 1)) "$2" "$3"
fi
"#;

impl TestEnvironment {
    /// Three levels below the box, as whoever runs `prefix`, with the image where that user finds it; what each says.
    fn levels(&self, prefix: &[&str], image: &str) -> Vec<Vec<String>> {
        let words = prefix.iter().copied().chain(["sh", "-c", LEVEL, "sh", "3", image, LEVEL]);
        let said = self.run(words).succeeds().stdout;
        said.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }
}

/// The box that tests work with, of Alpine, whose tarball is in the home.
fn alpine() -> TestEnvironment {
    let env = with_box(Rootfs::alpine().tar());
    std::fs::rename(env.path("rootfs.tar"), env.path("home/rootfs.tar")).unwrap();
    env
}

/// That each level has the ids that the one above has given it, and gives fewer on.
#[track_caller]
fn assert_split(levels: &[Vec<String>], user: u32) {
    assert_eq!(levels.len(), 4, "{levels:?}");
    for (above, level) in levels.iter().zip(&levels[1..]) {
        let given = |line: &str| line.rsplit(':').next().unwrap().parse::<u32>().unwrap();
        let has = |words: &[String]| [&words[1], &words[2]].map(|count| count.parse::<u32>().unwrap());
        assert_eq!(level[0], user.to_string(), "{levels:?}");
        // Where the user's own id lies among them, one is not used.
        for (has, given) in has(level).into_iter().zip([given(&above[3]), given(&above[4])]) {
            assert!(given - has <= 1, "{levels:?}");
        }
        assert!(given(&level[3]) < given(&above[3]) && given(&level[3]) > 10_000, "{levels:?}");
    }
}

#[test]
fn there_are_boxes_in_boxes_three_deep() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    let image = env.path("home/rootfs.tar");
    assert_split(&env.levels(&[], &image.to_string_lossy()), rustix::process::getuid().as_raw());
    // Those of box-root are others, in a store of their own.
    env.sh("sudo cp ~/rootfs.tar /root").succeeds();
    assert_split(&env.levels(&["sudo"], "/root/rootfs.tar"), 0);
    assert_eq!(
        env.sh("envbox list | tail -n +2 | wc -l; sudo envbox list | tail -n +2 | wc -l").succeeds().stdout,
        "1\n1\n"
    );
    // All of it goes with the box, whoever owns it.
    assert!(env.path("data/envbox/boxes/b/nested/data/boxes/b").is_dir());
    let df = env.envbox(["image", "df", "--json"]).succeeds().stdout;
    let df: serde_json::Value = serde_json::from_str(&df).unwrap();
    assert!(df["nested"]["bytes"].as_u64().unwrap() > 20 << 20, "{df}");
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert!(!env.path("data/envbox/boxes/b").exists());
    assert!(env.staged().is_empty());
}

#[test]
fn every_home_has_a_store_and_none_shows_the_hosts() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    let image = env.path("home/rootfs.tar");
    for mode in ["host", "private", "overlay", "none"] {
        env.reconfigure(&[&format!("home: {mode}")]);
        assert_eq!(env.sh("envbox list | tail -n +2").succeeds().stdout, "", "{mode}");
        let script =
            "cat > /tmp/i.tar; envbox --quiet create i --image /tmp/i.tar && envbox run i -- cat /etc/hostname";
        let said = env.sh(script).stdin(std::fs::read(&image).unwrap()).succeeds().stdout;
        assert_eq!(said, "localhost\n", "{mode}");
        env.sh("envbox rm --yes --force i").succeeds();
    }
    // In the user's own home, the host's is where it was.
    assert!(env.path("data/envbox/boxes/b/box.yaml").is_file());
}

#[test]
fn an_owner_without_an_id_is_named() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    // 50000 is an id of every box that is none in a box.
    let archive =
        "mkdir -p /tmp/r/etc && echo x > /tmp/r/f && sudo chown 50000:50000 /tmp/r/f && tar -C /tmp/r -cf /tmp/r.tar .";
    env.sh(archive).succeeds();
    let said = env.sh("envbox create x --image /tmp/r.tar").exits(125).stderr;
    assert!(said.contains("`f` belongs to 50000:50000, which the boxes of this user have no ids for"), "{said}");
    assert_eq!(env.sh("envbox list --json").succeeds().stdout.trim(), "[]");
}

#[test]
fn the_agent_is_newuidmap_and_newgidmap() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    // A process that has made a user namespace, and waits; what the two are given is for it.
    let mapped = |uid_map: &str, gid_map: &str| {
        let script = format!(
            "sub=$(grep \"^$(id -un):\" /etc/subuid | cut -d: -f2); u=$(id -u); g=$(id -g)
             go=/tmp/go.$$; mkfifo -m 666 $go
             unshare -U sh -c \"read _ < $go; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups\" & p=$!
             while [ \"$(readlink /proc/$p/ns/user)\" = \"$(readlink /proc/self/ns/user)\" ]; do sleep 0.01; done
             newuidmap {uid_map}; newgidmap {gid_map}; echo > $go; wait $p"
        );
        env.sh(&script).output()
    };
    let sub = env.sh("grep \"^$(id -un):\" /etc/subuid | cut -d: -f2").succeeds().stdout.trim().to_owned();
    let (u, g) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let said = mapped("$p 0 $sub 10 $u $u 1", "$p 0 $sub 10 $g $g 1");
    assert_eq!(words(&said.stdout), format!("0 {sub} 10 {u} {u} 1 0 {sub} 10 {g} {g} 1 allow"), "{said:?}");
    // The open directory of a process in the place of its number.
    let said = mapped("fd:7 0 $sub 10 7</proc/$p", "fd:7 0 $sub 10 7</proc/$p");
    assert_eq!(words(&said.stdout), format!("0 {sub} 10 0 {sub} 10 allow"), "{said:?}");
    // Whoever keeps only their own group may drop none either.
    let said = mapped("$p $u $u 1", "$p $g $g 1");
    assert_eq!(words(&said.stdout), format!("{u} {u} 1 {g} {g} 1 deny"), "{said:?}");
    for (wrong, why) in [
        ("$p 0 0 1", "1 ids from 0 on are not"),
        ("$p 0 $sub 65536", "by /etc/subuid"),
        ("$p 0 $sub", "usage:"),
        ("1 0 $sub 10", "process 1 belongs to"),
        ("999999 0 $sub 10", "cannot look at process 999999"),
        ("fd:7 0 $sub 10 7</etc", "`fd:7` is no open directory of a process"),
    ] {
        let said = mapped(wrong, "$p $g $g 1");
        assert!(said.stderr.contains(why), "{wrong}: {said:?}");
        assert_eq!(words(&said.stdout), format!("{g} {g} 1 deny"), "{wrong}: no map was written: {said:?}");
    }
}

#[test]
fn sandboxes_work_in_a_box() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    let said = env.sh("unshare -Urmpf --mount-proc sh -c 'id -u; ls -d /proc/[0-9]*'").succeeds().stdout;
    assert_eq!(said.lines().take(2).collect::<Vec<_>>(), ["0", "/proc/1"]);
    // As a browser's: namespaces for ids, processes and the network, and a root that goes when its process does.
    let script = "unshare -Urpnf sh -c 'ls /sys/class/net >/dev/null; cd /proc/self/fdinfo && exec chroot . /bin/true'";
    let said = env.sh(script).output();
    assert_eq!((said.status.code(), said.stderr.contains("/bin/true")), (Some(127), true), "{said:?}");
}

#[test]
fn bubblewrap_works_in_a_box() {
    requires!(user, userns, subid, overlay, bwrap);
    let env = hosts_tools();
    let bwrap = "bwrap --unshare-all --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp";
    assert_eq!(env.sh(&format!("{bwrap} sh -c 'echo $$; ls /tmp'")).succeeds().stdout, "2\n");
    assert_eq!(env.sh(&format!("{bwrap} --uid 0 --gid 0 id -u")).succeeds().stdout, "0\n");
}

#[test]
fn rootless_podman_works_in_a_box() {
    requires!(user, userns, subid, overlay, fixtures, podman, runc);
    let env = hosts_tools();
    std::fs::write(env.path("home/rootfs.tar"), Rootfs::alpine().tar()).unwrap();
    // runc, since crun refuses a machine that has the old cgroups as well.
    let podman = "env -u XDG_DATA_HOME -u XDG_CONFIG_HOME -u XDG_CACHE_HOME TMPDIR=/tmp podman --log-level error --runtime runc --cgroup-manager cgroupfs";
    env.sh(&format!("{podman} import ~/rootfs.tar alpine")).succeeds();
    let script = format!(
        "{podman} run --rm --network none alpine sh -c 'id -u; cat /proc/self/uid_map' && \
         {podman} run --rm --network none --user 1234 alpine id -u; s=$?; {podman} rmi --all --force >&2; exit $s"
    );
    let said = env.sh(&script).succeeds().stdout;
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    let uid = rustix::process::getuid().as_raw().to_string();
    assert_eq!(
        (&lines[0][..], &lines[1][..], &lines[3][..]),
        (&["0"][..], &["0", &uid, "1"][..], &["1234"][..]),
        "{said}"
    );
    assert_eq!((lines[2][0], lines[2][2]), ("1", "45888"), "{said}");
}

/// A box of little more than links, with the host's programs. Their setuid bits mean nothing there: the host's root is none of
/// a box's ids.
fn hosts_tools() -> TestEnvironment {
    let mut rootfs = Rootfs::busybox_without(&["bin", "sbin", "lib", "usr"]);
    for dir in ["bin", "sbin", "lib", "lib64"] {
        rootfs = rootfs.link(dir, format!("usr/{dir}"));
    }
    for file in ["/etc/containers/policy.json", "/etc/containers/registries.conf", "/etc/ld.so.cache"] {
        if let Ok(content) = std::fs::read(file) {
            rootfs = rootfs.file(file.trim_start_matches('/'), 0o644, &content);
        }
    }
    let env = with_box(rootfs.tar());
    let dirs = ["bin", "sbin", "lib", "lib64", "libexec", "share"].map(|dir| format!("/usr/{dir}"));
    let there = dirs.iter().filter(|dir| Path::new(dir).is_dir());
    let mounts: Vec<String> = there.map(|dir| format!("{{bind: {dir}, at: {dir}, read_only: true}}")).collect();
    env.configure(BOX, &format!("mounts: [{}]", mounts.join(", ")));
    env
}

#[test]
fn nesting_can_be_forbidden() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = alpine();
    assert_eq!(env.sh("which envbox newuidmap; test -e /dev/fuse && echo fuse").output().stdout.lines().count(), 3);
    env.reconfigure(&["nesting: false"]);
    let said = env.sh("unshare -Ur true").exits(1).stderr;
    assert!(said.contains("No space left on device"), "{said}");
    // Not even by box-root, who may set the limit of the user namespace that it is root of, but not of the one around it.
    let said = env.sh("sudo sh -c 'echo 9 > /proc/sys/user/max_user_namespaces; unshare -Ur true'").exits(1).stderr;
    assert!(said.contains("No space left on device"), "{said}");
    let said = env.sh("which envbox newuidmap newgidmap; ls /dev/fuse; ls -A $XDG_DATA_HOME/envbox").output();
    assert_eq!(said.stdout, "", "{said:?}");
    // Sessions join what is there.
    env.sh("sudo true && true").succeeds();
    env.reconfigure(&["nesting: true"]);
    env.sh("unshare -Ur true && which envbox").succeeds();
}

#[test]
fn as_root_a_box_has_no_boxes_in_it_and_says_so() {
    requires!(root, userns, overlay, fixtures);
    let env = alpine();
    let said = env.sh("envbox --quiet create b --image ~/rootfs.tar; envbox run b -- true").exits(125).stderr;
    assert!(said.contains("too revealing") && said.contains("there can be no box here"), "{said}");
    // With a proc of its own, root of a user namespace could write to the kernel's controls.
    let said = env.sh("unshare -Urmpf --mount-proc true").exits(1).stderr;
    assert!(said.contains("Operation not permitted"), "{said}");
    env.sh("unshare -Urmpf true").succeeds();
}
