//! How much of the user's home a box sees.

use std::path::Path;

use super::mounts::{hidden_in, own};
use super::{BootRequest, NoBoot};
use crate::host::User;
use crate::plan::{BoxPath, HostPath, Kind, Step};
use crate::recipe::settings::Home;

/// Where the home is in the box: at its own path.
pub(super) fn place(user: &User) -> Result<BoxPath, NoBoot> {
    let home = BoxPath::new(&user.home)?;
    if own(home.as_path()) { Err(NoBoot::OwnHome(user.home.clone())) } else { Ok(home) }
}

/// Whether the box has the host's home, with all that is in it.
pub(super) fn shows(home: Home, user: &User, path: &Path) -> bool {
    home == Home::Host && path.starts_with(&user.home)
}

/// The steps to the home.
pub(super) fn steps(request: &BootRequest<'_>, at: &BoxPath) -> Vec<Step> {
    let user = request.user;
    let (from, owner) = (HostPath(user.home.clone()), (user.uid, user.gid));
    let place = Step::MountPoint { at: at.clone(), kind: Kind::Directory, owner };
    let hidden = || hidden_in(&request.hidden, &user.home, at);
    match request.config.home {
        Home::Host => {
            let bind = Step::Bind {
                from,
                at: at.clone(),
                kind: Kind::Directory,
                read_only: false,
                optional: false,
                no_links: false,
            };
            std::iter::once(bind).chain(hidden()).collect()
        }
        Home::Private | Home::Project => vec![Step::Home { at: at.clone(), owner }],
        Home::Overlay => {
            let [upper, work] = request.home.clone().map(HostPath);
            let overlay = Step::HomeOverlay { at: at.clone(), lower: from, upper, work };
            [place, overlay].into_iter().chain(hidden()).collect()
        }
        Home::None => vec![place, Step::Scratch { at: at.clone(), mode: 0o700, owner, size: None }],
    }
}
