//! The steps that make an image, each with all that goes into it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Manager;
use super::env::environment;
use crate::image::Digest;
use crate::recipe::Place;
use crate::recipe::lock::{Added, Locked};
use crate::recipe::project::{As, Environment};
use crate::recipe::settings::Network;

/// A step. What is in it is what its layer is known by, and nothing else has an influence on the layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Step {
    /// Packages are installed, with the network there.
    Packages {
        /// Which, as the package manager calls them.
        packages: Vec<String>,
        /// Brings the lists up to date.
        refresh: Vec<String>,
        /// Installs what is added to it.
        install: Vec<String>,
        /// What has to be another version than before, or new, in the end: that and nothing else.
        #[serde(skip_serializing_if = "Option::is_none")]
        locked: Option<BTreeMap<String, String>>,
        /// All of the environment.
        env: BTreeMap<String, String>,
    },
    /// Packages are installed from files that are known beforehand, without a network.
    Debs {
        /// The files, by the packages' names.
        debs: BTreeMap<String, Digest>,
        /// The packages that were asked for; the others are there because these need them.
        wants: Vec<String>,
        /// For the root's `/bin/sh`: installs what is in [`DEBS`].
        script: &'static str,
        /// All of the environment.
        env: BTreeMap<String, String>,
    },
    /// Files become part of the image.
    Copy {
        /// The digest of what they are: names, modes, contents.
        content: Digest,
        /// Where they go.
        to: String,
        /// Their permission bits, if those are not their own.
        mode: Option<u32>,
    },
    /// A command is run.
    Run {
        /// For the root's `/bin/sh -e`.
        run: String,
        /// Who runs it.
        by: By,
        /// Whether it has the host's network.
        network: bool,
        /// All of the environment.
        env: BTreeMap<String, String>,
    },
}

/// Where the files of [`Step::Debs`] are in the root, each by its package's name and `.deb`.
pub const DEBS: &str = "/run/envbox-debs";

/// Who runs a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Root of the box.
    Root,
    /// The user who builds: another one has another layer.
    User {
        /// The login name.
        name: String,
        /// The user id.
        uid: u32,
        /// The primary group.
        gid: u32,
        /// The home directory.
        home: String,
    },
}

/// What a recipe's steps are made of, besides the recipe.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The variables that the base has: `NAME=value`.
    pub image: &'a [String],
    /// The base's package manager, if it has one that is known.
    pub manager: Option<&'a Manager>,
    /// The digests of what is copied, one for each of the recipe's.
    pub copied: &'a [Digest],
    /// The user who builds.
    pub user: &'a By,
    /// What is locked of the recipe, if anything is.
    pub locked: Option<&'a Locked>,
}

/// A recipe cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody knows how packages are installed.
    #[error("`{0}` has no package manager that envbox knows, and the recipe wants packages")]
    NoManager(String),
    /// Permission bits are not what they should be.
    #[error("`{}` is no mode: octal digits are expected, `0755`", .0.escape_debug())]
    Mode(String),
}

/// The steps of a recipe, in order, each with the place in the file where it stands.
///
/// # Errors
/// [`Error`].
pub fn steps(recipe: &Environment, inputs: &Inputs<'_>) -> Result<Vec<(Step, Place)>, Error> {
    let mut steps = Vec::new();
    if !recipe.packages.is_empty() {
        steps.push((packages(recipe, inputs)?, Place::default()));
    }
    for (copied, content) in recipe.copy.iter().zip(inputs.copied) {
        let mode = copied.mode.as_ref().map(|mode| octal(mode.as_str())).transpose()?;
        steps.push((Step::Copy { content: *content, to: copied.to.as_str().to_owned(), mode }, copied.from.place()));
    }
    for run in &recipe.setup {
        let by = match run.by {
            As::Root => By::Root,
            As::User => inputs.user.clone(),
        };
        let env = environment(inputs.image, &by, &[&recipe.config.env, &run.env]);
        let network = run.network == Network::Host;
        steps.push((Step::Run { run: run.run.as_str().to_owned(), by, network, env }, run.run.place()));
    }
    Ok(steps)
}

fn packages(recipe: &Environment, inputs: &Inputs<'_>) -> Result<Step, Error> {
    let manager = inputs.manager.ok_or_else(|| Error::NoManager(recipe.from.clone()))?;
    let env = environment(inputs.image, &By::Root, &[&manager.words.env]);
    if let Some(locked) = inputs.locked.filter(|locked| locked.archive().is_some()) {
        let debs = locked.packages.debs().iter().map(|deb| (deb.name.clone(), deb.digest)).collect();
        return Ok(Step::Debs { debs, wants: locked.wants.clone(), script: include_str!("debs.sh"), env });
    }
    let locked = inputs.locked.and_then(|locked| match &locked.packages {
        Added::Versions(versions) => Some(&versions.packages),
        Added::Nothing | Added::Debs(_) => None,
    });
    let locked: Option<BTreeMap<String, String>> =
        locked.map(|versions| versions.iter().map(|package| (package.name.clone(), package.version.clone())).collect());
    Ok(Step::Packages {
        packages: exactly(&recipe.packages, locked.as_ref(), manager.words.exact.as_deref()),
        locked,
        refresh: manager.words.refresh.clone(),
        install: manager.words.install.clone(),
        env,
    })
}

