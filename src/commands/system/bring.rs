//! An init for images that have none: as packages, by the recipe of what they are made of.

use std::path::{Path, PathBuf};

use super::found;
use crate::cli::Source;
use crate::commands::{build, provision, recipes};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::project::{Environment, Run};
use crate::recipe::settings::Network;
use crate::recipe::{BoxConfig, System, Text};
use crate::store::ImageLease;
use crate::unpack::Tree;

/// Where a root says what it is (os-release(5)).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// There is no init where one is to be started.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no init that could be its process 1")]
struct NoInit(String);

/// An image that can be a system box: the one that is named, if it has an init, or with one on top.
///
/// # Errors
/// Nobody knows where one would come from; whatever keeps the image from being made.
pub(crate) fn image(context: &Context<'_>, name: &str, source: &Source) -> Result<ImageLease> {
    let base = provision::image(context, name, source)?;
    let layers: Vec<PathBuf> = base.image().layers.iter().map(|layer| context.store.layer_fs(layer)).collect();
    let tree = found::tree(&layers)?;
    let Some(system) = system(context, &tree) else {
        return match found::first(&tree)? {
            Some(_) => Ok(base),
            None => Err(missing(context, &tree, &format!("the image `{name}`"))),
        };
    };
    // Whatever cannot be looked at is not there: the package manager knows better.
    if tree.file(Path::new(&system.there)).is_ok_and(|file| file.is_some()) {
        return Ok(base);
    }
    build::on(context, base, (&format!("{name}#system"), "a system"), &environment(name, &system), source)
}

/// The recipe of what is put on top.
fn environment(name: &str, system: &System) -> Environment {
    let setup = system.setup.iter().map(|line| Run {
        run: Text::from(line.clone()),
        by: Default::default(),
        network: Network::None,
        env: Default::default(),
    });
    Environment {
        variant: None,
        from: name.to_owned(),
        packages: system.packages.clone(),
        copy: Vec::new(),
        setup: setup.collect(),
        config: BoxConfig::new(name.to_owned()),
        tasks: Default::default(),
        services: Default::default(),
    }
}

/// What the recipe of a tree's distribution says of system boxes.
fn system(context: &Context<'_>, tree: &Tree) -> Option<System> {
    let read = |path: &str| tree.file(Path::new(path)).ok()??.read().ok();
    let text = OS_RELEASE.iter().find_map(|path| read(path))?;
    let recipes = recipes::catalogue(context.host, context.ui);
    crate::build::recipe_of(&String::from_utf8_lossy(&text), &recipes)?.system.clone()
}

/// That there is no init, and where one comes from.
pub(super) fn missing(context: &Context<'_>, tree: &Tree, whose: &str) -> Error {
    let error = Error::new(NoInit(whose.to_owned()));
    match system(context, tree) {
        Some(system) => {
            let packages = system.packages.join(" ");
            error
                .hint(format!("packages of its own that bring one: {packages}"))
                .hint("envbox create NAME --system IMAGE installs them by itself")
        }
        None => error
            .hint("init: /path/to/it, if it has one elsewhere")
            .hint("envbox create NAME --system debian makes a system box of Debian"),
    }
}
