//! Extended attributes by name: which are an archive's to set, which an overlay goes by.

/// What makes a directory opaque, for the kernel's overlay with `userxattr` and for fuse-overlayfs(1).
pub(super) const OPAQUE: [&str; 2] = ["user.overlay.opaque", "user.fuseoverlayfs.opaque"];

/// What the names begin with of those that an overlay, or an emulation of owners, goes by.
const SPECIAL: [&[u8]; 4] = [b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers.", b"user.rootlesscontainers"];

/// Whether an attribute belongs to the tree, and an archive may set it: `user.*` and file capabilities. The overlays' own
/// would forge whiteouts and redirects, and `user.containers.*` owners; what else there is belongs to the host (labels,
/// `trusted.*`).
pub(super) fn belongs(name: &[u8]) -> bool {
    let user = name.starts_with(b"user.") && !SPECIAL.iter().any(|special| name.starts_with(special));
    user || name == b"security.capability"
}