/// Packages as the package manager is to be asked for them.
fn exactly(wants: &[String], locked: Option<&BTreeMap<String, String>>, exact: Option<&str>) -> Vec<String> {
    let (Some(locked), Some(exact)) = (locked, exact) else { return wants.to_vec() };
    // What is asked for and did not come was there, or is a name for others.
    let wants = wants.iter().filter(|name| !locked.contains_key(*name)).cloned();
    wants.chain(locked.iter().map(|(name, version)| format!("{name}{exact}{version}"))).collect()
}

fn octal(text: &str) -> Result<u32, Error> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(mode),
        _ => Err(Error::Mode(text.to_owned())),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packages { packages, .. } => write!(f, "packages: {}", short(&packages.join(" "))),
            Self::Debs { wants, .. } => write!(f, "packages: {}", short(&wants.join(" "))),
            Self::Copy { to, .. } => write!(f, "copy: {to}"),
            Self::Run { run, .. } => write!(f, "run: {}", short(run)),
        }
    }
}

/// Characters of a step that are shown.
const SHOWN: usize = 60;

/// The first line, as far as there is room for it.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let whole = line.len() == text.trim().len() && line.chars().count() <= SHOWN;
    if whole { line.to_owned() } else { format!("{} …", line.chars().take(SHOWN).collect::<String>().trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Catalogue;
    use crate::recipe::project::Project;

    fn of(recipe: &str) -> Result<Vec<(Step, Place)>, Error> {
        let recipe = Project::parse("envbox.yaml", recipe).unwrap().environment("envbox.yaml", None).unwrap();
        let manager = Manager::of("ID=debian\nVERSION_ID=13\n", &Catalogue::new([]));
        let user = By::User { name: "al".into(), uid: 1000, gid: 1000, home: "/home/al".into() };
        let copied = [Digest::of(b"x")];
        steps(&recipe, &Inputs { image: &[], manager: manager.as_ref(), copied: &copied, user: &user, locked: None })
    }

    #[test]
    fn packages_come_first_and_setup_last() {
        let recipe = "from: debian\nsetup: [make, {run: id, as: user, network: host}]\npackages: [gcc]\n\
            copy: [{from: a, to: /a, mode: '0750'}]\n";
        let steps = of(recipe).unwrap();
        let shown: Vec<String> = steps.iter().map(|(step, place)| format!("{step} {}", place.line)).collect();
        assert_eq!(shown, ["packages: gcc 0", "copy: /a 4", "run: make 2", "run: id 2"]);
        assert!(matches!(steps[1].0, Step::Copy { mode: Some(0o750), .. }));
        let Step::Run { by: By::User { .. }, network: true, env, .. } = &steps[3].0 else { panic!("{:?}", steps[3]) };
        assert_eq!((env["HOME"].as_str(), env["USER"].as_str()), ("/home/al", "al"));
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((octal("0755"), octal("0o640"), octal("4755")), (Ok(0o755), Ok(0o640), Ok(0o4755)));
        for odd in ["u+x", "+755", "0999", "10000", ""] {
            assert!(matches!(octal(odd), Err(Error::Mode(_))), "{odd}");
        }
    }

    #[test]
    fn versions_are_asked_for_where_they_can_be() {
        let locked = BTreeMap::from([("gcc".to_owned(), "4:12-1".to_owned()), ("libc".to_owned(), "2".to_owned())]);
        let wants = ["gcc", "@group"].map(str::to_owned);
        assert_eq!(exactly(&wants, Some(&locked), Some("=")), ["@group", "gcc=4:12-1", "libc=2"]);
        assert_eq!(exactly(&wants, Some(&locked), Some("-")), ["@group", "gcc-4:12-1", "libc-2"]);
        assert_eq!(exactly(&wants, Some(&locked), None), wants);
        assert_eq!(exactly(&wants, None, Some("=")), wants);
    }

    #[test]
    fn long_steps_are_cut() {
        assert_eq!(short("make\nmake install\n"), "make …");
        assert_eq!(short(" make "), "make");
        assert_eq!(short(&"x".repeat(70)), format!("{} …", "x".repeat(60)));
    }
}
