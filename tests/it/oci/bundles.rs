//! Archives of layouts, and what `docker save` writes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use envbox::image::Digest;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::{Layer, architecture, layers, layout, output};
use crate::registry::layout::Layout;
use crate::registry::server::skopeo;
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

/// A member of an archive: a file's content, or where a link leads.
pub(crate) enum Member {
    File(Vec<u8>),
    Symlink(String),
    HardLink(String),
}

/// An archive of these, in this order; no name is too odd.
pub(crate) fn archive(members: &[(String, Member)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, member) in members {
        let (kind, link, content) = match member {
            Member::File(content) => (EntryType::Regular, "", &content[..]),
            Member::Symlink(target) => (EntryType::Symlink, &target[..], &[][..]),
            Member::HardLink(target) => (EntryType::Link, &target[..], &[][..]),
        };
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len().try_into().unwrap());
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A docker-archive as docker wrote it for years: a directory a layer, and one of them a link to another's file.
pub(super) fn docker_archive(base: &[u8], layer: &[u8], config: &Value, manifest: &Value) -> Vec<(String, Member)> {
    let id = |letter: char| letter.to_string().repeat(64);
    vec![
        (format!("{}/layer.tar", id('a')), Member::File(base.to_vec())),
        (format!("{}/json", id('a')), Member::File(b"{}".to_vec())),
        (format!("{}/layer.tar", id('b')), Member::File(layer.to_vec())),
        (format!("{}/layer.tar", id('c')), Member::Symlink(format!("../{}/layer.tar", id('b')))),
        ("config.json".to_owned(), Member::File(config.to_string().into_bytes())),
        ("manifest.json".to_owned(), Member::File(manifest.to_string().into_bytes())),
        ("repositories".to_owned(), Member::File(b"{}".to_vec())),
    ]
}

pub(super) fn config(layers: &[&[u8]]) -> Value {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    json!({"architecture": architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
}

/// Each file below a directory, by its path there.
fn files(dir: &Path, below: &Path, found: &mut Vec<(String, Member)>) {
    for entry in fs::read_dir(dir.join(below)).unwrap().map(Result::unwrap) {
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            files(dir, &path, found);
        } else {
            found.push((path.to_str().unwrap().to_owned(), Member::File(fs::read(entry.path()).unwrap())));
        }
    }
}

pub(crate) fn members(layout: &Layout) -> Vec<(String, Member)> {
    let mut found = Vec::new();
    files(layout.path(), Path::new(""), &mut found);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn write(env: &TestEnvironment, name: &str, bytes: &[u8]) -> PathBuf {
    let path = env.path(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(bytes).unwrap();
    xz.finish().unwrap()
}

#[test]
fn an_archive_of_a_layout_in_any_order_and_compression() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let layout = layout([Layer::new().file("opt", "x").tar()]);
    let mut members = members(&layout);
    let forwards = archive(&members);
    members.reverse();
    members.insert(0, ("notes.txt".to_owned(), Member::File(b"beside it".to_vec())));
    let backwards = archive(&members);
    for (name, bytes) in [
        ("plain.tar", forwards.clone()),
        ("x.oci.tar.xz", xz(&backwards)),
        ("x.gz", zstd::encode_all(&*forwards, 1).unwrap()),
        ("backwards", backwards),
    ] {
        let file = write(&env, name, &bytes).display().to_string();
        for image in [file.clone(), format!("oci-archive:{file}"), format!("oci-archive:{file}:image")] {
            assert_eq!(output(&env, &image, "cat /opt"), "x", "{image}");
        }
    }
    assert_eq!(layers(&env), 2);
}

#[test]
fn a_docker_archive_with_links() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let (base, layer) = (Rootfs::busybox().tar(), Layer::new().file("opt", "x").tar());
    let id = |letter: char| format!("{}/layer.tar", letter.to_string().repeat(64));
    let manifest = json!([
        {"Config": "config.json", "RepoTags": ["example.org/x:1", "x:2"], "Layers": [id('a'), id('c')]},
        {"Config": "config.json", "RepoTags": null, "Layers": [id('a'), id('c')]},
    ]);
    let mut members = docker_archive(&base, &layer, &config(&[&base, &layer]), &manifest);
    members.reverse();
    let file = write(&env, "saved.tar", &archive(&members)).display().to_string();
    for name in ["example.org/x:1", "docker.io/library/x:2", "x:2"] {
        assert_eq!(output(&env, &format!("docker-archive:{file}:{name}"), "cat /opt"), "x", "{name}");
    }
    for wrong in [format!("docker-archive:{file}"), format!("docker-archive:{file}:y"), format!("oci-archive:{file}")] {
        env.envbox(["run", "--rm", &wrong, "--", "true"]).exits(125);
    }
}

#[test]
fn what_skopeo_writes() {
    requires!(userns, subid, overlay, fixtures, skopeo);
    let env = TestEnvironment::new();
    let layout = layout([Layer::new().file("opt", "x").tar()]);
    for (form, name) in [("oci-archive", "image"), ("docker-archive", "example.org/x:1")] {
        let file = env.path(form);
        let to = format!("{form}:{}:{name}", file.display());
        let copied =
            skopeo(&env.path("home")).args(["copy", "--quiet", &layout.source("image"), &to]).output().unwrap();
        assert!(copied.status.success(), "{copied:?}");
        assert_eq!(output(&env, file.to_str().unwrap(), "cat /opt"), "x");
    }
    assert_eq!(layers(&env), 2);
}

#[test]
fn loaded_images_are_known_by_their_names() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let mut layout = layout([Layer::new().file("opt", "one").tar()]);
    let other = super::image(&layout, [Layer::new().file("opt", "two").tar()]);
    layout.name(&other, "example.org/two:2");
    layout.name(&other, "example.org/two:latest");
    let file = write(&env, "both.tar", &archive(&members(&layout)));
    let loaded = env.envbox(["image", "load"]).arg(&file).succeeds().stdout;
    let names: Vec<&str> = loaded.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    assert_eq!(names, ["example.org/two:2", "example.org/two:latest", "localhost/image:latest"]);
    fs::remove_file(&file).unwrap();
    // There is no such registry: it is not asked.
    for (name, content) in [("example.org/two", "two"), ("localhost/image", "one")] {
        assert_eq!(output(&env, name, "cat /opt"), content);
    }
    env.envbox(["image", "load", "--only", "image", "--name", "mine:1"]).arg(layout.path()).succeeds();
    assert_eq!(output(&env, "docker.io/library/mine:1", "cat /opt"), "one");
    for wrong in [&["--only", "none"][..], &["--name", "mine:2"]] {
        env.envbox(["image", "load"].iter().chain(wrong)).arg(layout.path()).exits(125);
    }
    assert!(env.envbox(["image", "load", "/etc/passwd"]).exits(125).stderr.contains("neither"));
}
