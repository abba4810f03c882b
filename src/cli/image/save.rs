//! `envbox image save`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::ImageName;
use crate::image::Reference;

/// What `envbox image save` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Save {
    /// The image: a name, or its digest
    pub image: ImageName,
    /// The file or directory to write; `-`: standard output
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: PathBuf,
    /// What to write; without it, a directory is a layout, and a file an archive: docker's where `docker` is in its name
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// How layers are compressed; without it, as they came, else with gzip; docker's archive: not at all
    #[arg(long, value_enum, value_name = "HOW")]
    pub compression: Option<Compression>,
    /// What the image is called in it; without it, its name here
    #[arg(long, value_name = "REFERENCE", value_hint = ValueHint::Other)]
    pub name: Option<Reference>,
}

/// What an image can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A layout of the OCI, as a directory
    Oci,
    /// A layout in a tar archive
    OciArchive,
    /// What `docker save` writes and every `docker load` reads
    DockerArchive,
}

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// What everything reads
    Gzip,
    /// Smaller and faster
    Zstd,
    /// Not at all
    None,
}

const EXAMPLES: &str = "\
Examples:
  envbox image save debian:12 --output debian.tar                     podman load -i debian.tar
  envbox image save python:3.12 --output layout --compression zstd    skopeo copy oci:layout …
  envbox image save debian:12 -o - --format docker-archive | docker load";
