//! `envbox create`, and where root filesystems come from.

use clap::{Args, ValueEnum, ValueHint};

use super::{InProject, Limiting};
use crate::image::{Digest, ParseDigestError};
use crate::recipe::BoxName;

/// What `envbox create` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Create {
    /// Name of the new box, or a variant of the project. Without it, the project's own box
    #[arg(value_hint = ValueHint::Other)]
    pub name: Option<BoxName>,
    /// What it is made of: a recipe (`debian:12`), an image at a registry, a tarball or its URL, an OCI layout. Without
    /// it, the recipe of that name
    #[arg(short, long, value_hint = ValueHint::FilePath, requires = "name")]
    pub image: Option<String>,
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

/// Options of everything that may create a box.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Creating")]
pub struct Source {
    /// How layers are stacked; `auto`: the kernel's overlay where it works, else fuse-overlayfs
    #[arg(long, value_name = "HOW", value_enum)]
    pub overlay: Option<Overlay>,
    /// Mirror of the distribution's archive; without it the host's own, else the distribution's
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = url)]
    pub mirror: Option<String>,
    /// Speak plain http to the image's registry: nothing vouches for what it says then
    #[arg(long)]
    pub plain_http: bool,
    /// The digest that the image must have: of the tarball, or of the manifest at a registry
    #[arg(long, alias = "sha256", value_name = "sha256:HEX", value_parser = digest)]
    pub digest: Option<Digest>,
    /// Accept what nothing vouches for: neither a digest nor a signature nor TLS
    #[arg(long)]
    pub allow_unverified: bool,
    /// Accept an archive whose signature is good but whose validity has ended
    #[arg(long)]
    pub ignore_valid_until: bool,
    /// Keep a copy of its own of every file, even where another layer has the same; as ENVBOX_NO_SHARE=1 does
    #[arg(long)]
    pub no_share: bool,
}

/// How the layers of a box are stacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Overlay {
    /// By the kernel's overlay file system.
    Kernel,
    /// By fuse-overlayfs.
    Fuse,
    /// By the kernel's where a probe says that it works, else by fuse-overlayfs.
    Auto,
}

fn digest(text: &str) -> Result<Digest, ParseDigestError> {
    if text.contains(':') { text.parse() } else { Digest::from_hex(text) }
}

fn url(text: &str) -> Result<String, &'static str> {
    let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(text.to_owned()),
        _ => Err("an http:// or https:// URL is expected"),
    }
}

const EXAMPLES: &str = "\
Examples:
  envbox create debian                                   from the recipe `debian`
  envbox create                                          the project's box, built and not entered
  envbox create old --image debian:11
  envbox create alp --image alpine-minirootfs.tar.gz
  envbox create py --image python:3.12
  envbox create fed --image oci-archive:Fedora-Container-Base.oci.tar.xz
  envbox create web --image https://example.org/rootfs.tar.xz --digest sha256:2cf2…";
