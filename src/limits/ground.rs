//! Where this user may make control groups: the ladder, from what is at hand to what somebody has to prepare.

mod controller;
mod decide;
mod enable;

use std::path::{Path, PathBuf};

pub use controller::Controller;
pub use enable::OUTSIDE;

use crate::host::{self, Cgroups, Host, Manager};

/// A directory of the version 2 hierarchy in which groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// How it was come by.
    pub rung: Rung,
    /// The directory. On the rung of [`Rung::UserManager`] that of all the manager's units: a box's group is made in a unit of
    /// its own, which [`super::systemd::start_scope`] asks for.
    pub base: PathBuf,
    /// The controllers that groups in it can have.
    pub controllers: Vec<Controller>,
    /// Controllers that are nowhere in version 2, since this host's hierarchies of version 1 have them.
    pub elsewhere: Vec<Controller>,
    /// On the rung of [`Rung::UserManager`], who makes groups there.
    pub manager: Option<Manager>,
}

/// The rungs of the ladder, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// The group of this process, which has been handed over: by `systemd-run -p Delegate=yes`, or by an outer box.
    Own,
    /// The one that root has prepared for this user, with this process in it.
    Prepared,
    /// Either of these, in the half of a hybrid host that is of version 2, where controllers are usually missing.
    Hybrid,
    /// systemd's manager of this user, or the system's for root: it makes a group where it is asked to.
    UserManager,
}

/// Why there is no ground.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGround {
    /// No version 2 hierarchy, only those of version 1, which cannot be handed to a user safely.
    #[error("this host has control groups of version 1 only, which no user can be given a part of")]
    VersionOne,
    /// No hierarchy at all is to be seen.
    #[error("no control groups (version 2) are mounted here")]
    NotMounted,
    /// The mount shows another part of the hierarchy.
    #[error("the control group of this process does not show at {}", .0.display())]
    NotShown(PathBuf),
    /// The group that root prepared is there, and this process is not in it.
    #[error("{} is prepared, but this login has not been put into it", .0.display())]
    NotPlaced(PathBuf),
    /// The group is a unit's of a systemd that has kept it, and that cannot be asked for another.
    #[error("{} is systemd's own, and the user's systemd cannot be reached", .0.display())]
    NotDelegated(PathBuf),
    /// The group belongs to somebody else, or is mounted read-only.
    #[error("{} may not be written to, and there is no systemd of this user's", .0.display())]
    NotWritable(PathBuf),
}

impl Ground {
    /// The first rung that this machine has.
    ///
    /// # Errors
    /// [`NoGround`]: on none of them.
    pub fn find(host: &Host) -> Result<Self, NoGround> {
        Self::decide(&host.cgroups())
    }

    /// The ground that a unit of systemd's is, by its directory.
    pub fn of_unit(self, directory: &Path) -> Self {
        let group = host::group(directory);
        Self { base: group.path, controllers: Controller::parse(&group.controllers), ..self }
    }

    /// The cgroup to which a keeper goes at its end, so that what it was in can be removed; none in a unit of systemd's, which
    /// is removed by systemd.
    pub fn home(&self) -> Option<PathBuf> {
        let outside = self.base.join(OUTSIDE);
        match self.rung {
            Rung::UserManager => None,
            _ if outside.is_dir() => Some(outside),
            _ => Some(self.base.clone()),
        }
    }

    /// What follows from the facts.
    ///
    /// # Errors
    /// [`NoGround`].
    pub fn decide(facts: &Cgroups) -> Result<Self, NoGround> {
        decide::decide(facts)
    }
}
