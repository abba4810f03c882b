//! The images in the store, and the one that a user means.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::ImageName;
use crate::commands::recipes;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Image, Reference, place, short};
use crate::recipe;
use crate::store::{self, ImageLease, Name, Needed, Store};

/// Digits of a digest that are taken for one.
const FEWEST_DIGITS: usize = 4;

/// The images in the store, and who needs them.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// The images; of one that cannot be read, why.
    pub(super) images: BTreeMap<Digest, std::result::Result<Image, store::Error>>,
    /// Names and boxes.
    pub(super) needed: Needed,
    sizes: BTreeMap<Digest, Option<u64>>,
    recipes: recipe::Catalogue,
}

/// An image that a user means.
#[derive(Debug)]
pub(super) struct Meant {
    /// The image.
    pub(super) digest: Digest,
    /// The names that the user means by it.
    pub(super) names: Vec<String>,
}

impl Catalogue {
    /// Reads what there is.
    ///
    /// # Errors
    /// Where the directories cannot be read.
    pub(super) fn read(context: &Context<'_>) -> Result<Self> {
        let store = &context.store;
        let needed = store.needed()?;
        let mut images = BTreeMap::new();
        for digest in store.images()? {
            // One that is gone by now is none.
            if let Some(image) = store.image(&digest).transpose() {
                images.insert(digest, image);
            }
        }
        let layers: BTreeSet<Digest> = images.values().flatten().flat_map(|image| image.layers.clone()).collect();
        let size = |layer: &Digest| store.layer_record(layer).ok().and_then(|record| record.size);
        let sizes = layers.into_iter().map(|layer| (layer, size(&layer))).collect();
        Ok(Self { images, needed, sizes, recipes: recipes::catalogue(context.host, context.ui) })
    }

    /// The image and the names that a text means: a name in whole, without what goes without saying, or in short; or a
    /// digest or its beginning.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub(super) fn find(&self, wanted: &ImageName) -> Result<Meant> {
        let text = wanted.0.as_str();
        let reference = text.parse::<Reference>().map(|reference| reference.to_string()).ok();
        // A version of a distribution has several names, and one is the recipe's own.
        let version = self.recipes.find(text).map(|found| found.name()).ok();
        let rules: [&dyn Fn(&str) -> bool; 5] = [
            &|name| name == text,
            &|name| place(name) == text,
            &|name| version.as_deref() == Some(place(name)),
            &|name| reference.as_deref() == Some(name),
            &|name| short(name) == text,
        ];
        for rule in rules {
            let found: Vec<&Name> = self.needed.names.iter().filter(|name| rule(&name.name)).collect();
            let Some(first) = found.first() else { continue };
            return match found.iter().find(|name| name.image != first.image) {
                Some(_) => Err(ambiguous(text, found.iter().map(|name| &name.image))),
                None => {
                    Ok(Meant { digest: first.image, names: found.into_iter().map(|name| name.name.clone()).collect() })
                }
            };
        }
        self.by_digest(text)
    }

    fn by_digest(&self, text: &str) -> Result<Meant> {
        // Of an image that is gone, the names are left.
        let named = self.needed.names.iter().map(|name| name.image);
        let known: BTreeSet<Digest> = self.images.keys().copied().chain(named).collect();
        let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
        let long_enough = digits.len() >= FEWEST_DIGITS;
        let found: Vec<&Digest> =
            known.iter().filter(|digest| long_enough && digest.hex().starts_with(&digits)).collect();
        match *found {
            [digest] => {
                Ok(Meant { digest: *digest, names: self.names_of(digest).map(|name| name.name.clone()).collect() })
            }
            [] => Err(Error::new(format!("there is no image named `{text}` in the store"))
                .hint("envbox image list shows those that there are")),
            _ => Err(ambiguous(text, found.into_iter())),
        }
    }

    /// An image that is to be looked at.
    ///
    /// # Errors
    /// Where it is gone, or cannot be read.
    pub(super) fn image(&self, digest: &Digest) -> Result<&Image> {
        match self.images.get(digest) {
            Some(Ok(image)) => Ok(image),
            Some(Err(error)) => Err(Error::new(error.to_string()).hint(format!("envbox image rm {}", digest.short()))),
            None => Err(Error::new(format!("the image {} is not in the store", digest.short()))
                .hint(format!("envbox image rm {}; then pull it anew", digest.short()))),
        }
    }

    /// An image that is to be handed on. It stays in the store while what is returned is held.
    ///
    /// # Errors
    /// Where there is none such, or not all of it.
    pub(super) fn hold(&self, store: &Store, wanted: &ImageName) -> Result<ImageLease> {
        let digest = self.find(wanted)?.digest;
        match store.lease_image(&digest)? {
            Some(lease) => Ok(lease),
            None => self.image(&digest).and_then(|_| {
                let digest = digest.short();
                let hint = format!("envbox image verify --repair {digest}");
                Err(Error::new(format!("layers of the image {digest} are not in the store")).hint(hint))
            }),
        }
    }

    /// The names of an image.
    pub(super) fn names_of<'a>(&'a self, image: &'a Digest) -> impl Iterator<Item = &'a Name> {
        self.needed.names_of(image)
    }

    /// The names of an image's boxes.
    pub(super) fn boxes_of(&self, image: &Digest) -> Vec<String> {
        self.needed.boxes_of(image).map(ToString::to_string).collect()
    }

    /// An image's layers, each once.
    pub(super) fn layers_of(&self, image: &Digest) -> BTreeSet<Digest> {
        self.images.get(image).into_iter().flatten().flat_map(|image| image.layers.clone()).collect()
    }

    /// Bytes of the files in a layer, if that was recorded.
    pub(super) fn layer_size(&self, layer: &Digest) -> Option<u64> {
        self.sizes.get(layer).copied().flatten()
    }

    /// Bytes of the files in an image's layers, if that was recorded.
    pub(super) fn size(&self, image: &Digest) -> Option<u64> {
        self.layers_of(image).iter().map(|layer| self.layer_size(layer)).sum()
    }

    /// Of those, the bytes in layers that other images have as well.
    pub(super) fn shared(&self, image: &Digest) -> Option<u64> {
        let others: BTreeSet<Digest> =
            self.images.keys().filter(|other| *other != image).flat_map(|other| self.layers_of(other)).collect();
        self.layers_of(image).intersection(&others).map(|layer| self.layer_size(layer)).sum()
    }
}

fn ambiguous<'a>(text: &str, found: impl Iterator<Item = &'a Digest>) -> Error {
    let digests: BTreeSet<String> = found.map(Digest::short).collect();
    let error = Error::new(format!("`{text}` may be any of {} images", digests.len()));
    error.hint(format!("say which: {}", digests.into_iter().collect::<Vec<_>>().join(", ")))
}

/// What images are called, for completion: nothing is said of what cannot be read, and nothing is made.
pub(in crate::commands) fn names(data: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = store::image_names(data)
        .iter()
        .filter(|name| !place(name).contains([' ', '/']) || name.parse::<Reference>().is_ok())
        .map(|name| short(name))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
