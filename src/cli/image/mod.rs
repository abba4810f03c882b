//! `envbox image`: what is done with images in the store.

mod load;
mod pull;
mod push;
mod save;

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::gc::age;

pub use load::ImageLoad;
pub use pull::ImagePull;
pub use push::ImagePush;
pub use save::{Compression, Format, Save};

/// The verbs of `envbox image`.
#[derive(Debug, Subcommand)]
pub enum Image {
    /// List the images in the store
    #[command(visible_alias = "ls")]
    List(ImageList),
    /// Show where an image came from, what vouches for it, what it asks for, and its layers
    Inspect(ImageInspect),
    /// Take names away from images, and remove those that nothing else needs
    ///
    /// An image that a box has stays until the box is removed; it is listed without a name.
    Rm(ImageRemove),
    /// Give an image another name
    Tag(ImageTag),
    /// Fetch images, even if the store has them: what their names mean now
    ///
    /// Whatever is there already is not fetched again. Boxes keep the image that they were made of.
    Pull(ImagePull),
    /// Put an image into a registry
    ///
    /// Layers that the registry has are not sent again. An image that was pulled is handed on byte for byte; what was made
    /// here is packed first.
    Push(ImagePush),
    /// Put the images of an archive or a layout into the store
    Load(ImageLoad),
    /// Write an image to a file or a directory, for other programs to load
    Save(Save),
    /// Read layers again, and name what is damaged, missing or added
    ///
    /// Exits with 1 if there was anything. With `--repair` a layer that is damaged is fetched anew from where its image
    /// came from; boxes keep what was written in them.
    Verify(ImageVerify),
    /// Remove images that have no name and no box
    Prune(ImagePrune),
    /// Show what images, boxes and downloads take on the disk, and what `envbox gc` would free
    Df(ImageDf),
}

/// An image in the store, as a user calls it: its name, a part of it that says enough, or its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName(pub String);

impl FromStr for ImageName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// What `envbox image list` takes.
#[derive(Debug, Args)]
#[command(after_long_help = LIST_EXAMPLES)]
pub struct ImageList {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const LIST_EXAMPLES: &str = "\
Examples:
  envbox image list
  envbox image list --json | jq -r '.[] | select(.boxes == []) | .name'";

/// What `envbox image inspect` takes.
#[derive(Debug, Args)]
#[command(after_long_help = INSPECT_EXAMPLES)]
pub struct ImageInspect {
    /// Names or digests of images
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  envbox image inspect alpine:3.20
  envbox image inspect --json debian:trixie | jq '.[0].layers'";

/// What `envbox image rm` takes.
#[derive(Debug, Args)]
#[command(after_long_help = RM_EXAMPLES)]
pub struct ImageRemove {
    /// Names or digests of images; a digest stands for all names of the image
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageName>,
    /// Do not mind an image that does not exist
    #[arg(short, long)]
    pub force: bool,
}

const RM_EXAMPLES: &str = "\
Examples:
  envbox image rm alpine:3.20
  envbox image rm 4b1b40a5abc2";

/// What `envbox image tag` takes.
#[derive(Debug, Args)]
#[command(after_long_help = TAG_EXAMPLES)]
pub struct ImageTag {
    /// The image
    pub image: ImageName,
    /// The name it is to have as well: a reference, as in `registry.example/team/image:1.0`
    pub name: String,
}

const TAG_EXAMPLES: &str = "\
Examples:
  envbox image tag debian:trixie registry.example/team/base:1";

/// What `envbox image verify` takes.
#[derive(Debug, Args)]
#[command(after_long_help = VERIFY_EXAMPLES)]
pub struct ImageVerify {
    /// Names or digests of images; all without any
    #[arg(value_name = "IMAGE")]
    pub images: Vec<ImageName>,
    /// Fetch anew what is damaged
    #[arg(long)]
    pub repair: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  envbox image verify
  envbox image verify --repair debian:trixie";

/// What `envbox image prune` takes.
#[derive(Debug, Args)]
#[command(after_long_help = PRUNE_EXAMPLES)]
pub struct ImagePrune {
    /// Remove also images with names, if no box has them
    #[arg(short, long)]
    pub all: bool,
    /// Of those, only what was not used for so long: 12h, 30d, 4w
    #[arg(long, value_name = "AGE", requires = "all", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Remove nothing, and say what would go
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const PRUNE_EXAMPLES: &str = "\
Examples:
  envbox image prune
  envbox image prune --all --older-than 4w --dry-run";

/// What `envbox image df` takes.
#[derive(Debug, Args)]
#[command(after_long_help = DF_EXAMPLES)]
pub struct ImageDf {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const DF_EXAMPLES: &str = "\
Examples:
  envbox image df
  envbox image df --json | jq .garbage";
