//! Files with several names.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;

use backhand::{InnerNode, Node, NodeHeader, SquashfsFileReader};

/// The names of files that have more than one. The image's reader does not say which are of one file; but two files rarely
/// have all of their place in the image, owner, mode and time in common, and of those that do, each has its number of names.
#[derive(Default)]
pub(super) struct Links<'f> {
    by_place: HashMap<(u64, u32, u32), Vec<First<'f>>>,
}

/// The first name of a file.
struct First<'f> {
    name: &'f [u8],
    file: &'f SquashfsFileReader,
    header: NodeHeader,
    /// How many other names are to come.
    left: u32,
}

impl<'f> Links<'f> {
    /// The name that the file of this one has been written under already.
    pub(super) fn target(&mut self, node: &'f Node<SquashfsFileReader>) -> Option<&'f [u8]> {
        let InnerNode::File(file) = &node.inner else { return None };
        let SquashfsFileReader::Extended(extended) = file else { return None };
        if extended.link_count < 2 {
            return None;
        }
        let firsts =
            self.by_place.entry((extended.blocks_start, extended.frag_index, extended.block_offset)).or_default();
        let same = |first: &&mut First<'_>| first.left > 0 && first.header == node.header && first.file == file;
        if let Some(first) = firsts.iter_mut().find(same) {
            first.left -= 1;
            return Some(first.name);
        }
        let name = node.fullpath.as_os_str().as_bytes();
        firsts.push(First { name, file, header: node.header, left: extended.link_count - 1 });
        None
    }
}
