//! A package archive of Debian's family, from a recipe's words for it.

use super::keys::keyring;
use super::{ArchiveOptions, Fetch, Texts};
use crate::recipe::{Also, Archive};
use crate::source::Error;
use crate::source::debian::{Companion, Own, Request, Suite};

impl Fetch<'_> {
    /// What to ask of the archive: a request that the user's own mirrors are filled in to.
    pub(super) fn debian(&self, archive: &Archive) -> Result<Request, Error> {
        let own = self.archive;
        let session = self.client.session()?;
        let texts = Texts::below("", &session, self.blobs, self.progress);
        let companion = |also: &Also| {
            let elsewhere = own.security.as_ref().filter(|_| !also.at.is_empty());
            Ok(Companion {
                suite: Suite::parse(&also.suite)?,
                archives: elsewhere.map_or_else(|| also.at.clone(), |mirror| vec![mirror.clone()]),
                own: own_name(&also.at, also.snapshot.as_ref()),
            })
        };
        Ok(Request {
            title: self.title.to_owned(),
            archives: own.mirror.as_ref().map_or_else(|| archive.at.clone(), |mirror| vec![mirror.clone()]),
            suite: Suite::parse(&archive.suite)?,
            companions: archive.also.iter().map(companion).collect::<Result<_, Error>>()?,
            components: archive.components.clone(),
            arch: self.arch.to_owned(),
            ignore_valid_until: own.ignore_valid_until,
            include: archive.include.clone(),
            own: own_name(&archive.at, archive.snapshot.as_ref()),
            more: Vec::new(),
            keyring: keyring(&texts, &archive.keyring, &archive.keys)?,
            keyring_package: archive.keyring_package.clone(),
            now: self.now,
        })
    }
}

/// What the archive is called by its recipe: its first server.
fn own_name(at: &[String], snapshot: Option<&String>) -> Option<Own> {
    let base = at.first()?.trim_end_matches('/').to_owned();
    Some(Own { base, snapshot: snapshot.map(|url| url.trim_end_matches('/').to_owned()) })
}

/// The archives that a recipe has packages from, each with the servers to ask instead, as the user has it.
pub fn archives(archive: &Archive, options: &ArchiveOptions) -> Vec<(Own, Vec<String>)> {
    let of = |at: &[String], snapshot: Option<&String>, mirror: Option<&String>| {
        let others = mirror.map_or_else(|| at.get(1..).unwrap_or_default().to_vec(), |mirror| vec![mirror.clone()]);
        Some((own_name(at, snapshot)?, others))
    };
    let first = of(&archive.at, archive.snapshot.as_ref(), options.mirror.as_ref());
    let elsewhere = archive.also.iter().filter(|also| !also.at.is_empty());
    let also = elsewhere.filter_map(|also| of(&also.at, also.snapshot.as_ref(), options.security.as_ref()));
    first.into_iter().chain(also).collect()
}
