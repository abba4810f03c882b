//! Debian packages, made here.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::archives::{archive, dir, file, symlink, with};
use super::harness::Place;
use super::work::Work;

struct Package {
    control: &'static str,
    extra: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
}

fn build(packages: Vec<Package>, into: &std::path::Path) -> Vec<PathBuf> {
    let write = |(at, package): (usize, Package)| {
        let path = into.join(format!("{at}.deb"));
        let mut ar = ar::Builder::new(fs::File::create(&path).unwrap());
        let control = [vec![dir("./"), file("./control", package.control)], package.extra].concat();
        let data = zstd::encode_all(&archive(&package.data)[..], 1).unwrap();
        for (name, content) in
            [("debian-binary", b"2.0\n".to_vec()), ("control.tar", archive(&control)), ("data.tar.zst", data)]
        {
            ar.append(&ar::Header::new(name.into(), content.len() as u64), &content[..]).unwrap();
        }
        path
    };
    packages.into_iter().enumerate().map(write).collect()
}

fn unpack(packages: Vec<Package>, threads: usize) -> (Place, Result<Vec<String>, String>) {
    let place = Place::new();
    let debs = tempfile::tempdir().unwrap();
    let debs = (build(packages, debs.path()), debs);
    let names = place.work(&Work::Debs { debs: debs.0.clone(), threads: NonZeroUsize::new(threads).unwrap() });
    place.check();
    (place, names)
}

fn mode(path: &[u8], mode: u32) -> Vec<u8> {
    with(path, tar::EntryType::Directory, b"", b"", |header| header.set_mode(mode))
}

fn set() -> Vec<Package> {
    vec![
        Package {
            control: "Package: zlib\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\nDescription: z\n more\n",
            extra: vec![file("./triggers", "activate-noawait ldconfig\n"), file("./md5sums", "0  lib/z\n")],
            data: vec![
                mode(b"./", 0o777),
                mode(b"./shared/", 0o777),
                dir("./lib/"),
                file("./lib/z", "z"),
                file("./lib64/ld", "l"),
            ],
        },
        Package {
            control: "Package: base-files\nArchitecture: amd64\nVersion: 1\n",
            extra: vec![
                file("./conffiles", "/etc/issue\nremove-on-upgrade /etc/gone\n"),
                file("./triggers", "interest /usr/share/x\n"),
            ],
            data: vec![
                mode(b"./", 0o755),
                mode(b"./shared/", 0o2775),
                file("./etc/issue", "hello"),
                symlink("./lib64", "usr/lib64"),
            ],
        },
        Package {
            control: "Package: aaa\nArchitecture: all\nVersion: 1\n",
            extra: vec![file("./triggers", "interest-noawait ldconfig\n")],
            data: vec![mode(b"./shared/", 0o700), mode(b"./usr/lib/only/", 0o711), file("./bin/a", "a")],
        },
        Package {
            control: "Package: bbb\nArchitecture: all\nVersion: 1\n",
            extra: vec![],
            data: vec![mode(b"./lib/only/", 0o755)],
        },
    ]
}

