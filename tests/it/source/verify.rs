//! Signatures, good ones and each way in which they are not. Keys are made on the spot; `gpg` and `minisign` have a word too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use envbox::source::Error;
use envbox::source::verify::{Keyring, MinisignKeys};

use super::archive::{Key, now};

const TEXT: &str = "Suite: test\n- dashed\n-----BEGIN PGP SIGNATURE-----\nFrom here\n";

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, reason: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Signature { .. }) && error.to_string().contains(reason), "{error}");
    assert!(!error.is_unavailable(), "no reason to look elsewhere");
}

fn read(ring: &Keyring, message: &[u8]) -> Result<String, Error> {
    ring.clear_signed("http://x/list", message, now()).map(|signed| signed.content)
}

fn check(ring: &Keyring, signature: &[u8], content: &[u8]) -> Result<Vec<String>, Error> {
    ring.detached("http://x/list.gpg", signature, content, now()).map(|signed| signed.keys)
}

#[test]
fn a_clear_signed_text() {
    let key = Key::new();
    let signed = key.ring().clear_signed("x", &key.sign(TEXT), now()).unwrap();
    // The frame's grammar leaves the last newline to the signature.
    assert_eq!(signed.content.trim_end(), TEXT.trim_end());
    assert_eq!(signed.keys, [key.fingerprint()]);
    let crlf = String::from_utf8(key.sign(TEXT)).unwrap().replace('\n', "\r\n");
    assert!(read(&key.ring(), crlf.as_bytes()).unwrap().contains("Suite: test"));
}

#[test]
fn text_around_the_signed_part_is_refused() {
    let key = Key::new();
    let message = key.sign(TEXT);
    let whole = |before: &str, after: &str| [before.as_bytes(), &message, after.as_bytes()].concat();
    read(&key.ring(), &whole("\n", "\n\n")).unwrap();
    refused(read(&key.ring(), &whole("Suite: evil\n", "")), "before the signed part");
    refused(read(&key.ring(), &whole("", "Suite: evil\n")), "after the signed part");
    refused(read(&key.ring(), &[message.clone(), message.clone()].concat()), "after the signed part");
    // The frame's last line, given early so that what follows looks like part of the frame.
    let text = String::from_utf8(message).unwrap();
    let early = text.replacen("Suite: test", "-----END PGP SIGNATURE-----\nSuite: evil\nSuite: test", 1);
    refused(read(&key.ring(), early.as_bytes()), "after the signed part");
}

#[test]
fn what_is_smuggled_into_the_frame_is_not_read() {
    let key = Key::new();
    let text = String::from_utf8(key.sign(TEXT)).unwrap();
    for (place, smuggled) in [
        ("-----BEGIN PGP SIGNED MESSAGE-----\n", "Suite: evil\n"),
        ("-----BEGIN PGP SIGNED MESSAGE-----\n", "Hash: SHA512\n\nSuite: evil\n"),
        ("-----BEGIN PGP SIGNATURE-----\n", "Suite: evil\n"),
        ("Suite: test\n", "Suite: evil\n"),
    ] {
        assert!(text.contains(place), "{place}");
        let forged = text.replacen(place, &format!("{place}{smuggled}"), 1);
        if let Ok(read) = read(&key.ring(), forged.as_bytes()) {
            assert!(!read.contains("evil"), "{read}");
        }
    }
}

