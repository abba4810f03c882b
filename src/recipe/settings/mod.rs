//! What a box sees and may do: the values that `box.yaml` and a project's recipe have in common.

mod cpus;
mod init;
mod io;
mod limits;
mod mount;
mod port;
mod seconds;
mod size;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cpus::{CpuSet, Cpus, ParseCpuSetError, ParseCpusError};
pub(super) use init::stop_signal;
pub use init::{Init, ParseInitError};
pub use io::{Io, Rate};
pub use limits::{Enforce, Limits, View};
pub use mount::{At, Mount, ParseMountError};
pub use port::{ParsePortError, Port, Protocol};
pub use seconds::{ParseSecondsError, Seconds};
pub use size::{ParseSizeError, Size};

/// How much of the user's home directory a box sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// The host's, at its own path.
    #[default]
    Host,
    /// A directory of the box's own, at the same path; it lives and goes with the box.
    Private,
    /// As `private`, with the project's directory in it at its own path.
    Project,
    /// The host's to read; what is written stays in the box.
    Overlay,
    /// An empty directory in memory, gone when the box stops.
    None,
}

/// Something of the user's session on the host that a box may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// The Wayland compositor's socket.
    Wayland,
    /// The X server's socket and the cookie for it.
    X11,
    /// PipeWire's socket.
    Pipewire,
    /// PulseAudio's socket.
    Pulse,
    /// The session's D-Bus socket.
    Dbus,
    /// The SSH agent's socket.
    SshAgent,
    /// The GnuPG agent's socket.
    GpgAgent,
}

/// Which network a box has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// One of its own, which reaches the host's through a program in user space.
    Private,
    /// None but the loopback device.
    None,
}
