//! What will be done, as data: from a box, an image and the host's facts to a [`BootPlan`] and a [`SessionPlan`].
//!
//! Pure and deterministic: no system call, no file, no clock, no environment. `--dry-run` prints what is decided here,
//! and `launch` carries it out without deciding anything itself.

mod boot;
mod env;
mod path;
mod session;
mod step;

pub use boot::{BootPlan, BootRequest, NotAHome, bootstrap};
pub use env::set as set_variable;
pub use path::{BoxPath, HostPath, NotABoxPath};
pub use session::{Command, SessionPlan, SessionRequest, WorkDir};
pub use step::{Account, Kind, Overlay, Step};

/// Where envbox keeps its own things in a box: a directory on the box's `/run`, gone when the box stops.
pub const RUN_DIR: &str = "/run/envbox";