#[test]
fn other_kinds_of_messages_are_not_clear_signed_texts() {
    let key = Key::new();
    for message in [key.detach(TEXT.as_bytes()), key.sign_inline(TEXT), TEXT.as_bytes().to_vec(), vec![], vec![0xff; 9]]
    {
        assert!(matches!(read(&key.ring(), &message), Err(Error::Signature { .. })));
    }
    let cut = key.sign(TEXT);
    for end in [60, cut.len() / 2, cut.len() - 40] {
        assert!(read(&key.ring(), &cut[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_detached_signature() {
    let (key, other) = (Key::new(), Key::new());
    let signature = key.detach(b"content");
    assert_eq!(check(&key.ring(), &signature, b"content").unwrap(), [key.fingerprint()]);
    refused(check(&key.ring(), &signature, b"Content"), "");
    refused(check(&key.ring(), &signature, b""), "");
    refused(check(&other.ring(), &signature, b"content"), "not in the keyring");
    refused(check(&key.ring(), &other.detach(b"content"), b"content"), "not in the keyring");
    refused(check(&key.ring(), b"", b"content"), "");
    refused(check(&key.ring(), b"no signature", b"content"), "");
    refused(check(&key.ring(), &signature[..signature.len() - 3], b"content"), "");
}

#[test]
fn keys_that_are_no_longer_good() {
    // Good when it signed, half an hour ago, but not any more.
    let expired = Key::valid_for(Duration::from_secs(86400 - 600));
    refused(check(&expired.ring(), &expired.detach(b"x"), b"x"), &expired.fingerprint());
    refused(read(&expired.ring(), &expired.sign(TEXT)), &expired.fingerprint());
    let key = Key::new();
    check(&key.ring(), &key.detach(b"x"), b"x").unwrap();
    refused(check(&key.revoked_ring(), &key.detach(b"x"), b"x"), "revoked");
    refused(read(&key.revoked_ring(), &key.sign(TEXT)), "revoked");
    // A clock that is behind: the signature is from the future.
    let early = now() - Duration::from_secs(7200);
    refused(key.ring().detached("x", &key.detach(b"x"), &b"x"[..], early), "");
}

#[test]
fn only_the_keys_that_are_named() {
    let (key, other) = (Key::new(), Key::new());
    let ring = || Keyring::from_bytes(&[key.bytes(), other.bytes()].concat()).unwrap();
    check(&ring(), &key.detach(b"x"), b"x").unwrap();
    let one = ring().only(&[other.fingerprint()]).unwrap();
    refused(check(&one, &key.detach(b"x"), b"x"), "not in the keyring");
    check(&one, &other.detach(b"x"), b"x").unwrap();
    check(&ring().only::<&str>(&[]).unwrap(), &key.detach(b"x"), b"x").unwrap();
    let fingerprint = key.fingerprint();
    // One that is there is enough: keys come and go.
    check(&ring().only(&[&fingerprint, &"0".repeat(40)]).unwrap(), &key.detach(b"x"), b"x").unwrap();
    for bad in [&fingerprint[24..], "", "xyz", &"0".repeat(40)] {
        assert!(matches!(ring().only(&[bad]), Err(Error::Keyring(_))), "{bad}");
    }
}

fn run(dir: &Path, program: &str, args: &[&str]) -> bool {
    let outcome = Command::new(program).args(args).current_dir(dir).env("GNUPGHOME", dir).output();
    outcome.is_ok_and(|outcome| outcome.status.success())
}

#[test]
fn what_gpg_signs() {
    let dir = tempfile::tempdir().unwrap();
    let gpg = |args: &[&str]| run(dir.path(), "gpg", &[&["--batch", "--yes", "--quiet"], args].concat());
    if !gpg(&["--passphrase", "", "--quick-generate-key", "test@example.org", "ed25519", "sign"]) {
        return eprintln!("skipped: gpg is not here");
    }
    fs::write(dir.path().join("list"), TEXT).unwrap();
    assert!(gpg(&["--output", "ring", "--export"]) && gpg(&["--armor", "--output", "ring.asc", "--export"]));
    assert!(gpg(&["--clearsign", "list"]) && gpg(&["--detach-sign", "list"]));
    assert!(gpg(&["--armor", "--detach-sign", "--output", "list.armored", "list"]));
    let file = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let now = SystemTime::now();
    for ring in ["ring", "ring.asc"].map(|name| Keyring::from_bytes(&file(name)).unwrap()) {
        for signature in ["list.sig", "list.armored"] {
            ring.detached("x", &file(signature), TEXT.as_bytes(), now).unwrap();
        }
        assert!(ring.clear_signed("x", &file("list.asc"), now).unwrap().content.starts_with("Suite: test"));
    }
    // An algorithm that counts no more.
    if gpg(&["--digest-algo", "SHA1", "--weak-digest", "MD5", "--detach-sign", "--output", "list.sha1", "list"]) {
        let ring = Keyring::from_bytes(&file("ring")).unwrap();
        refused(ring.detached("x", &file("list.sha1"), TEXT.as_bytes(), now), "");
    }
    run(dir.path(), "gpgconf", &["--kill", "all"]);
}

#[test]
fn what_minisign_signs() {
    let dir = tempfile::tempdir().unwrap();
    let minisign = |args: &[&str]| run(dir.path(), "minisign", args);
    if !minisign(&["-G", "-W", "-p", "one.pub", "-s", "one"]) {
        return eprintln!("skipped: minisign is not here");
    }
    assert!(minisign(&["-G", "-W", "-p", "two.pub", "-s", "two"]));
    fs::write(dir.path().join("list"), TEXT).unwrap();
    assert!(minisign(&["-S", "-s", "one", "-m", "list", "-x", "list.sig"]));
    let file = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let key = |name: &str| String::from_utf8(file(name)).unwrap();
    let verify = |keys: &[String], content: &[u8]| {
        MinisignKeys::parse(keys).unwrap().detached("x", &file("list.sig"), content).map(|signed| signed.keys)
    };
    let id = verify(&[key("two.pub"), key("one.pub")], TEXT.as_bytes()).unwrap();
    assert!(key("one.pub").contains(&id[0]), "{id:?} is the key that minisign names");
    refused(verify(&[key("two.pub")], TEXT.as_bytes()), "another key");
    refused(verify(&[key("one.pub")], b"other"), "not of this content");
    assert!(minisign(&["-S", "-l", "-s", "one", "-m", "list", "-x", "list.sig"]));
    refused(verify(&[key("one.pub")], TEXT.as_bytes()), "before minisign 0.10");
}
