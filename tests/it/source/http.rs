//! Downloads that go wrong.

use std::io::read_to_string;

use envbox::image::Digest;
use envbox::source::Error;
use envbox::source::http::{Fault, Limits, Proxies, Want};

use super::server::{Answer, Asked, Server};
use super::{Told, cache, client, held};

fn content() -> Vec<u8> {
    (0u32..100_000).flat_map(u32::to_le_bytes).collect()
}

/// Fetches `/file`, all about which is known, from a server that answers so: the error if any, and the tries it took.
fn fetch(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Result<(), Error>, usize) {
    let server = Server::start(handler);
    let (dir, blobs) = cache();
    let told = Told::default();
    let content = content();
    let size = u64::try_from(content.len()).unwrap();
    let want =
        Want { url: server.url("/file"), elsewhere: vec![], digest: Some(Digest::of(&content)), size: Some(size) };
    let fetched = client().session().unwrap().file(&blobs, &want, &told);
    let (whole, parts) = held(dir.path());
    assert_eq!(whole, usize::from(fetched.is_ok()));
    // What has come of a file that is known by its digest is kept for the next who wants it.
    assert!(parts <= usize::from(fetched.is_err()), "{parts}");
    if fetched.is_ok() {
        assert_eq!(*told.bytes.borrow(), size);
    }
    (fetched.map(drop), server.count("/file"))
}

