//! `envbox image pull`

use clap::{Args, ValueHint};

use crate::cli::Source;

/// What `envbox image pull` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ImagePull {
    /// Image at a registry, `oci:DIRECTORY`, `oci-archive:FILE`, `docker-archive:FILE`, a tarball or its URL, or a recipe
    #[arg(required = true, value_name = "IMAGE", value_hint = ValueHint::Other)]
    pub images: Vec<String>,
    /// How to get it.
    #[command(flatten)]
    pub source: Source,
}

const EXAMPLES: &str = "\
Examples:
  envbox image pull python:3.12
  envbox image pull quay.io/fedora/fedora:43 registry.opensuse.org/opensuse/tumbleweed";
