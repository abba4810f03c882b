//! What an image is made of: the base, and the steps with the names of their layers. Nothing is made here.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::copied::{self, Content, Known};
use crate::build::{self, By, Inputs, Manager, Step};
use crate::commands::recipes;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Provenance};
use crate::recipe::Place;
use crate::recipe::lock::Locked;
use crate::recipe::project::{Copied, Environment};
use crate::source::tarball::Location;
use crate::store::{ImageLease, Stamps};
use crate::sys;
use crate::sys::root::{self, Open};

/// An image to be, or one that is there.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// The recipe.
    pub(super) recipe: &'a Environment,
    /// The project's directory.
    pub(super) root: OwnedFd,
    /// What it is made on.
    pub(super) base: ImageLease,
    /// The base's package manager, where packages are wanted.
    pub(super) manager: Option<Manager>,
    /// What is locked of it.
    pub(super) locked: Option<&'a Locked>,
    /// The steps, in order.
    pub(super) steps: Vec<Planned>,
    /// The image's name in the store.
    pub(super) name: String,
    title: String,
}

/// What the image is called, and where what it copies is.
#[derive(Debug, Clone)]
pub(super) struct Whose<'p> {
    /// The directory of what it copies.
    pub(super) dir: &'p Path,
    /// The image's name in the store.
    pub(super) name: String,
    /// What it is, for people, before that which it is made on.
    pub(super) title: String,
}

impl<'p> Whose<'p> {
    /// A project's, or a variant's of it.
    pub(super) fn project(file: &'p Path, variant: Option<&str>) -> Self {
        let dir = file.parent().unwrap_or(Path::new("/"));
        let title = dir.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned());
        Self { dir, name: name(file, variant), title }
    }
}

/// A step, and what its layer is called.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) step: Step,
    pub(super) place: Place,
    pub(super) key: Digest,
    /// For a step that copies: which of the recipe's it is.
    pub(super) copied: Option<usize>,
}

/// The name of a project's image in the store.
pub(super) fn name(file: &Path, variant: Option<&str>) -> String {
    let variant = variant.map(|variant| format!("#{variant}")).unwrap_or_default();
    format!("{}{variant}", file.display())
}

impl<'a> Chain<'a> {
    /// Works it out. `remote` says what the digest of a file behind a URL is; where that is not known, neither is the chain.
    ///
    /// # Errors
    /// What is wrong with the recipe, or with the files that it copies.
    pub(super) fn new(
        context: &Context<'_>,
        whose: Whose<'_>,
        (recipe, locked): (&'a Environment, Option<&'a Locked>),
        base: ImageLease,
        anew: Option<&str>,
        remote: &mut dyn FnMut(&Copied) -> Result<Option<Digest>>,
    ) -> Result<Option<Self>> {
        let Whose { dir, name, title } = whose;
        let root =
            sys::fs::open_dir(dir).map_err(|error| Error::new(format!("cannot open {}: {error}", dir.display())))?;
        let Some(contents) = contents(context, dir, &root, &recipe.copy, remote)? else { return Ok(None) };
        let manager = if recipe.packages.is_empty() { None } else { manager(context, base.image()) };
        let user = &context.host.user;
        let by = match user.uid {
            0 => By::Root,
            uid => By::User { name: user.name.clone(), uid, gid: user.gid, home: user.home.display().to_string() },
        };
        let image = &base.image().config.env;
        let inputs = Inputs { image, manager: manager.as_ref(), copied: &contents, user: &by, locked };
        let steps = build::steps(recipe, &inputs).map_err(Error::new)?;
        let (steps, places): (Vec<Step>, Vec<Place>) = steps.into_iter().unzip();
        let keys = build::keys(&base.image().layers, anew, &steps);
        let mut copies = 0..;
        let planned = steps.into_iter().zip(places).zip(keys).map(|((step, place), key)| {
            let copied = if matches!(step, Step::Copy { .. }) { copies.next() } else { None };
            Planned { step, place, key, copied }
        });
        let steps = planned.collect();
        Ok(Some(Self { recipe, root, base, manager, locked, steps, name, title }))
    }

    /// The image, as it is when all its layers are there.
    pub(super) fn image(&self) -> Image {
        let base = self.base.image();
        if self.steps.is_empty() {
            return base.clone();
        }
        let layers = base.layers.iter().copied().chain(self.steps.iter().map(|step| step.key)).collect();
        let provenance =
            Provenance { title: format!("{} on {}", self.title, base.provenance.title), ..base.provenance.clone() };
        Image { layers, provenance, config: base.config.clone(), published: None }
    }
}

/// The digests of all that is copied.
fn contents(
    context: &Context<'_>,
    dir: &Path,
    root: &OwnedFd,
    copies: &[Copied],
    remote: &mut dyn FnMut(&Copied) -> Result<Option<Digest>>,
) -> Result<Option<Vec<Digest>>> {
    if copies.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let stamps = Stamps::copied(&context.host.dirs.cache, dir);
    let (known, mut now) = (stamps.read::<Known>(), Known::default());
    let mut contents = Vec::new();
    for copied in copies {
        super::written::place(copied.to.as_str()).ok_or_else(|| {
            Error::new(format!("`{}` is no absolute path in the box", copied.to.as_str().escape_debug()))
        })?;
        contents.push(match Location::parse(copied.from.as_str()) {
            Location::Path(_) => copied::digest(root, copied.from.as_str(), &known, &mut now).map_err(Error::new)?,
            Location::Url(_) => match remote(copied)? {
                Some(digest) => Content::of_file(&digest),
                None => return Ok(None),
            },
        });
    }
    if now != known {
        // Without it, files are read once more than they need be.
        let _ = stamps.write(&now);
    }
    Ok(Some(contents))
}

/// Where a root says what it is (os-release(5)).
const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// The package manager of an image, by what its layers say it is. They are not to be trusted, but what they say only
/// chooses among the recipes.
fn manager(context: &Context<'_>, image: &Image) -> Option<Manager> {
    let layers: Vec<PathBuf> = image.layers.iter().rev().map(|layer| context.store.layer_fs(layer)).collect();
    let read = |layer: &PathBuf, path: &str| -> io::Result<Vec<u8>> {
        let layer = root::open_absolute(layer, Open::Directory)?;
        root::read(layer, Path::new(path))
    };
    let found = OS_RELEASE.iter().find_map(|path| layers.iter().find_map(|layer| read(layer, path).ok()))?;
    Manager::of(&String::from_utf8_lossy(&found), &recipes::catalogue(context.host, context.ui))
}