fn fault(result: Result<(), Error>) -> Fault {
    match result {
        Err(Error::Fetch { source, .. }) => *source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cut_download_goes_on_where_it_was() {
    let (result, tries) = fetch(|asked| match asked.before {
        0 => Answer::Cut(content(), 150_000),
        _ => {
            assert_eq!(asked.from, Some(150_000));
            Answer::File(content())
        }
    });
    result.unwrap();
    assert_eq!(tries, 2);
}

#[test]
fn what_an_earlier_download_has_left_is_gone_on_with() {
    let content = content();
    let (dir, blobs) = cache();
    let want = |server: &Server| Want {
        url: server.url("/file"),
        elsewhere: vec![],
        digest: Some(Digest::of(&content)),
        size: None,
    };
    // As a process leaves it that is killed.
    let mut part = blobs.resume(&Digest::of(&content)).unwrap().unwrap();
    part.write(&content[..150_000]).unwrap();
    drop(part);
    let server = Server::start(|asked: &Asked| {
        assert_eq!(asked.from, Some(150_000));
        Answer::File(self::content())
    });
    client().session().unwrap().file(&blobs, &want(&server), &Told::default()).unwrap();
    assert_eq!(held(dir.path()), (1, 0));

    // A part that is another file's is found out at the end, and thrown away.
    let (dir, blobs) = cache();
    let mut part = blobs.resume(&Digest::of(&content)).unwrap().unwrap();
    part.write(&[1; 1000]).unwrap();
    drop(part);
    let server = Server::start(|_| Answer::File(self::content()));
    client().session().unwrap().file(&blobs, &want(&server), &Told::default()).unwrap();
    assert_eq!((held(dir.path()), server.count("/file")), ((1, 0), 2));
}

#[test]
fn a_download_that_gets_on_is_not_given_up() {
    let (result, tries) = fetch(|_| Answer::Cut(content(), 70_000));
    result.unwrap();
    assert_eq!(tries, 6);
}

#[test]
fn a_download_that_does_not_is() {
    let (result, tries) = fetch(|_| Answer::Cut(content(), 10));
    assert!(matches!(fault(result), Fault::Cut { received: 50, .. }));
    assert_eq!(tries, 5);
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let (result, _) = fetch(|asked| match asked.before {
        0 => Answer::Cut(content(), 150_000),
        _ => Answer::Whole(content()),
    });
    result.unwrap();
}

#[test]
fn a_stalled_download_is_tried_again() {
    let (result, tries) = fetch(|asked| match asked.before {
        0 => Answer::Stall(content(), 100_000),
        _ => Answer::File(content()),
    });
    result.unwrap();
    assert_eq!(tries, 2);
}

#[test]
fn a_busy_server_is_given_time() {
    let (result, tries) = fetch(|asked| match asked.before {
        0 => Answer::Status(503, vec![]),
        1 => Answer::Status(429, vec!["Retry-After: 1".to_owned()]),
        _ => Answer::File(content()),
    });
    result.unwrap();
    assert_eq!(tries, 3);
    let (result, tries) = fetch(|_| Answer::Status(429, vec!["Retry-After: 86400".to_owned()]));
    assert!(matches!(fault(result), Fault::Status { status: 429, .. }));
    assert_eq!(tries, 1);
}

#[test]
fn what_is_not_there_is_asked_for_once_and_is_not_offline() {
    let (result, tries) = fetch(|_| Answer::Status(404, vec![]));
    let error = result.unwrap_err();
    assert!(!error.is_offline() && error.to_string().contains("/file"));
    assert!(error.hint().unwrap().contains("spelling"));
    assert_eq!(tries, 1);
}

#[test]
fn no_server_is_offline() {
    let server = Server::start(|_| Answer::Endless);
    let url = server.url("/file");
    drop(server);
    let error = client().session().unwrap().small(&[url], 1000).remove(0).unwrap_err();
    assert!(error.is_offline(), "{error:?}");
    let name = "http://no-such-host.invalid/".to_owned();
    let error = client().session().unwrap().small(&[name], 1000).remove(0).unwrap_err();
    assert!(error.is_offline(), "{error:?}");
}

#[test]
fn another_size_or_content_is_refused() {
    let short = || content()[..1000].to_vec();
    let (result, tries) = fetch(move |_| Answer::Length(short(), 1000));
    assert!(matches!(fault(result), Fault::Length { expected: 400_000, announced: 1000 }));
    assert_eq!(tries, 1);
    let (result, _) = fetch(|_| {
        let mut altered = content();
        altered[200_000] ^= 1;
        Answer::File(altered)
    });
    assert!(matches!(result, Err(Error::Digest { .. })));
    let (result, _) = fetch(|_| Answer::Endless);
    assert!(matches!(fault(result), Fault::TooLarge(400_000)));
}

#[test]
fn an_announced_length_that_does_not_come_is_a_cut() {
    let (result, _) = fetch(|_| Answer::Length(content()[..1000].to_vec(), 400_000));
    assert!(matches!(fault(result), Fault::Cut { .. }));
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/a" => Answer::redirect("b/c"),
        "/b/c" => Answer::File(b"here".to_vec()),
        _ => Answer::redirect("/round"),
    });
    let session = client().session().unwrap();
    let urls = [server.url("/a"), server.url("/round"), "ftp://x/".to_owned()];
    let mut got = session.small(&urls, 1000).into_iter();
    assert_eq!(got.next().unwrap().unwrap(), b"here");
    assert!(matches!(fault(got.next().unwrap().map(drop)), Fault::Redirects(10)));
    assert!(matches!(fault(got.next().unwrap().map(drop)), Fault::Url));
}

#[test]
fn many_at_once_each_handed_on() {
    let server = Server::start(|asked| Answer::File(asked.path.as_bytes().to_vec()));
    let (dir, blobs) = cache();
    let wants: Vec<Want> = (0..50)
        .map(|n| Want {
            elsewhere: vec![],
            url: server.url(&format!("/{n}")),
            digest: Some(Digest::of(format!("/{n}").as_bytes())),
            size: None,
        })
        .collect();
    let mut seen = Vec::new();
    let session = client().session().unwrap();
    session
        .files(&blobs, &wants, &Told::default(), &mut |place, file| {
            assert_eq!(read_to_string(file).unwrap(), format!("/{place}"));
            seen.push(place);
            Ok(())
        })
        .unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    assert_eq!(held(dir.path()), (50, 0));
}

#[test]
fn a_proxy_is_asked_for_http() {
    let proxy = Server::start(|asked| Answer::File(asked.path.as_bytes().to_vec()));
    let proxies = Proxies { http: Some(proxy.url("")), ..Proxies::default() };
    let client = envbox::source::http::Client::new(proxies).with_limits(Limits::default());
    let url = "http://no-such-host.invalid/x".to_owned();
    assert_eq!(client.session().unwrap().small(std::slice::from_ref(&url), 1000).remove(0).unwrap(), url.as_bytes());
}
