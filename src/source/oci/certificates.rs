//! Certificates for one registry (containers-certs.d(5)).

use std::path::{Path, PathBuf};

use super::{Fault, settings};
use crate::source::http::Tls;

/// What a user's directories have for a host, with its port if it has one.
pub(super) fn find(dirs: &[PathBuf], host: &str) -> Result<Tls, Fault> {
    let Some(dir) = dirs.iter().map(|dir| dir.join(host)).find(|dir| dir.is_dir()) else { return Ok(Tls::default()) };
    let mut tls = Tls::default();
    for path in settings::list(&dir, "crt") {
        tls.authorities.extend(settings::read(&path)?.map(String::into_bytes));
    }
    // Of several pairs the first: a server that takes one of them is not known beforehand.
    if let Some(certificate) = settings::list(&dir, "cert").first() {
        tls.identity = Some(pair(certificate)?);
    }
    Ok(tls)
}

/// A certificate and the key beside it.
fn pair(certificate: &Path) -> Result<Vec<u8>, Fault> {
    let key = certificate.with_extension("key");
    let text = |path: &Path| {
        let missing = || Fault::Settings { path: path.to_owned(), what: "it is missing, or cannot be read".to_owned() };
        settings::read(path)?.ok_or_else(missing)
    };
    Ok([text(certificate)?, text(&key)?].join("\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_lies_in_the_directory_of_a_host() {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("r.example:5000");
        fs::create_dir(&host).unwrap();
        for (name, text) in [("b.crt", "B"), ("a.crt", "A"), ("c.cert", "C"), ("c.key", "K"), ("readme", "R")] {
            fs::write(host.join(name), text).unwrap();
        }
        let dirs = ["/nowhere".into(), dir.path().to_owned()];
        let tls = find(&dirs, "r.example:5000").unwrap();
        assert_eq!(tls.authorities, [b"A", b"B"]);
        assert_eq!(tls.identity.unwrap(), b"C\nK");
        assert_eq!(find(&dirs, "r.example").unwrap(), Tls::default());
        fs::remove_file(host.join("c.key")).unwrap();
        assert!(find(&dirs, "r.example:5000").unwrap_err().to_string().contains("c.key"));
    }
}
