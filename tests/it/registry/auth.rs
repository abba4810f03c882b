//! Logins: Basic, tokens, and where they are found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envbox::source::oci::{Fault, Login, Settings};
use serde_json::json;

use super::keys::{TokenServer, certificate};
use super::layout::{Layout, layer};
use super::server::Registry;
use super::{cache, fault, pull, registries, with};
use crate::support::requires;

/// `secret`, as htpasswd(1) has it.
const HTPASSWD: &str = "al:$2y$05$D.wx7BzAXmDvXJxj7XstpeaY6luwhIgcJ8f3XhYtXF4duYSjMNCfO\n";

fn layout() -> Layout {
    let mut layout = Layout::new();
    let image = layout.image("amd64", &[layer("a", 5000), layer("b", 5000)]);
    layout.name(&image, "x");
    layout
}

fn al() -> Login {
    Login::Password { user: "al".into(), secret: "secret".into() }
}

fn auth_file(dir: &Path, content: &serde_json::Value) -> Settings {
    let path = dir.join("auth.json");
    fs::write(&path, content.to_string()).unwrap();
    Settings { auth: vec![dir.join("none.json"), path], ..Settings::default() }
}

fn basic() -> Registry {
    let settings = |dir: &Path| {
        let path = dir.join("htpasswd");
        fs::write(&path, HTPASSWD).unwrap();
        format!("auth:\n  htpasswd:\n    realm: tests\n    path: {}\n", path.display())
    };
    let registry = Registry::start(settings, Some("al:secret"));
    registry.fill(&layout().source("x"), "some/x");
    registry
}

#[test]
fn a_name_and_a_password() {
    requires!(docker_registry, skopeo);
    let registry = basic();
    let reference = registry.reference("some/x");
    let (_dir, blobs) = cache();
    let error = pull(&registries(), &reference, &blobs).unwrap_err();
    assert!(error.hint().unwrap().contains("podman login"), "{error:?}");
    assert!(matches!(fault(Err::<(), _>(error)), Fault::Denied { anonymous: true, .. }));
    pull(&registries().with_login(al()), &reference, &blobs).unwrap();
    let wrong = Login::Password { user: "al".into(), secret: "wrong".into() };
    let refused = fault(pull(&registries().with_login(wrong), &reference, &blobs));
    assert!(matches!(refused, Fault::Denied { anonymous: false, .. }), "{refused:?}");
    assert!(!format!("{refused:?} {refused}").contains("wrong"));
}

#[test]
fn a_login_that_podman_left() {
    requires!(docker_registry, skopeo);
    let registry = basic();
    let dir = tempfile::tempdir().unwrap();
    for key in
        [registry.address.clone(), format!("{}/some", registry.address), format!("http://{}/v1/", registry.address)]
    {
        let content = json!({"auths": {key: {"auth": STANDARD.encode("al:secret")}}});
        let (_cache, blobs) = cache();
        pull(&with(auth_file(dir.path(), &content)), &registry.reference("some/x"), &blobs).unwrap();
    }
    let other = json!({"auths": {format!("{}/other", registry.address): {"auth": STANDARD.encode("al:secret")}}});
    let (_cache, blobs) = cache();
    let refused = fault(pull(&with(auth_file(dir.path(), &other)), &registry.reference("some/x"), &blobs));
    assert!(matches!(refused, Fault::Denied { anonymous: true, .. }));
}

#[test]
fn a_token_for_everybody_and_for_one() {
    requires!(docker_registry, skopeo, openssl);
    let keys = tempfile::tempdir().unwrap();
    let (key, cert) = certificate(keys.path());
    let tokens = TokenServer::start(key, &cert);
    let registry = Registry::start(|_| tokens.settings(&cert), Some("al:secret"));
    registry.fill(&layout().source("x"), "public/x");
    registry.fill(&layout().source("x"), "private/x");
    let (_dir, blobs) = cache();
    tokens.asked.lock().unwrap().clear();
    pull(&registries(), &registry.reference("public/x"), &blobs).unwrap();
    assert_eq!(*tokens.asked.lock().unwrap(), ["nobody repository:public/x:pull"], "one token for all of it");

    let (_dir, blobs) = cache();
    let reference = registry.reference("private/x");
    let refused = fault(pull(&registries(), &reference, &blobs));
    assert!(matches!(refused, Fault::Denied { anonymous: true, .. }), "{refused:?}");
    pull(&registries().with_login(al()), &reference, &blobs).unwrap();
    let (_dir, blobs) = cache();
    pull(&registries().with_login(Login::Identity("refresh".into())), &reference, &blobs).unwrap();
    let refused = fault(pull(&registries().with_login(Login::Identity("stale".into())), &reference, &blobs));
    assert!(refused.to_string().contains("no such user"), "{refused}");
}

#[test]
fn a_credential_helper() {
    requires!(docker_registry, skopeo);
    let registry = basic();
    let dir = tempfile::tempdir().unwrap();
    let helper = dir.path().join("docker-credential-envboxtest");
    let script = format!(
        "#!/bin/sh\nread -r host\n[ \"$1 $host\" = 'get {}' ] || {{ echo 'credentials not found in native keychain'; exit 1; }}\n\
         echo '{{\"ServerURL\":\"x\",\"Username\":\"al\",\"Secret\":\"secret\"}}'\n",
        registry.address
    );
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = auth_file(dir.path(), &json!({"credHelpers": {&registry.address: "envboxtest"}}));
    // The helper is found on PATH; that of this process is left as it is.
    let this = std::env::current_exe().unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let (_cache, blobs) = cache();
    let mut command = std::process::Command::new(this);
    command.args(["--ignored", "--exact", "registry::auth::inner_helper"]).env("PATH", path);
    command.env("REFERENCE", registry.reference("some/x").to_string()).env("AUTH", &settings.auth[1]);
    let output = command.output().unwrap();
    let passed = String::from_utf8_lossy(&output.stdout).contains("1 passed; 0 failed");
    assert!(output.status.success() && passed, "{output:?}");

    let error = pull(&with(settings), &registry.reference("some/x"), &blobs).unwrap_err();
    assert!(matches!(fault(Err::<(), _>(error)), Fault::Helper { .. }));
}

#[test]
#[ignore = "run by a_credential_helper, with a PATH of its own"]
fn inner_helper() {
    let reference = std::env::var("REFERENCE").unwrap().parse().unwrap();
    let settings = Settings { auth: vec![std::env::var_os("AUTH").unwrap().into()], ..Settings::default() };
    let (_dir, blobs) = cache();
    pull(&with(settings), &reference, &blobs).unwrap();
}
