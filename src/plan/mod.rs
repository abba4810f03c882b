//! What will be done, as data: from a box, an image and the host's facts to a [`BootPlan`] and a [`SessionPlan`].
//!
//! Pure and deterministic: no system call, no file, no clock, no environment. `--dry-run` prints what is decided here,
//! and `launch` carries it out without deciding anything itself.

mod boot;
mod env;
pub mod init;
mod path;
mod session;
mod share;
mod step;
mod user;
mod wishes;
mod xauth;

pub use boot::{BootPlan, BootRequest, Cause, Nested, NoBoot, Provided, Source, Workshop, bootstrap, changes};
pub use env::{set as set_variable, set_missing as set_missing_variable};
pub use path::{BoxPath, HostPath, NotABoxPath};
pub use session::{Bounds, Command, SessionPlan, SessionRequest, What, WorkDir};
pub use share::{Shared, Socket, Wanted, display, wanted};
pub use step::{Account, Kind, Overlay, Step};
pub use user::{NOT_ROOT, Person, Who};
pub use wishes::NoSession;
pub use xauth::cookies;

/// Where envbox keeps its own things in a box: a directory on the box's `/run`, gone when the box stops.
pub const RUN_DIR: &str = "/run/envbox";

/// The agent, owned by box-root and setuid, in every box.
pub const AGENT: &str = "/run/envbox/agent";

/// Where a system box has what is shared of the user's session, closed to all others.
pub const SHARES: &str = "/run/envbox/shared";

/// The agent as it looks after services, in every box.
pub const SUPERVISOR: &str = "/run/envbox/supervisor";
