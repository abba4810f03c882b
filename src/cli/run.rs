//! `envbox run`

use std::ffi::OsString;

use clap::{Args, ValueHint};

use super::{Session, Source};

/// What `envbox run` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Run {
    /// Name of a box, or an image: a recipe, a tarball, a URL
    #[arg(value_name = "NAME|IMAGE")]
    pub target: Target,
    /// The command and its arguments; without it, the image's own
    #[arg(
        trailing_var_arg = true,
        value_name = "COMMAND",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub command: Vec<OsString>,
    /// Run in a box of its own that is removed afterwards
    #[arg(long)]
    pub rm: bool,
    /// Who to be, and where to begin.
    #[command(flatten)]
    pub session: Session,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

/// A box by its name, or an image: which of the two is not decided by its looks, but by which boxes there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(pub String);

impl From<String> for Target {
    fn from(text: String) -> Self {
        Self(text)
    }
}

const EXAMPLES: &str = "\
Examples:
  envbox run debian -- make -j4
  envbox run debian -- cat < notes.txt | wc
  envbox run --rm debian:12 -- cat /etc/debian_version
  envbox run --rm ./alpine.tar.gz -- apk --version";
