//! Layers on top of each other, as both overlays show them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Layer, layers, layout, output};
use crate::registry::layout::Layout;
use crate::support::{TestEnvironment, fixtures, requires};

/// The same script under an overlay.
fn under(env: &TestEnvironment, overlay: &str, image: &str, script: &str) -> String {
    env.envbox(["run", "--rm", "--overlay", overlay, image, "--", "sh", "-c", script]).succeeds().stdout
}

#[test]
fn a_layout_whose_blobs_are_links() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let (from, dir) = (fixtures().join("busybox-musl-oci"), env.path("layout"));
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    for file in ["index.json", "oci-layout"] {
        fs::copy(from.join(file), dir.join(file)).unwrap();
    }
    for entry in fs::read_dir(from.join("blobs/sha256")).unwrap().map(Result::unwrap) {
        // The fixture itself may have come through something that makes files of links.
        let link = fs::read_link(entry.path()).or_else(|_| fs::read_to_string(entry.path()).map(Into::into)).unwrap();
        symlink(from.join(link.file_name().unwrap()), dir.join("blobs/sha256").join(entry.file_name())).unwrap();
    }
    let named = format!("oci:{}:busybox:1.38.0-musl", dir.display());
    for image in [format!("oci:{}", dir.display()), dir.display().to_string(), named] {
        assert_eq!(
            output(&env, &image, "echo $PATH | grep -c /usr/local/sbin; busybox | head -n 1 | cut -c1-7"),
            "1\nBusyBox\n"
        );
    }
    assert_eq!(layers(&env), 1);
}

#[test]
fn what_a_layer_takes_away_is_gone_under_both_overlays() {
    requires!(userns, subid, overlay, fuse, fixtures);
    let env = TestEnvironment::new();
    let first = Layer::new()
        .dir("opt", 0o711)
        .dir("opt/old", 0o755)
        .file("opt/old/a", "a")
        .dir("opt/kept", 0o755)
        .file("opt/kept/x", "x")
        .file("opt/kept/y", "y")
        .file("opt/gone", "gone")
        .file("opt/target", "linked");
    // A directory whose mode this layer does not say, a link to a file of the layer below, an opaque directory whose mark
    // comes last.
    let second = Layer::new()
        .file("opt/.wh.gone", "")
        .dir("opt/old", 0o755)
        .file("opt/old/b", "b")
        .file("opt/old/.wh..wh..opq", "")
        .file("opt/kept/.wh.x", "")
        .link("opt/link", "opt/target");
    let third = Layer::new().file("opt/gone", "back");
    let layout = layout([first.tar(), second.tar(), third.tar()]);
    let script =
        "cd /opt && find . | sort && stat -c '%a %u:%g' . && cat gone link kept/y && touch new && rm link && ls";
    for overlay in ["kernel", "fuse"] {
        let seen = under(&env, overlay, &layout.source("image"), &format!("sudo sh -c \"{script}\""));
        let expected = ".\n./gone\n./kept\n./kept/y\n./link\n./old\n./old/b\n./target\n711 0:0\nbacklinkedy\
            gone\nkept\nnew\nold\ntarget\n";
        assert_eq!(seen, expected, "{overlay}");
    }
    assert_eq!(layers(&env), 4);
}

#[test]
fn layers_in_any_number() {
    requires!(userns, subid, overlay, fuse, fixtures);
    let env = TestEnvironment::new();
    for count in [20, 127] {
        let layer = |number: usize| {
            let own = format!("opt/{number}");
            Layer::new().dir("opt", 0o755).file(&own, "").file("opt/last", &format!("{number}\n")).tar()
        };
        let layout = layout((1..count).map(layer));
        for overlay in ["kernel", "fuse"] {
            let seen = under(&env, overlay, &layout.source("image"), "ls /opt | wc -l; cat /opt/last");
            assert_eq!(seen, format!("{count}\n{}\n", count - 1), "{overlay}");
        }
    }
    // The first nineteen on top of BusyBox are the same.
    assert_eq!(layers(&env), 127);
}

#[test]
fn a_layer_that_an_image_has_twice() {
    requires!(userns, subid, overlay, fuse, fixtures);
    let env = TestEnvironment::new();
    let again = Layer::new().dir("opt", 0o755).file("opt/a", "again").tar();
    let between = Layer::new().dir("opt", 0o755).file("opt/a", "between").file("opt/b", "b").tar();
    let layout = layout([again.clone(), between, again]);
    for overlay in ["kernel", "fuse"] {
        assert_eq!(under(&env, overlay, &layout.source("image"), "cat /opt/a /opt/b"), "againb", "{overlay}");
    }
}

#[test]
fn one_content_is_one_layer_however_it_is_compressed() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let mut layout = layout([Layer::new().file("opt", "x").tar()]);
    let plain = fs::read_to_string(layout.path().join("index.json")).unwrap();
    recompress(&mut layout);
    assert_ne!(fs::read_to_string(layout.path().join("index.json")).unwrap(), plain);
    assert_eq!(output(&env, &layout.source("image"), "cat /opt"), "x");
    assert_eq!(output(&env, &layout.source("zstd"), "cat /opt"), "x");
    assert_eq!(layers(&env), 2);
}

/// Adds the image once more, its layers compressed with zstd, in several frames.
fn recompress(layout: &mut Layout) {
    let read = |path: &Path| -> serde_json::Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |digest: &serde_json::Value| {
        layout.path().join("blobs/sha256").join(digest.as_str().unwrap().strip_prefix("sha256:").unwrap())
    };
    let index = read(&layout.path().join("index.json"));
    let mut manifest = read(&blob(&index["manifests"][0]["digest"]));
    for layer in manifest["layers"].as_array_mut().unwrap() {
        let content = fs::read(blob(&layer["digest"])).unwrap();
        let (first, second) = content.split_at(content.len() / 2);
        let frames = [first, second].map(|part| zstd::encode_all(part, 1).unwrap()).concat();
        *layer = serde_json::to_value(layout.blob(envbox::image::oci::media::LAYER_ZSTD, &frames)).unwrap();
    }
    let manifest = layout.blob(envbox::image::oci::media::MANIFEST, manifest.to_string().as_bytes());
    layout.name(&manifest, "zstd");
}
