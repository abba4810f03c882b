//! Why a box cannot be booted as it is configured.

use std::path::PathBuf;

use crate::plan::NotABoxPath;

/// There is no plan for what the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBoot {
    /// The home directory is no path that a box can have.
    #[error(transparent)]
    HomePath(#[from] NotABoxPath),
    /// The home directory is one that the box has of its own.
    #[error("the home directory is `{}`, which a box has of its own", .0.display())]
    OwnHome(PathBuf),
    /// Root of the machine would be root of a box whose init has a proc of its own, with the kernel's controls in it.
    #[error("a system box of the machine's root would have the kernel's controls: start it as an ordinary user")]
    MachinesRoot,
    /// The project's directory cannot be bound into the box.
    #[error("the project's directory {} cannot be in a box", root.display())]
    Project {
        /// The directory.
        root: PathBuf,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A mount of the configuration's cannot be.
    #[error("{file}: mounts[{index}], `at: {at}`: cannot be mounted")]
    Mount {
        /// Which file says so.
        file: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// Where it was to be.
        at: String,
        /// Why.
        #[source]
        cause: Cause,
    },
}

/// What is wrong with a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// It is no path that a box can have.
    #[error(transparent)]
    Path(#[from] NotABoxPath),
    /// The box has a directory of its own there.
    #[error("`{}` is the box's own", .0.display())]
    Own(PathBuf),
    /// The home would be in it, or under it.
    #[error("the home directory {} lies in it", .0.display())]
    AroundHome(PathBuf),
    /// It is the home directory.
    #[error("it is the home directory: `home: host` gives the box all of it")]
    IsHome,
    /// It is of envbox's own store or cache.
    #[error("{} belongs to envbox, and no box may see it", .0.display())]
    Hidden(PathBuf),
    /// All of the host would be in the box, with its processes.
    #[error("{} is the host itself", .0.display())]
    Host(PathBuf),
    /// Two would be in one place.
    #[error("something else is mounted there")]
    Taken,
    /// The host does not have it.
    #[error("the host has no {}", .0.display())]
    Missing(PathBuf),
    /// Something else is found there than what was agreed to.
    #[error("{} leads elsewhere now, by way of a symbolic link", .0.display())]
    Moved(PathBuf),
    /// It is relative, and there is nothing that it could be relative to.
    #[error("`bind: {0}` is relative: outside of a project it begins with `/` or `~/`")]
    Relative(String),
}