#[test]
fn whatever_the_order() {
    let without_times = |place: &Place| {
        let list = place.list().into_iter();
        // Directories that no package has are from when they were made; so is the database.
        list.filter(|(path, _)| !path.starts_with("var"))
            .map(|(path, line)| {
                let mut words = line.split(' ');
                let mode_and_owner = format!("{} {}", words.next().unwrap(), words.next().unwrap());
                (path, mode_and_owner, line.rsplit(' ').next().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let (place, names) = unpack(set(), 1);
    assert_eq!(names.unwrap(), ["aaa", "base-files", "bbb", "zlib"]);
    let expected = without_times(&place);
    for threads in [2, 4] {
        let mut packages = set();
        packages.reverse();
        assert_eq!(without_times(&unpack(packages, threads).0), expected);
    }
    let list = place.list();
    assert!(list[""].starts_with("040755 0:0 "), "base-files has the root");
    assert!(list["shared"].starts_with("042775 0:0 "), "base-files before all others");
    assert!(list["usr/lib/only"].starts_with("040711 0:0 "), "then by name, whichever way the path goes");
    for (link, target) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("sbin", "usr/sbin"), ("lib64", "usr/lib64")] {
        assert_eq!(fs::read_link(place.root().join(link)).unwrap().to_str(), Some(target));
    }
    assert!(!place.root().join("lib32").is_symlink());
    assert_eq!(fs::read_to_string(place.root().join("usr/lib64/ld")).unwrap(), "l");
}

#[test]
fn the_database() {
    let (place, names) = unpack(set(), 2);
    names.unwrap();
    let read = |path: &str| fs::read_to_string(place.root().join("var/lib/dpkg").join(path)).unwrap();
    let status = read("status");
    assert!(status.contains("Package: base-files\nStatus: install ok unpacked\n"), "{status}");
    assert!(status.contains("Conffiles:\n /etc/issue newconffile\n\n"), "{status}");
    assert!(status.contains("Description: z\n more\n\n"), "{status}");
    assert_eq!(read("info/zlib:amd64.list"), "/.\n/shared\n/lib\n/lib/z\n/lib64/ld\n");
    assert_eq!(read("info/base-files.list"), "/.\n/shared\n/etc/issue\n/lib64\n");
    assert_eq!(read("info/zlib:amd64.md5sums"), "0  lib/z\n");
    assert_eq!((read("arch"), read("info/format")), ("amd64\n".into(), "1\n".into()));
    assert_eq!(read("triggers/File"), "/usr/share/x base-files\n");
    assert_eq!(read("triggers/ldconfig"), "aaa/noawait\n");
    let etc: Vec<_> = fs::read_dir(place.root().join("etc")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(etc, ["issue.dpkg-new"]);
    for lock in ["lock", "lock-frontend"] {
        assert!(!place.root().join("var/lib/dpkg").join(lock).exists());
    }
}

#[test]
fn one_file_of_two_packages() {
    let two = |control| {
        vec![
            Package { control: "Package: a\nArchitecture: all\n", extra: vec![], data: vec![file("bin/x", "old")] },
            Package { control, extra: vec![], data: vec![file("usr/bin/x", "new")] },
        ]
    };
    let error = unpack(two("Package: b\nArchitecture: all\n"), 1).1.unwrap_err();
    assert!(error.contains("is in the packages `a` and `b`"), "{error}");
    for turn in [false, true] {
        let mut packages = two("Package: b\nArchitecture: all\nReplaces: a (<< 2)\n");
        if turn {
            packages.reverse();
        }
        let (place, names) = unpack(packages, 1);
        names.unwrap();
        assert_eq!(fs::read_to_string(place.root().join("usr/bin/x")).unwrap(), "new");
    }
}

#[test]
fn packages_that_are_none() {
    let one = |control, data| vec![Package { control, extra: vec![], data }];
    for control in
        ["Package: ../x\nArchitecture: all\n", "Package: x\n", "Package: x\nArchitecture: all\n\nPackage: y\n"]
    {
        let error = unpack(one(control, vec![]), 1).1.unwrap_err();
        assert!(error.contains("is not a Debian package"), "{error}");
    }
    let error = unpack(one("Package: x\nArchitecture: all\n", vec![file("../x", "")]), 1).1.unwrap_err();
    assert!(error.contains("cannot unpack the package") && error.contains("`..`"), "{error}");
    let place = Place::new();
    let path = tempfile::NamedTempFile::new().unwrap();
    fs::write(path.path(), "not a deb").unwrap();
    let debs = Work::Debs { debs: vec![path.path().to_owned()], threads: NonZeroUsize::MIN };
    assert!(place.work::<Vec<String>>(&debs).unwrap_err().contains("ar stream"));
}
