//! LXC image servers, laid out like <https://images.linuxcontainers.org>.

use std::collections::HashMap;

use envbox::image::Digest;
use envbox::recipe::Source;
use envbox::source::distro::{FetchedFile, Form};
use envbox::source::{Error, Trust};
use serde_json::{Value, json};

use super::distro::{fetch_with, file};
use super::server::Server;
use super::{Told, cache};

const PRODUCT: &str = "alp:1:amd64:default";
const LIST: &str = "streams/v1/images.json";

fn item(kind: &str, path: &str, content: &[u8]) -> Value {
    json!({ "ftype": kind, "path": path, "size": content.len(), "sha256": Digest::of(content).hex(), "delta_base": "x" })
}

/// Two versions; the newer one has a tarball and a squashfs image, and much besides.
fn products() -> Value {
    json!({ PRODUCT: {
        "aliases": "alp/1/default,alp/1", "arch": "amd64", "os": "Alp", "requirements": {},
        "versions": {
            "20260821_05:24": { "items": { "root.tar.xz": item("root.tar.xz", "images/old/rootfs.tar.xz", b"old") } },
            "20260822_05:24": { "items": {
                "incus.tar.xz": item("incus.tar.xz", "images/new/incus.tar.xz", b"meta"),
                "root.squashfs": item("squashfs", "images/new/rootfs.squashfs", b"squashed"),
                "root.tar.xz": item("root.tar.xz", "images/new/rootfs.tar.xz", b"new"),
            } },
        },
    } })
}

fn server(products: &Value) -> Server {
    let index = json!({ "format": "index:1.0", "index": {
        "other": { "datatype": "image-ids", "path": "streams/v1/other.json", "products": [PRODUCT] },
        "images": { "datatype": "image-downloads", "path": LIST, "products": [PRODUCT], "format": "products:1.0" },
    } });
    serve(&index, products)
}

fn serve(index: &Value, products: &Value) -> Server {
    let list = json!({ "content_id": "images", "format": "products:1.0", "products": products });
    let text = |value: &Value| value.to_string().into_bytes();
    Server::of_files(HashMap::from([
        ("/streams/v1/index.json".to_owned(), text(index)),
        (format!("/{LIST}"), text(&list)),
        ("/images/old/rootfs.tar.xz".to_owned(), b"old".to_vec()),
        ("/images/new/rootfs.tar.xz".to_owned(), b"new".to_vec()),
        ("/images/new/rootfs.squashfs".to_owned(), b"squashed".to_vec()),
    ]))
}

fn fetch(server: &Server, product: &str) -> Result<FetchedFile, Error> {
    let lxc = json!({ "lxc": { "server": server.url(""), "product": product } });
    let source: Source = serde_json::from_value(lxc).unwrap();
    let (_dir, blobs) = cache();
    file(fetch_with(&source, &blobs, &Told::default(), |_| {}))
}

#[test]
fn the_newest_version() {
    let fetched = fetch(&server(&products()), PRODUCT).unwrap();
    assert_eq!((fetched.digest, fetched.form), (Digest::of(b"new"), Form::Tarball { strip: Some(0) }));
    // The digest came without TLS.
    assert_eq!(fetched.vouched.trust, Trust::None);
    assert!(fetched.origin.ends_with("/images/new/rootfs.tar.xz"), "{}", fetched.origin);
    let mut squashed = products();
    squashed[PRODUCT]["versions"]["20260822_05:24"]["items"].as_object_mut().unwrap().remove("root.tar.xz");
    let fetched = fetch(&server(&squashed), PRODUCT).unwrap();
    assert_eq!((fetched.digest, fetched.form), (Digest::of(b"squashed"), Form::Squashfs));
}

#[test]
fn no_such_image() {
    for server in [server(&products()), server(&json!({})), server(&json!({ PRODUCT: { "versions": {} } }))] {
        let error = fetch(&server, "alp:2:amd64:default").unwrap_err();
        assert!(matches!(error, Error::NoProduct { .. }) && error.is_unavailable(), "{error}");
    }
    let error = fetch(&server(&json!({})), PRODUCT).unwrap_err();
    assert!(matches!(error, Error::NoProduct { .. }), "{error}");
}

/// The same with one field of the newest tarball changed.
fn with(field: &str, value: Value) -> Server {
    let mut changed = products();
    changed[PRODUCT]["versions"]["20260822_05:24"]["items"]["root.tar.xz"][field] = value;
    server(&changed)
}

#[test]
fn hostile_indices() {
    for (field, value) in [
        ("path", json!("../../etc/passwd")),
        ("path", json!("/etc/passwd")),
        ("path", json!("http://evil/x")),
        ("path", json!("")),
        ("sha256", json!("../x")),
        ("sha256", Value::Null),
        ("sha256", json!(Digest::of(b"new").hex()[1..])),
        ("size", json!(-1)),
        ("size", json!(1e30)),
    ] {
        let error = fetch(&with(field, value.clone()), PRODUCT).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{field} {value}: {error}");
    }
    let error = fetch(&with("sha256", json!(Digest::of(b"other").hex())), PRODUCT).unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error}");
    assert!(fetch(&with("size", json!(2)), PRODUCT).is_err());
    for path in ["../x.json", "http://evil/x.json", "/x.json"] {
        let index = json!({ "index": { "i": { "datatype": "image-downloads", "path": path, "products": [PRODUCT] } } });
        let error = fetch(&serve(&index, &products()), PRODUCT).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{path}: {error}");
    }
    let text = Server::of_files(HashMap::from([("/streams/v1/index.json".to_owned(), b"<html>".to_vec())]));
    assert!(matches!(fetch(&text, PRODUCT), Err(Error::Malformed { .. })));
}
