//! What a box may use of the machine, and what it sees of that: cgroup delegation, resource limits, and the files by which
//! programs learn of them.
//!
//! A box that has limits, or an init of its own, has a cgroup ([`Group`]) below a directory in which this user may make some
//! ([`Ground`]). A plain application box has none, and pays nothing.

mod disk;
pub mod enforce;
mod error;
mod ground;
mod group;
mod proc;
mod processors;
pub mod systemd;
mod usage;
pub mod view;
mod write;

pub use disk::disks;
pub use error::Error;
pub use ground::{Controller, Ground, NoGround, OUTSIDE, Rung};
pub use group::{Group, Membership, Wanted, clear, place, remove};
pub use proc::Members;
pub use processors::Processors;
pub use usage::{Events, Pressure, Usage};
pub use write::write;
