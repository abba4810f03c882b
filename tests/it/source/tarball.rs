//! Tarballs, from here and from there.

use std::io::read_to_string;

use envbox::image::Digest;
use envbox::source::tarball::{Location, fetch};
use envbox::source::{Error, Silent, Trust};

use super::server::{Answer, Server};
use super::{Told, cache, client, held};

#[test]
fn a_local_file_stays_where_it_is() {
    let (dir, blobs) = cache();
    let path = dir.path().join("x.tar");
    std::fs::write(&path, "abc").unwrap();
    let here = Location::Path(path);
    let fetched = fetch(&here, None, &client(), &blobs, &Silent).unwrap();
    assert_eq!((fetched.digest, fetched.trust), (None, Trust::None));
    let fetched = fetch(&here, Some(Digest::of(b"abc")), &client(), &blobs, &Silent).unwrap();
    assert_eq!(fetched.trust, Trust::PinnedDigest);
    assert_eq!(read_to_string(fetched.file).unwrap(), "abc");
    assert!(matches!(fetch(&here, Some(Digest::of(b"x")), &client(), &blobs, &Silent), Err(Error::Digest { .. })));
    for missing in ["/nonexistent", "/"] {
        let error = fetch(&Location::parse(missing), None, &client(), &blobs, &Silent).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {missing}"));
    }
    assert_eq!(held(dir.path()), (0, 0));
}

#[test]
fn one_behind_a_url_is_fetched_once_if_its_digest_is_known() {
    let server = Server::start(|_| Answer::File(b"abc".to_vec()));
    let (_dir, blobs) = cache();
    let there = Location::Url(server.url("/x.tar"));
    let pinned = Some(Digest::of(b"abc"));
    for _ in 0..2 {
        let fetched = fetch(&there, pinned, &client(), &blobs, &Silent).unwrap();
        assert_eq!((fetched.digest, fetched.trust), (pinned, Trust::PinnedDigest));
    }
    assert_eq!(server.count("/x.tar"), 1);
    assert!(matches!(fetch(&there, Some(Digest::of(b"x")), &client(), &blobs, &Silent), Err(Error::Digest { .. })));
    let fetched = fetch(&there, None, &client(), &blobs, &Silent).unwrap();
    assert_eq!((fetched.digest, fetched.trust), (pinned, Trust::None));
    assert_eq!(server.count("/x.tar"), 3);
}

#[test]
fn without_a_network_the_last_copy_will_do() {
    let server = Server::start(|_| Answer::File(b"abc".to_vec()));
    let (_dir, blobs) = cache();
    let there = Location::Url(server.url("/x.tar"));
    fetch(&there, None, &client(), &blobs, &Silent).unwrap();
    drop(server);
    let told = Told::default();
    let fetched = fetch(&there, None, &client(), &blobs, &told).unwrap();
    assert_eq!(read_to_string(fetched.file).unwrap(), "abc");
    assert_eq!(told.notes.borrow().len(), 1);
    assert!(fetch(&there, Some(Digest::of(b"x")), &client(), &blobs, &Silent).unwrap_err().is_offline());
}
