//! What a tar archive says of a tree, in a form to compare.

use std::collections::BTreeMap;
use std::io::Read;

use envbox::image::Digest;
use tar::{Archive, EntryType};

/// Each file by its name: kind, mode, owner, time, content or target, extended attributes. Of a file's several names the
/// first one in their order has it all; the others say which that is.
pub(crate) type Tree = BTreeMap<String, String>;

/// Reads an archive whole. Its members may come in any order.
pub(crate) fn described(tar: impl Read) -> Tree {
    let mut tree = Tree::new();
    let mut links: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = cleaned(&entry.path_bytes());
        let link = entry.link_name_bytes().map(|link| escaped(&link)).unwrap_or_default();
        let kind = entry.header().entry_type();
        if kind == EntryType::Link {
            links.entry(cleaned(&entry.link_name_bytes().unwrap())).or_default().push(name);
            continue;
        }
        let mut modified = entry.header().mtime().unwrap().to_string();
        let mut attributes = Vec::new();
        for record in entry.pax_extensions().unwrap().into_iter().flatten().map(Result::unwrap) {
            match record.key_bytes() {
                b"mtime" => modified = escaped(record.value_bytes()),
                key if key.starts_with(b"SCHILY.xattr.") => {
                    attributes.push(format!("{}={}", escaped(key), escaped(record.value_bytes())));
                }
                _ => {}
            }
        }
        attributes.sort();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        // Programs differ in what mode they give to a symbolic link, which has none.
        let mode = if kind == EntryType::Symlink { 0o777 } else { header.mode().unwrap() };
        let line = format!(
            "{kind:?} {mode:o} {}:{} {modified} {} {} {link} {attributes:?}",
            header.uid().unwrap(),
            header.gid().unwrap(),
            content.len(),
            Digest::of(&content).short()
        );
        assert!(tree.insert(name.clone(), line).is_none(), "{name} is there twice");
    }
    for (target, mut names) in links {
        let line = tree.remove(&target).unwrap();
        names.push(target);
        names.sort();
        tree.extend(names.iter().map(|name| (name.clone(), format!("is {}", names[0]))));
        tree.insert(names[0].clone(), line);
    }
    tree
}

/// Fails with the first difference.
#[track_caller]
pub(crate) fn assert_same(ours: &Tree, theirs: &Tree) {
    for (name, line) in theirs {
        assert_eq!(ours.get(name), Some(line), "{name}");
    }
    for name in ours.keys() {
        assert!(theirs.contains_key(name), "{name}: {}", ours[name]);
    }
}

fn cleaned(name: &[u8]) -> String {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    escaped(name.strip_suffix(b"/").unwrap_or(name))
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
