//! Texts of an image on their way to a terminal, and into the environment of a command.

use envbox::image::oci::media;
use serde_json::{Value, json};

use super::doors::{Blob, config};
use super::{Victim, assert_inert};
use crate::registry::layout::Layout;
use crate::support::requires;
use crate::support::rootfs::Rootfs;

/// Sets a title, goes back a line, turns the direction of writing around, and speaks C1.
const ESCAPE: &str = "x\u{1b}]0;title\u{7}\u{1b}[1A\r\u{202e}\u{9b}2J";

/// BusyBox, with a config of which something was changed; its names are those given.
fn image(change: impl FnOnce(&mut Value), names: &[&str]) -> Layout {
    let mut layout = Layout::new();
    let base = Blob::plain(Rootfs::busybox().tar());
    let mut config = config(std::slice::from_ref(&base));
    change(&mut config);
    let config = layout.blob(media::CONFIG, config.to_string().as_bytes());
    let layer = layout.blob(media::LAYER, &base.bytes);
    let manifest = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": [layer]});
    let manifest = layout.blob(media::MANIFEST, manifest.to_string().as_bytes());
    names.iter().for_each(|name| layout.name(&manifest, name));
    layout
}

#[test]
fn verbose_escapes() {
    requires!(userns, subid, overlay, fixtures);
    let victim = Victim::new();
    let texts = image(
        |config| {
            config["author"] = json!(ESCAPE);
            config["history"] = json!([{"created_by": ESCAPE, "comment": ESCAPE}]);
            config["config"] = json!({
                "Labels": {ESCAPE: ESCAPE}, "Cmd": [ESCAPE], "WorkingDir": format!("/{ESCAPE}"), "User": ESCAPE,
                "Env": [format!("A={ESCAPE}")], "Volumes": {ESCAPE: {}}, "StopSignal": ESCAPE,
            });
        },
        &["image", ESCAPE],
    );
    let source = texts.source("image");
    let path = texts.path().display().to_string();
    for words in [
        &["create", "b", "-v", "--image", &source][..],
        &["create", "none", "--image", &format!("oci:{path}:none")],
        &["create", "c", "--image", &format!("oci:{path}:{ESCAPE}")],
        &["image", "load", &path],
        &["image", "list"],
        &["image", "inspect", &source],
        &["image", "verify"],
        &["image", "df"],
        &["image", "tag", &source, ESCAPE],
        &["list"],
        &["run", "b"],
        &["run", "b", "-v", "--dry-run"],
        &["image", "rm", "none", ESCAPE],
    ] {
        let outcome = victim.env.envbox(words).output();
        assert_inert(&(outcome.stdout + &outcome.stderr));
    }
    victim.check("verbose_escapes");
}

#[test]
fn image_env_injection() {
    requires!(userns, subid, overlay, fixtures);
    let victim = Victim::new();
    let env = json!(["A=1\nINJECTED=1", "=nameless", "word", "LD_PRELOAD=/evil.so", "ENVBOX=other", "HOME=/outside"]);
    let texts = image(|config| config["config"] = json!({"Env": env}), &["image"]);
    let outcome = victim.env.envbox(["create", "b", "--image", &texts.source("image")]).output();
    if outcome.status.success() {
        let seen =
            victim.env.envbox(["run", "b", "--", "sh", "-c", "env -0 | tr '\\n\\0' ' \\n'; echo \"home $HOME\""]);
        let seen = seen.succeeds().stdout;
        assert!(!seen.lines().any(|line| line.starts_with("INJECTED=") || line == "=nameless"), "{seen}");
        assert!(!seen.contains("ENVBOX=other") && !seen.contains("home /outside"), "{seen}");
    } else {
        assert_eq!(outcome.status.code(), Some(125), "{outcome:#?}");
        victim.has_nothing("image_env_injection");
    }
    victim.check("image_env_injection");
}

#[test]
fn names_that_are_paths() {
    requires!(userns, subid, fixtures);
    let victim = Victim::new();
    let layout = image(|_| {}, &["../../../evil", "a/../../evil:x", "/evil", "..", "x:../evil"]);
    let outcome = victim.env.envbox(["image", "load"]).arg(layout.path()).output();
    assert!(matches!(outcome.status.code(), Some(0 | 125)), "{outcome:#?}");
    victim.check("names_that_are_paths");
    for name in ["../evil", "a/../../evil", "/evil"] {
        let created = victim.env.envbox(["create", name, "--image", &layout.source("..")]).output();
        assert!(!created.status.success(), "{created:#?}");
    }
    victim.check("boxes whose names are paths");
}
