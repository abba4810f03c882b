//! `envbox run`

use std::ffi::OsString;

use clap::{Args, ValueHint};

use super::{InProject, Limiting, Session, Source};

/// What `envbox run` takes.
#[derive(Debug, Args)]
#[command(
    after_long_help = EXAMPLES,
    override_usage = "envbox run [OPTIONS] [NAME|IMAGE] [--] [COMMAND]..."
)]
pub struct Run {
    /// Variant of the project, name of a box, or an image: a recipe, a tarball, a URL. Without it, the project's box
    #[arg(value_name = "NAME|IMAGE")]
    pub target: Option<Target>,
    /// The command and its arguments where no `--` comes before them.
    #[arg(hide = true, allow_hyphen_values = true, value_name = "COMMAND", value_hint = ValueHint::CommandName)]
    pub words: Vec<OsString>,
    /// The command and its arguments, after `--` wherever no name comes before them; without it, the image's own
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
    /// Run in a box of its own that is removed afterwards
    #[arg(long)]
    pub rm: bool,
    /// Who to be, and where to begin.
    #[command(flatten)]
    pub session: Session,
    /// In a project.
    #[command(flatten)]
    pub project: InProject,
    /// What it may use.
    #[command(flatten)]
    pub limits: Limiting,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

impl Run {
    /// The command and its arguments, however they were given.
    pub fn command(&self) -> Vec<OsString> {
        self.words.iter().chain(&self.command).cloned().collect()
    }
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
  envbox run -- make                make in the project's box
  envbox run ci -- make             make in the box of the project's variant `ci`
  envbox run debian -- cat < notes.txt | wc
  envbox run --rm debian:12 -- cat /etc/debian_version
  envbox run --rm ./alpine.tar.gz -- apk --version";
