//! What boxes with a network of their own will want.

use std::fs::OpenOptions;
use std::path::Path;

use super::check::Check;

/// Needed by private networks only.
pub(super) fn tun() -> Check {
    const NAME: &str = "/dev/net/tun";
    match OpenOptions::new().read(true).write(true).open(NAME) {
        Ok(_) => Check::ok(NAME, "can be opened"),
        Err(error) => {
            let fix = if Path::new(NAME).exists() { "sudo chmod 0666 /dev/net/tun" } else { "sudo modprobe tun" };
            Check::warning(NAME, format!("{error}; only private networks need it")).fix(fix)
        }
    }
}
