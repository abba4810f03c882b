//! The only code that knows paths under the data directory.

use std::fs;
use std::path::Path;

use crate::recipe::BoxName;

/// The names of the boxes, sorted; nothing is opened but the one directory.
pub fn box_names(data: &Path) -> Vec<BoxName> {
    let entries = fs::read_dir(data.join("boxes")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    names.sort_unstable();
    names
}
