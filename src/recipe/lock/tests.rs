//! Locks written, read, compared and refused.

use super::*;
use crate::recipe::project::Project;

const RECIPE: &str = "\
from: debian:12
packages: [make, gcc]
copy: [{from: 'https://example.org/tool', to: /opt/tool}]
variants: {ci: {packages: [git]}}
";

fn environment(text: &str, variant: Option<&str>) -> Environment {
    Project::parse("envbox.yaml", text).unwrap().environment("envbox.yaml", variant).unwrap()
}

fn deb(name: &str, version: &str) -> Deb {
    Deb {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: "all".to_owned(),
        site: 0,
        file: format!("pool/main/{name}/{name}_{version}_all.deb"),
        size: 3,
        digest: Digest::of(format!("{name} {version}").as_bytes()),
    }
}

fn locked() -> Locked {
    let listed = Listed {
        suite: "bookworm".to_owned(),
        date: "Sat, 07 Feb 2026 10:00:00 UTC".to_owned(),
        inrelease: Digest::of(b"list"),
    };
    let site = Site {
        at: "http://ftp.debian.org/debian".to_owned(),
        snapshot: Some("http://snapshot.debian.org/archive/debian/20260207T160000Z".to_owned()),
        suites: vec![listed],
    };
    Locked {
        from: "debian:12".to_owned(),
        wants: vec!["gcc".to_owned(), "make".to_owned()],
        base: Base::Archive(Archive {
            title: "Debian".to_owned(),
            codename: "bookworm".to_owned(),
            release: Some("12.13".to_owned()),
            arch: "amd64".to_owned(),
            epoch: 1_770_458_400,
            components: vec!["main".to_owned()],
            keyring: Some("debian-archive-keyring".to_owned()),
            sites: vec![site],
            packages: vec![deb("apt", "2.6.1"), deb("base-files", "12.4")],
        }),
        packages: Added::Debs(vec![deb("gcc", "4:12"), deb("make", "4.3"), deb("no", "1e5")]),
        downloads: vec![Download { url: "https://example.org/tool".to_owned(), digest: Digest::of(b"tool") }],
    }
}

/// What a recipe that is made from another one is made of.
fn on_another() -> Locked {
    let (wants, packages) = (vec!["more".to_owned()], Added::Debs(vec![deb("more", "2")]));
    Locked {
        from: "base.yaml".to_owned(),
        wants,
        base: Base::Recipe(Box::new(locked())),
        packages,
        downloads: Vec::new(),
    }
}

fn lock() -> Lock {
    let mut boxes = Boxes::default();
    boxes.put(None, locked());
    let image = format!("docker.io/library/alpine@{}", Digest::of(b"image"));
    let package = Version { name: "py3-yaml".to_owned(), version: "6.0-r1".to_owned() };
    let versions = Versions { manager: "apk".to_owned(), packages: vec![package] };
    let alpine =
        Locked { base: Base::Image(image), packages: Added::Versions(versions), downloads: Vec::new(), ..locked() };
    boxes.put(Some("ci"), alpine);
    let file = File { at: "https://example.org/r.tar.xz?a,b".to_owned(), digest: Digest::of(b"file") };
    let file = Locked { base: Base::File(file), wants: Vec::new(), packages: Added::Nothing, ..locked() };
    boxes.put(Some("true"), file);
    boxes.put(Some("upon"), on_another());
    let mut lock = Lock::new();
    lock.put("x86_64", boxes);
    lock.put("riscv64", Boxes { main: Some(locked()), ..Boxes::default() });
    lock
}

#[test]
fn what_is_written_is_read_again() {
    let lock = lock();
    let text = lock.to_string();
    assert_eq!(Lock::parse("envbox.lock", &text).unwrap_or_else(|fault| panic!("{fault}\n{text}")), lock);
    assert!(text.starts_with("# "), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("name: gcc")).count(), 3, "a package is a line");
}

#[test]
fn a_lock_of_the_recipe_agrees_with_it() {
    let lock = lock();
    assert!(lock.agreed(&environment(RECIPE, None), &[], "x86_64").is_ok());
    let turned = RECIPE.replace("make, gcc", "gcc, make, gcc");
    assert!(lock.agreed(&environment(&turned, None), &[], "x86_64").is_ok(), "the order is no matter");
}

