//! Boxes from tarballs: of real distributions, in each compression, from here and from there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use envbox::image::Digest;

use crate::source::server::Server;
use crate::support::boxes::BOX;
use crate::support::rootfs::{Rootfs, alpine, cirros};
use crate::support::{TestEnvironment, fixtures, requires};

#[test]
fn alpine_has_its_own_shell_and_tools() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    env.envbox(["create", BOX, "--image"]).arg(alpine()).succeeds();
    assert!(env.run(["cat", "/etc/os-release"]).succeeds().stdout.contains("Alpine Linux v3.20"));
    assert!(env.run(["apk", "info"]).succeeds().stdout.contains("musl"));
    let outcome = env.envbox(["enter", BOX]).stdin("echo $SHELL; id -u; sudo id -u; exit 3\n").exits(3);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!((lines[0], lines[2]), ("/bin/ash", "0"));
    // Its files have the owners that they have in the archive.
    assert_eq!(env.run(["stat", "-c", "%u:%g %a", "/etc/shadow"]).succeeds().stdout, "0:42 640\n");
    assert_eq!(
        env.run(["sudo", "sh", "-c", "apk fix --no-network 2>&1 >/dev/null; apk audit --system"])
            .succeeds()
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn cirros_has_its_own_shell_and_tools() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let outcome = env.envbox(["create", BOX, "--image"]).arg(cirros()).arg("-v").succeeds();
    assert!(outcome.stderr.contains("left out 7 device nodes"), "{}", outcome.stderr);
    assert!(env.run(["cat", "/etc/cirros/version"]).succeeds().stdout.starts_with("0.5.2"));
    let outcome = env.envbox(["enter", BOX]).stdin("echo $SHELL; sudo id -u; whoami\n").succeeds();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!((lines[0], lines[1]), ("/bin/ash", "0"));
    assert_eq!(env.run(["stat", "-c", "%u", "/home/cirros"]).output().stdout, "1000\n");
}

/// The tarball in each compression, by file name.
fn compressed(tar: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tar).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(tar).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(tar).unwrap();
    vec![
        ("plain", tar.to_vec()),
        ("gzip", gzip.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zstd", zstd::encode_all(tar, 1).unwrap()),
    ]
}

#[test]
fn every_compression_is_known_by_what_is_in_the_file() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    for (name, bytes) in compressed(&Rootfs::busybox().tar()) {
        // The name of the file says nothing.
        let image = env.path(&format!("{name}.tar.gz"));
        fs::write(&image, bytes).unwrap();
        env.envbox(["create", name, "--image"]).arg(&image).succeeds();
        env.envbox(["run", name, "--", "test", "-x", "/bin/sh"]).succeeds();
    }
}

#[test]
fn a_single_top_level_directory_is_not_part_of_the_box() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let mut builder = tar::Builder::new(Vec::new());
    let inner = Rootfs::busybox().tar();
    for entry in tar::Archive::new(&*inner).entries().unwrap() {
        let mut entry = entry.unwrap();
        let place = |path: &Path| Path::new("root.x86_64").join(path.strip_prefix(".").unwrap_or(path));
        let (mut header, path) = (entry.header().clone(), place(&entry.path().unwrap()));
        match entry.link_name().unwrap().map(Cow::into_owned) {
            Some(target) if header.entry_type().is_hard_link() => {
                builder.append_link(&mut header, path, place(&target)).unwrap();
            }
            Some(target) => builder.append_link(&mut header, path, target).unwrap(),
            None => builder.append_data(&mut header, path, &mut entry).unwrap(),
        }
    }
    let image = env.image(builder.into_inner().unwrap());
    env.envbox(["create", BOX, "--image"]).arg(image).succeeds();
    env.run(["test", "!", "-e", "/root.x86_64"]).succeeds();
}

#[test]
fn a_digest_is_held_to() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let tar = Rootfs::busybox().tar();
    let (right, wrong) = (Digest::of(&tar), Digest::of(b"something else"));
    let image = env.image(tar);
    let create = |digest: &Digest| {
        env.envbox(["create", BOX, "--sha256", digest.hex().to_string().as_str(), "--image"]).arg(&image)
    };
    let outcome = create(&wrong).exits(125);
    assert!(outcome.stderr.contains(&right.hex().to_string()), "{}", outcome.stderr);
    assert_eq!(env.envbox(["list", "--json"]).succeeds().stdout.trim(), "[]");
    create(&right).succeeds();
    env.run(["true"]).succeeds();
}

#[test]
fn what_is_no_image_is_an_error_and_leaves_nothing() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let whole = fs::read(alpine()).unwrap();
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 0x55;
    let cases: [(&str, &[u8]); 4] =
        [("empty", b""), ("text", b"this is no archive\n"), ("cut", &whole[..whole.len() / 2]), ("altered", &altered)];
    for (name, bytes) in cases {
        let image = env.path(&format!("{name}.tar"));
        fs::write(&image, bytes).unwrap();
        let outcome = env.envbox(["create", name, "--image"]).arg(&image).exits(125);
        assert!(outcome.stderr.contains("error: "), "{name}: {}", outcome.stderr);
    }
    for missing in ["./none.tar", "none", "/nonexistent/x.tar.gz", "/"] {
        let outcome = env.envbox(["create", BOX, "--image", missing]).exits(125);
        assert!(outcome.stderr.contains("error: "), "{missing}: {}", outcome.stderr);
    }
    assert_eq!(env.envbox(["list", "--json"]).succeeds().stdout.trim(), "[]");
    assert_eq!(fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count(), 0);
    // The next command that makes something sweeps what the failures have left.
    env.envbox(["create", BOX, "--image"]).arg(alpine()).succeeds();
    env.envbox(["rm", "--yes", BOX]).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn a_url_is_fetched_once_for_all_boxes_of_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let bytes = fs::read(fixtures().join("busybox-musl-oci/rootfs.tar.gz")).unwrap();
    let server = Server::of_files(HashMap::from([("/rootfs.tar.gz".to_owned(), bytes)]));
    let url = server.url("/rootfs.tar.gz");
    let create = |name: &str, url: &str| env.envbox(["create", name, "--image", url]).env("no_proxy", "127.0.0.1");
    create(BOX, &url).succeeds();
    create("second", &url).succeeds();
    assert_eq!(server.count("/rootfs.tar.gz"), 1);
    create("none", &server.url("/none")).exits(125);
    drop(server);
    create("third", &url).succeeds();
    env.envbox(["run", "third", "--", "true"]).succeeds();
}
