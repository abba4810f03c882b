//! Some packages of a lock brought up to date, and the others left alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Added, Archive, Base, Deb, Locked, Site};

/// What packages need in certain versions, by name.
pub type Needs = BTreeMap<String, Vec<String>>;

/// Some packages cannot be brought up to date by themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// Only the whole of it can.
    #[error("{0} is not built of packages that have files of their own: it can only be brought up to date as a whole")]
    Whole(String),
    /// There is none of that name, neither locked nor to be.
    #[error("there is no package `{}` in the lock", .0.escape_debug())]
    NoPackage(String),
}

impl Locked {
    /// What `new` has, with the packages as they are in this, but for those of these names and all that goes along: what
    /// they need in another version than before, and what is made of the same source, since such packages often fit
    /// together in one version only.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub fn with(&self, new: &Self, names: &[String], needs: &Needs) -> Result<Self, UpgradeError> {
        let (Some(old), Some(archive)) = (self.archive(), new.archive()) else {
            return Err(UpgradeError::Whole(self.from.clone()));
        };
        let (olds, news) = (by_name(self), by_name(new));
        if let Some(name) =
            names.iter().find(|name| !olds.contains_key(name.as_str()) && !news.contains_key(name.as_str()))
        {
            return Err(UpgradeError::NoPackage(name.clone()));
        }
        let taken = taken(names, needs, &olds, &news);
        let mut merge = Merge { olds, news, taken, archives: (old, archive), sites: Vec::new() };
        let mut merged = merge.locked(Some(self), new);
        if let Some(archive) = merged.archive_mut() {
            archive.sites = merge.sites;
        }
        Ok(merged)
    }

    /// What `new` has, which is for a recipe that asks for something else, with the packages as they are in this as far as
    /// possible.
    ///
    /// # Errors
    /// [`UpgradeError::Whole`].
    pub fn amended(&self, new: &Self, names: &[String], needs: &Needs) -> Result<Self, UpgradeError> {
        let (olds, news) = (by_name(self), by_name(new));
        let is_other = |(name, deb): (&&str, &&Deb)| olds.get(name).is_some_and(|old| old.digest != deb.digest);
        if names.is_empty() && self.archive().is_some() && !news.iter().any(is_other) {
            return Ok(new.clone());
        }
        let wants = all_wants(new);
        let gone = all_wants(self).into_iter().filter(|name| !wants.contains(name) && !news.contains_key(name));
        let gone = gone.filter(|name| olds.contains_key(name));
        let added = news.keys().filter(|name| !olds.contains_key(*name)).copied();
        let names: Vec<String> = added.chain(gone).map(str::to_owned).chain(names.iter().cloned()).collect();
        self.with(new, &names, needs)
    }

    fn archive_mut(&mut self) -> Option<&mut Archive> {
        match &mut self.base {
            Base::Archive(archive) => Some(archive),
            Base::Recipe(below) => below.archive_mut(),
            Base::Image(_) | Base::File(_) => None,
        }
    }
}

fn all_wants(locked: &Locked) -> Vec<&str> {
    let below = locked.below().map(all_wants).unwrap_or_default();
    below.into_iter().chain(locked.wants.iter().map(String::as_str)).collect()
}

fn by_name(locked: &Locked) -> BTreeMap<&str, &Deb> {
    locked.debs().into_iter().map(|deb| (deb.name.as_str(), deb)).collect()
}

/// The names of what is to be as it is now.
fn taken<'a>(
    names: &'a [String],
    needs: &'a Needs,
    olds: &BTreeMap<&'a str, &'a Deb>,
    news: &BTreeMap<&'a str, &'a Deb>,
) -> BTreeSet<String> {
    // What only one of the two has came or went with some package that is no longer the same; it is left to that.
    let mut taken = BTreeSet::new();
    let mut queue: Vec<&str> = names.iter().map(String::as_str).collect();
    while let Some(name) = queue.pop() {
        let same = olds.get(name).map(|deb| deb.digest) == news.get(name).map(|deb| deb.digest);
        if same || !taken.insert(name.to_owned()) {
            continue;
        }
        queue.extend(needs.get(name).into_iter().flatten().map(String::as_str));
        let source = |deb: &Deb| deb.file.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        let own = news.get(name).or(olds.get(name)).and_then(|deb| source(deb));
        let beside = news.iter().chain(olds).filter(|(_, deb)| own.is_some() && source(deb) == own);
        queue.extend(beside.map(|(name, _)| *name));
    }
    taken
}

/// Two locks becoming one.
struct Merge<'a> {
    olds: BTreeMap<&'a str, &'a Deb>,
    news: BTreeMap<&'a str, &'a Deb>,
    taken: BTreeSet<String>,
    archives: (&'a Archive, &'a Archive),
    /// The sites of what is kept and of what came, each as it was when its packages were looked up.
    sites: Vec<Site>,
}

impl Merge<'_> {
    fn locked(&mut self, old: Option<&Locked>, new: &Locked) -> Locked {
        let base = match &new.base {
            Base::Archive(archive) => {
                let olds = match old.map(|old| &old.base) {
                    Some(Base::Archive(old)) => &old.packages[..],
                    _ => &[],
                };
                Base::Archive(Archive { packages: self.debs(olds, &archive.packages), ..archive.clone() })
            }
            Base::Recipe(below) => Base::Recipe(Box::new(self.locked(old.and_then(Locked::below), below))),
            other => other.clone(),
        };
        let debs = self.debs(old.map_or(&[], |old| old.packages.debs()), new.packages.debs());
        let packages = if debs.is_empty() { Added::Nothing } else { Added::Debs(debs) };
        Locked { base, packages, ..new.clone() }
    }

    /// The packages of one of the recipes. What both locks have is where the new one has it.
    fn debs(&mut self, olds: &[Deb], news: &[Deb]) -> Vec<Deb> {
        let mut debs = Vec::new();
        for deb in news {
            let name = deb.name.as_str();
            if self.taken.contains(name) {
                debs.push(self.place(deb, self.archives.1));
            } else if let Some(old) = self.olds.get(name).copied() {
                debs.push(self.place(old, self.archives.0));
            }
        }
        for deb in olds {
            let name = deb.name.as_str();
            if !self.taken.contains(name) && !self.news.contains_key(name) {
                debs.push(self.place(deb, self.archives.0));
            }
        }
        debs.sort_by(|one, other| one.name.cmp(&other.name));
        debs
    }

    fn place(&mut self, deb: &Deb, of: &Archive) -> Deb {
        let Some(site) = of.sites.get(deb.site) else { return deb.clone() };
        let place = self.sites.iter().position(|known| known == site).unwrap_or_else(|| {
            self.sites.push(site.clone());
            self.sites.len() - 1
        });
        Deb { site: place, ..deb.clone() }
    }
}
