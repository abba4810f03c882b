//! What people read of an image's name.

/// Registries and namespaces that go without saying, the longest first.
const UNSAID: [&str; 2] = ["docker.io/library/", "docker.io/"];

/// The place in a name, as a user would type it: without what it says of the state of a file when it was read, of what a
/// recipe of the user's own said, and of the digest that was asked for, all of which follow a space.
pub fn place(name: &str) -> &str {
    let is_digest = |word: &str| word.starts_with("sha256:");
    let is_stamp = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let name = name.rsplit_once(' ').filter(|(_, last)| is_digest(last)).map_or(name, |(rest, _)| rest);
    let stamps = match name.split_once('/').map_or("", |(scheme, _)| scheme) {
        // The inode and the time of the last change.
        "oci:" => 2,
        // The size besides.
        "oci-archive:" | "docker-archive:" => 3,
        "" if name.starts_with('/') => 3,
        // Nothing else has a space in its name.
        _ => return name.split(' ').next().unwrap_or(name),
    };
    let mut rest = name;
    for _ in 0..stamps {
        match rest.rsplit_once(' ').filter(|(_, last)| is_stamp(last)) {
            Some((before, _)) => rest = before,
            None => return name,
        }
    }
    rest
}

/// A name that is short: of a file or a URL the last part, of a reference what does not go without saying.
pub fn short(name: &str) -> &str {
    let place = place(name);
    if place.starts_with('/') || place.contains(":/") {
        return place.trim_end_matches('/').rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(place);
    }
    UNSAID.iter().find_map(|unsaid| place.strip_prefix(unsaid)).unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_name() {
        let pin = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (name, whole, less) in [
            ("debian:trixie", "debian:trixie", "debian:trixie"),
            ("docker.io/library/alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
            ("docker.io/user/x:1", "docker.io/user/x:1", "user/x:1"),
            ("quay.io/x/y:1", "quay.io/x/y:1", "quay.io/x/y:1"),
            ("/a b/c d.tar 12 3456 1700000000.000000001", "/a b/c d.tar", "c d.tar"),
            ("/x 1 2", "/x 1 2", "x 1 2"),
            ("good:1 9e651e58747b", "good:1", "good:1"),
            ("oci:/a b/lay:x 152 179.62", "oci:/a b/lay:x", "lay:x"),
            ("docker-archive:/d.tar 1 2 3.0", "docker-archive:/d.tar", "d.tar"),
            (&format!("/x.tar 1 2 3.4 {pin}"), "/x.tar", "x.tar"),
            (&format!("https://example.org/a/root.tar.xz {pin}"), "https://example.org/a/root.tar.xz", "root.tar.xz"),
        ] {
            assert_eq!((place(name), short(name)), (whole, less), "{name}");
        }
    }
}
