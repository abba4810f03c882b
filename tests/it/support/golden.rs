//! Files that are kept fresh by a test.

use std::fs;

use super::source_dir;

/// Compares a text with a file of the source tree. With `ENVBOX_UPDATE=1` the file is written instead.
#[track_caller]
pub(crate) fn golden(path: &str, text: &str) {
    let file = source_dir().join(path);
    if std::env::var_os("ENVBOX_UPDATE").is_some() {
        fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    if let Some((number, (kept, new))) = kept.lines().zip(text.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("{path}:{}: is `{kept}`, should be `{new}`; ENVBOX_UPDATE=1 rewrites it", number + 1);
    }
    assert_eq!(kept.len(), text.len(), "{path} ends too early or too late; ENVBOX_UPDATE=1 rewrites it");
}
