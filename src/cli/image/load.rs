//! `envbox image load`

use clap::{Args, ValueHint};

/// What `envbox image load` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ImageLoad {
    /// An archive that docker, podman, skopeo or envbox has written, or an OCI layout's directory; `-`: standard input
    #[arg(value_name = "FILE|DIRECTORY", value_hint = ValueHint::AnyPath)]
    pub from: std::path::PathBuf,
    /// Load only the image of this name; without it, all
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// What to call the image, where there is one; without it, what it is called where it is
    #[arg(long, value_name = "NAME", value_parser = str::parse::<crate::image::Reference>)]
    pub name: Option<crate::image::Reference>,
}

const EXAMPLES: &str = "\
Examples:
  podman save python:3.12 | zstd > python.tar.zst && envbox image load python.tar.zst
  docker save python:3.12 | envbox image load -
  envbox image load ./layout --name localhost/mine:1";
