//! Packages by the distribution's own package manager, and which versions came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::chain::{Chain, Planned};
use super::engine::{Engine, Room};
use super::failed::told;
use super::show::Shown;
use crate::build::{By, Step};
use crate::commands::live::{self, proof};
use crate::commands::{identity, layer, sweep};
use crate::error::{Error, Result};
use crate::plan::{self, BoxPath, Provided};
use crate::recipe::lock::{Version, Versions};
use crate::store::PackageCache;
use crate::sys::root::{self, Open};
use crate::userns::{self, Identity};

/// Packages, and the versions that there are of them.
type Installed = BTreeMap<String, String>;

/// Bytes at the most of what a package manager has to say of its packages: those of all of Debian would be some 3 MB.
const LONGEST: usize = 16 << 20;

/// The package manager has installed something else than is locked.
#[derive(Debug, thiserror::Error)]
#[error("packages are not as envbox.lock has them: {0}")]
struct Drifted(String);

impl Engine<'_> {
    /// Installs packages, and sees to it that they are those that are locked, where any are.
    pub(super) fn install(
        &self,
        chain: &Chain<'_>,
        step: &Step,
        identity: &Identity,
        (root, fuse, provided): (plan::Step, Option<&Path>, Vec<Provided>),
        (cache, shown): (Option<&PackageCache>, &Shown<'_>),
    ) -> Result<()> {
        let Step::Packages { locked, .. } = step else { return Ok(()) };
        let room = Room { root, fuse, provided, binds: binds(chain, cache)?, network: true, by: &By::Root };
        let Some(locked) = locked else { return self.refresh_and_install(step, identity, &room, shown) };
        let came = self.came_of(chain, step, identity, &room, shown)?;
        let differences = differences(locked, &came);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::new(Drifted(differences.join("; "))).hint("envbox lock --upgrade"))
    }

    /// Installs the packages of the chain's first step on its base, in a root that nobody keeps, and says what came of it.
    /// Nothing, where the package manager has no words for that.
    pub(super) fn resolved(&self, chain: &Chain<'_>) -> Result<Option<Versions>> {
        let (Some(planned), Some(manager)) = (chain.steps.first(), &chain.manager) else { return Ok(None) };
        if manager.words.versions.is_empty() {
            return Ok(None);
        }
        let (context, identity) = (self.context, identity::of(self.context)?);
        let _janitor = sweep::afterwards(context, &identity)?;
        let (staging, shown) = (context.store.stage()?, Shown::new(context.ui, (1, 1), &planned.step));
        let cache = self.package_cache(chain, planned, &identity)?;
        let started = Instant::now();
        shown.begin();
        let came = live::on_overlay(context, self.overlay.get(), |fuse| {
            let root = layer::on_others(context, &chain.base.image().layers, &staging, fuse.is_some())?;
            let binds = binds(chain, cache.as_ref())?;
            let provided = self.provided(&planned.step, &chain.base.image().layers);
            let room = Room { root, fuse: fuse.as_deref(), provided, binds, network: true, by: &By::Root };
            self.came_of(chain, &planned.step, &identity, &room, &shown)
        });
        shown.end(started.elapsed(), came.is_ok());
        let came = came.map_err(|error| told(error, planned.step.to_string()))?;
        let packages = came.into_iter().map(|(name, version)| Version { name, version }).collect();
        let manager = manager.words.install.first().cloned().unwrap_or_default();
        Ok(Some(Versions { manager, packages }))
    }

    /// Installs packages; what is there in another version than before, or was not there at all.
    fn came_of(
        &self,
        chain: &Chain<'_>,
        step: &Step,
        identity: &Identity,
        room: &Room<'_>,
        shown: &Shown<'_>,
    ) -> Result<Installed> {
        let before = self.installed(chain, step, identity, room)?;
        self.refresh_and_install(step, identity, room, shown)?;
        let mut after = self.installed(chain, step, identity, room)?;
        after.retain(|name, version| before.get(name) != Some(version));
        Ok(after)
    }

    fn refresh_and_install(&self, step: &Step, identity: &Identity, room: &Room<'_>, shown: &Shown<'_>) -> Result<()> {
        let Step::Packages { packages, refresh, install, env, .. } = step else { return Ok(()) };
        let install: Vec<String> = install.iter().chain(packages).cloned().collect();
        for words in [refresh, &install].into_iter().filter(|words| !words.is_empty()) {
            self.run_to(identity, room.clone(), &found(words), env, &mut |bytes| shown.printed(bytes))?;
        }
        Ok(())
    }

    /// The packages in a root, by its package manager's account.
    fn installed(&self, chain: &Chain<'_>, step: &Step, identity: &Identity, room: &Room<'_>) -> Result<Installed> {
        let (Some(manager), Step::Packages { env, .. }) = (&chain.manager, step) else { return Ok(Installed::new()) };
        let (mut text, room) = (Vec::new(), Room { network: false, ..room.clone() });
        let mut keep = |bytes: &[u8]| {
            let room = LONGEST.saturating_sub(text.len());
            text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        };
        self.run_to(identity, room, &found(&manager.words.versions), env, &mut keep)?;
        Ok(Versions::parse(&String::from_utf8_lossy(&text)))
    }

    /// What is kept for the package manager, where packages are installed.
    pub(super) fn package_cache(
        &self,
        chain: &Chain<'_>,
        planned: &Planned,
        identity: &Identity,
    ) -> Result<Option<PackageCache>> {
        let (Step::Packages { .. }, Some(manager)) = (&planned.step, &chain.manager) else { return Ok(None) };
        let waiting = || self.context.ui.note("waiting for another envbox that is installing packages of this system");
        let cache = self.context.store.package_cache(&manager.name, waiting)?;
        let dirs: Vec<_> = manager.words.keep.iter().map(|path| cache.dir(Path::new(path))).collect();
        if dirs.iter().any(|dir| !dir.exists()) {
            userns::run(&proof()?, identity, |_| dirs.iter().try_for_each(|dir| make_dir(dir)))?;
        }
        Ok(Some(cache))
    }
}

fn binds(chain: &Chain<'_>, cache: Option<&PackageCache>) -> Result<Vec<(PathBuf, BoxPath)>> {
    let (Some(manager), Some(cache)) = (&chain.manager, cache) else { return Ok(Vec::new()) };
    let bind = |path: &String| Ok((cache.dir(Path::new(path)), BoxPath::new(path).map_err(Error::new)?));
    manager.words.keep.iter().map(bind).collect()
}

/// What is locked and did not come, and what came and is not locked.
fn differences(locked: &Installed, came: &Installed) -> Vec<String> {
    let missing = locked.iter().filter_map(|(name, version)| match came.get(name) {
        Some(found) if found == version => None,
        Some(found) => Some(format!("{name} is {found}, and {version} is locked")),
        None => Some(format!("{name} {version} is locked, and was not installed")),
    });
    let more = came.iter().filter(|(name, _)| !locked.contains_key(*name));
    missing.chain(more.map(|(name, version)| format!("{name} {version} is not locked"))).collect()
}

/// A package manager by its name is for the shell to find.
fn found(words: &[String]) -> Vec<String> {
    let exec = ["/bin/sh", "-c", "exec \"$0\" \"$@\""].map(str::to_owned);
    exec.into_iter().chain(words.iter().cloned()).collect()
}

fn make_dir(dir: &Path) -> std::io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }?;
    // Whatever the umask was: others than root, such as apt's own user, are to read it.
    crate::sys::fs::set_mode(root::open_absolute(dir, Open::Directory)?, 0o755)
}
