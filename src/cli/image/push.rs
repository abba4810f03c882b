//! `envbox image push`

use clap::{Args, ValueHint};

use super::{Compression, ImageName};

/// What `envbox image push` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ImagePush {
    /// The image: a name, or its digest
    pub image: ImageName,
    /// Where to put it, as in `registry.example/team/image:1.0`; without it, where its name says
    #[arg(value_name = "REFERENCE", value_hint = ValueHint::Other)]
    pub to: Option<String>,
    /// How layers are compressed; without it, as they came, else with gzip
    #[arg(long, value_enum, value_name = "HOW")]
    pub compression: Option<Compression>,
    /// Speak plain http to the registry; to one on this machine, that goes without saying
    #[arg(long)]
    pub plain_http: bool,
}

const EXAMPLES: &str = "\
Examples:
  envbox image push debian:trixie registry.example/team/base:1
  envbox image tag debian:trixie 127.0.0.1:5000/base && envbox image push 127.0.0.1:5000/base";