#[test]
fn what_disagrees_is_named() {
    let lock = lock();
    for (from, to, variant, machine, words) in [
        ("", "", None, "aarch64", "it is for riscv64, x86_64, and this machine is aarch64"),
        ("debian:12", "debian:13", None, "x86_64", "made of debian:13, not of debian:12"),
        ("gcc]", "gcc, git]", None, "x86_64", "package git is not locked"),
        ("make, ", "", None, "x86_64", "package make is locked, and not asked for"),
        ("/tool'", "/other'", None, "x86_64", "download https://example.org/other is not locked"),
        ("ci:", "new:", Some("new"), "x86_64", "variant `new`: it is not locked yet"),
        ("", "", Some("ci"), "x86_64", "variant `ci`: package git is not locked"),
    ] {
        let text = RECIPE.replace(from, to);
        let text = if from.is_empty() { RECIPE } else { &text };
        let error = lock.agreed(&environment(text, variant), &[], machine).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let digest = format!("/opt/tool, digest: '{}'", Digest::of(b"other"));
    let error = lock.agreed(&environment(&RECIPE.replace("/opt/tool", &digest), None), &[], "x86_64").unwrap_err();
    assert!(error.to_string().contains("has another digest"), "{error}");
}

/// Whoever sends a change to a lock may have written it by hand.
#[test]
fn hostile_locks_are_refused_with_the_place() {
    let text = lock().to_string();
    let hex = Digest::of(b"gcc 4:12").to_string();
    for (from, to, words) in [
        ("pool/main/gcc/gcc_", "../../gcc_", "without `..`"),
        ("pool/main/gcc/gcc_", "x/%2e%2E/.%2e/gcc_", "without `..`"),
        ("pool/main/gcc/gcc_", "pool%2f..%2fgcc_", "without `..`"),
        ("pool/main/gcc/gcc_4", "/etc/gcc_4", "without `..`"),
        ("name: gcc", "name: \"-o\"", "the name of a package"),
        ("name: gcc", "name: \"a b\"", "the name of a package"),
        ("name: gcc", "name: \"g\\u001bcc\"", "the name of a package"),
        ("\"4:12\"", "\"4 12\"", "the version of a package"),
        ("name: gcc", "name: make", "another"),
        ("name: base-files", "name: apt", "twice"),
        ("gcc_4:12_all.deb", "gcc_4:12_all.exe", "another"),
        (hex.as_str(), "sha256:00", "digest"),
        (hex.as_str(), "sha256:../../../x", "digest"),
        ("http://ftp.debian.org/debian\n", "file:///etc\n", "is not a URL"),
        ("docker.io/library/alpine@", "docker.io/library/alpine:3.23 # ", "by its digest"),
        ("version: 1\n", "version: 2\n", "version 2"),
        ("  x86_64:", "  riscv64:", "riscv64"),
        ("  x86_64:", "  \"\\e[2J\":", "name of a machine"),
        (
            "name: more, version: \"2\", arch: all, file: pool/main/more/more_2",
            "name: gcc, version: \"2\", arch: all, file: pool/main/gcc/gcc_2",
            "twice",
        ),
        ("size: 3", "size: -3", ""),
        ("size: 3", "size: 3, evil: 1", "there is no key `evil`"),
    ] {
        assert!(text.contains(from), "{from}");
        let bad = text.replace(from, to);
        let fault = Lock::parse("envbox.lock", &bad).expect_err(to).to_string();
        assert!(fault.starts_with("envbox.lock") && fault.contains(words), "{fault}");
        assert!(!fault.contains('\u{1b}'), "{fault:?}");
    }
    let site =
        text.replace("name: gcc, version: \"4:12\", arch: all,", "name: gcc, version: \"4:12\", arch: all, site: 7,");
    assert!(Lock::parse("envbox.lock", &site).unwrap_err().to_string().contains("site 7"));
    for end in (0..text.len()).step_by(97) {
        let _ = Lock::parse("envbox.lock", text.get(..end).unwrap_or_default());
    }
}

#[test]
fn a_recipe_below_has_to_agree_as_well() {
    let (lock, upper) =
        (lock(), environment("from: base.yaml\npackages: [more]\nvariants: {upon: {}}\n", Some("upon")));
    let below = |text: &str| [environment(text, None)];
    assert!(lock.agreed(&upper, &below(RECIPE), "x86_64").is_ok());
    let error = lock.agreed(&upper, &below(&RECIPE.replace("gcc]", "clang]")), "x86_64").unwrap_err().to_string();
    assert!(error.contains("base.yaml: package clang is not locked; base.yaml: package gcc is locked"), "{error}");
    let error = lock.agreed(&upper, &[], "x86_64").unwrap_err().to_string();
    assert!(error.contains("base.yaml is locked as a recipe, which it is not"), "{error}");
    let plain = lock.agreed(&environment(RECIPE, None), &below(RECIPE), "x86_64").unwrap_err().to_string();
    assert!(plain.contains("debian:12 is a recipe, and not locked as one"), "{plain}");
}

#[test]
fn what_a_recipe_does_not_ask_to_change_stays() {
    let (old, mut now) = (on_another(), on_another());
    now.wants.push("new".to_owned());
    now.packages = Added::Debs(vec![deb("more", "3"), deb("new", "1"), deb("newdep", "1")]);
    let Base::Recipe(below) = &mut now.base else { unreachable!() };
    below.packages = Added::Debs(vec![deb("gcc", "4:13"), deb("make", "4.4"), deb("no", "1e5")]);
    let versions = |locked: &Locked| -> Vec<String> {
        locked.debs().into_iter().map(|deb| format!("{} {}", deb.name, deb.version)).collect()
    };
    let amended = old.amended(&now, &[], &Needs::from([("newdep".to_owned(), vec!["make".to_owned()])])).unwrap();
    let kept = ["apt 2.6.1", "base-files 12.4", "gcc 4:12", "make 4.4", "no 1e5", "more 2", "new 1", "newdep 1"];
    assert_eq!(versions(&amended), kept);
    assert_eq!(amended.wants, now.wants);
    // With an archive that has not moved, it is what would be locked anew.
    let mut less = on_another();
    (less.wants, less.packages) = (Vec::new(), Added::Nothing);
    assert_eq!(old.amended(&less, &[], &Needs::new()).unwrap(), less);
}

#[test]
fn differences_are_a_line_each() {
    let (old, mut new) = (locked(), locked());
    new.packages = Added::Debs(vec![deb("gcc", "4:13"), deb("make", "4.3"), deb("new", "1")]);
    new.downloads[0].digest = Digest::of(b"tool 2");
    let lines: Vec<String> = changes(Some(&old), &new).iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "~ gcc 4:12 -> 4:13");
    assert!(lines[1].starts_with("~ https://example.org/tool sha256:"), "{lines:?}");
    assert_eq!(lines[2..], ["+ new 1", "- no 1e5"]);
    assert_eq!(changes(Some(&old), &old), []);
    assert_eq!(changes(None, &old).len(), 6);
}
