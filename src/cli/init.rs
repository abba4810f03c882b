//! `envbox init`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// What `envbox init` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Init {
    /// Make it from this file: a Containerfile, devcontainer.json, distrobox.ini or vagga.yaml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: Option<PathBuf>,
    /// Of a Containerfile: the stage to make, instead of the last
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Of a Containerfile: the value of an `ARG`; several times for several
    #[arg(long = "build-arg", value_name = "NAME=VALUE", value_parser = pair)]
    pub arguments: Vec<(String, String)>,
    /// Take what is detected, and ask nothing
    #[arg(short, long)]
    pub yes: bool,
    /// Write in place of an envbox.yaml that is there
    #[arg(long)]
    pub force: bool,
    /// Print it and write nothing
    #[arg(long, conflicts_with = "force")]
    pub print: bool,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    Ok((name.to_owned(), value.to_owned()))
}

const EXAMPLES: &str = "\
Examples:
  envbox init
  envbox init --print
  envbox init --from .devcontainer/devcontainer.json
  envbox init --from Containerfile --target build --build-arg VERSION=1.2";
