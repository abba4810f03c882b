//! Some packages of a lock brought up to date, and the others left alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Added, Archive, Base, Deb, Locked, Site};

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
    /// This, with the packages of these names as `new` has them, and with all that goes along: what they need in another
    /// version than before, by name, and what is made of the same source, since such packages often fit together in one
    /// version only.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub fn with(
        &self,
        new: &Self,
        names: &[String],
        needs: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, UpgradeError> {
        let (Base::Archive(old), Base::Archive(archive)) = (&self.base, &new.base) else {
            return Err(UpgradeError::Whole(self.from.clone()));
        };
        let olds = by_name(old, &self.packages);
        let news = by_name(archive, &new.packages);
        if let Some(name) =
            names.iter().find(|name| !olds.contains_key(name.as_str()) && !news.contains_key(name.as_str()))
        {
            return Err(UpgradeError::NoPackage(name.clone()));
        }
        let taken = taken(names, needs, &olds, &news);
        let mut sites = Sites { all: Vec::new() };
        let mut merged = |olds: &[Deb], news: &[Deb]| {
            let kept = olds.iter().filter(|deb| !taken.contains(deb.name.as_str())).map(|deb| (deb, old));
            let came = news.iter().filter(|deb| taken.contains(deb.name.as_str())).map(|deb| (deb, archive));
            let mut debs: Vec<Deb> = kept.chain(came).map(|(deb, of)| sites.place(deb, of)).collect();
            debs.sort_by(|one, other| one.name.cmp(&other.name));
            debs
        };
        let packages = merged(&old.packages, &archive.packages);
        let debs = merged(self.packages.debs(), new.packages.debs());
        let packages = Archive { packages, sites: sites.all, ..archive.clone() };
        let added = if debs.is_empty() { Added::Nothing } else { Added::Debs(debs) };
        Ok(Self { base: Base::Archive(packages), packages: added, ..self.clone() })
    }
}

fn by_name<'a>(archive: &'a Archive, added: &'a Added) -> BTreeMap<&'a str, &'a Deb> {
    archive.packages.iter().chain(added.debs()).map(|deb| (deb.name.as_str(), deb)).collect()
}

/// The names of what is to be as it is now.
fn taken<'a>(
    names: &'a [String],
    needs: &'a BTreeMap<String, Vec<String>>,
    olds: &BTreeMap<&'a str, &'a Deb>,
    news: &BTreeMap<&'a str, &'a Deb>,
) -> BTreeSet<&'a str> {
    // What only one of the two has came or went with some package that is no longer the same; it is left to that.
    let mut taken = BTreeSet::new();
    let mut queue: Vec<&str> = names.iter().map(String::as_str).collect();
    while let Some(name) = queue.pop() {
        if olds.get(name).map(|deb| deb.digest) == news.get(name).map(|deb| deb.digest) || !taken.insert(name) {
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

/// The sites of what is kept and of what came, each as it was when its packages were looked up.
struct Sites {
    all: Vec<Site>,
}

impl Sites {
    fn place(&mut self, deb: &Deb, of: &Archive) -> Deb {
        let Some(site) = of.sites.get(deb.site) else { return deb.clone() };
        let place = self.all.iter().position(|known| known == site).unwrap_or_else(|| {
            self.all.push(site.clone());
            self.all.len() - 1
        });
        Deb { site: place, ..deb.clone() }
    }
}
