//! Images as a lock has them, and what a lock is to say of what a name means now.

use std::time::SystemTime;

use super::finish::Finish;
use super::progress::Shown;
use super::wanted::Wanted;
use super::{How, Known, Made, blobs, client, debian, distro, find, known_or, registries, registry, tarball};
use crate::cli::Source;
use crate::commands::recipes;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Reference};
use crate::recipe::lock::{Added, Archive, Base, Deb, File, Needs, stays_below};
use crate::recipe::{self, Machine, Match, Resolved};
use crate::source;
use crate::source::debian::{Locked, Package};
use crate::source::distro::{ArchiveOptions, Fetch, Fetched, Form, archives};
use crate::source::tarball::Location;
use crate::store::ImageLease;
use crate::store::blobs::Blobs;

/// What a name means now.
#[derive(Debug)]
pub(in crate::commands) struct Fresh {
    /// What is to be locked of it.
    pub(in crate::commands) base: Base,
    /// What is to be on top of it, if that can be said without having it.
    pub(in crate::commands) added: Option<Added>,
    /// What packages need in certain versions, by name.
    pub(in crate::commands) needs: Needs,
}

/// What the lock says of something does not belong to it.
#[derive(Debug, thiserror::Error)]
enum Foreign {
    #[error("envbox.lock has {from} from {at}, which is not where its recipe has it from")]
    Place { from: String, at: String },
    #[error("envbox.lock has {from} as something else than its recipe has it")]
    Kind { from: String },
    #[error("{from} cannot be locked: it has no digest that it could be known by again")]
    Nameless { from: String },
}

/// Finds out what a name means now, and which packages `wants` are on top of it. A system that is built of packages is
/// only looked up; all others are fetched.
///
/// # Errors
/// Whatever keeps it from being found out.
pub(in crate::commands) fn fresh(
    context: &Context<'_>,
    from: &str,
    wants: &[String],
    options: &Source,
) -> Result<Fresh> {
    let recipes = recipes::catalogue(context.host, context.ui);
    if let Wanted::Distro(found) = Wanted::parse(from, &recipes)?
        && let Some(fresh) = fresh_archive(context, &found, wants, options)?
    {
        return Ok(fresh);
    }
    let image = find(context, from, How { options, known: Known::WillNot })?;
    let provenance = &image.image().provenance;
    let added = wants.is_empty().then_some(Added::Nothing);
    if let Some(reference) = provenance.origin.strip_prefix(registry::SCHEME) {
        return Ok(Fresh { base: Base::Image(reference.to_owned()), added, needs: Needs::new() });
    }
    let record = image.image().layers.first().map(|layer| context.store.layer_record(layer)).transpose()?;
    let digest = record.and_then(|record| record.blob);
    let digest = digest.ok_or_else(|| Error::new(Foreign::Nameless { from: from.to_owned() }))?;
    Ok(Fresh { base: Base::File(File { at: provenance.origin.clone(), digest }), added, needs: Needs::new() })
}

/// The system from the package archive that a recipe has before all else. Nothing, if it has none, or it cannot be had.
fn fresh_archive(
    context: &Context<'_>,
    found: &Match<'_>,
    wants: &[String],
    options: &Source,
) -> Result<Option<Fresh>> {
    let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
    let mut sources = resolved.sources.iter().filter(|source| distro::fits(source, options));
    let Some(source @ recipe::Source::Debian(_)) = sources.next() else { return Ok(None) };
    let (client, blobs, shown) = (client(context), blobs(context), Shown::on(context.ui));
    let archive = distro::archive_options(source, options)?;
    let fetch = fetch(found, &resolved, (&client, &blobs, &shown), &archive);
    let looked_up = fetch.source(source).and_then(|fetched| match fetched {
        Fetched::Debian(mut request) => {
            request.more = wants.to_vec();
            source::debian::resolve(&request, &client, &blobs, &shown).map(Some)
        }
        Fetched::File(_) | Fetched::Oci(_) => Ok(None),
    });
    match looked_up.map_err(Error::from) {
        Ok(bootstrap) => Ok(bootstrap.map(|bootstrap| {
            let (archive, debs) = source::debian::lock(&bootstrap);
            let added = if debs.is_empty() { Added::Nothing } else { Added::Debs(debs) };
            let all = bootstrap.packages.into_iter().chain(bootstrap.more);
            let needs = all.map(|package| (package.name, package.needs)).collect();
            Fresh { base: Base::Archive(archive), added: Some(added), needs }
        })),
        Err(error) if distro::is_unavailable(&error) && sources.next().is_some() => {
            context.ui.warning(&format!("{}: trying the recipe's next source", distro::texts(&error)));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The image that a lock has for a name. Nothing is looked up: what is not in the store is fetched by its digest, from
/// where the recipe of that name has it and from nowhere else.
///
/// # Errors
/// The lock and the recipe do not go together; or whatever keeps the image from being made.
pub(in crate::commands) fn locked(
    context: &Context<'_>,
    from: &str,
    base: &Base,
    options: &Source,
) -> Result<ImageLease> {
    let recipes = recipes::catalogue(context.host, context.ui);
    let wanted = Wanted::parse(from, &recipes)?;
    if let Wanted::Distro(found) = &wanted {
        let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
        let name = name(found, &resolved, base)?;
        return known_or(context, &name, Known::Will, || of_distro(context, found, &resolved, base, options));
    }
    let place = |at: &str| Error::new(Foreign::Place { from: from.to_owned(), at: at.to_owned() });
    match (wanted, base) {
        (Wanted::Registry(asked), Base::Image(image)) => of_registry(context, &asked, image, options, &place),
        (Wanted::Short(short, asked), Base::Image(image)) => {
            let alias = registries(context, options.plain_http).alias(short)?.transpose().map_err(Error::new)?;
            of_registry(context, alias.as_ref().unwrap_or(&asked), image, options, &place)
        }
        (Wanted::Archive { location, form, which }, Base::File(file)) => {
            let known = match &location {
                Location::Url(url) => *url == file.at,
                Location::Path(_) => true,
            };
            if !known {
                return Err(place(&file.at));
            }
            let pinned = pinned(options, file.digest);
            tarball::image(context, &location, form, &which, How { options: &pinned, known: Known::Will })
        }
        _ => Err(Error::new(Foreign::Kind { from: from.to_owned() })),
    }
}

/// What the image is known by: all that goes into it.
fn name(found: &Match<'_>, resolved: &Resolved, base: &Base) -> Result<String> {
    let whole = serde_json::to_vec(&(base, Finish::of(resolved))).map_err(Error::new)?;
    Ok(format!("{} locked {}", found.name(), Digest::of(&whole)))
}

fn of_registry(
    context: &Context<'_>,
    asked: &Reference,
    image: &str,
    options: &Source,
    place: &dyn Fn(&str) -> Error,
) -> Result<ImageLease> {
    let reference: Reference = image.parse().map_err(Error::new)?;
    if !same_repository(asked, &reference) {
        return Err(place(image));
    }
    registry::image(context, &reference, How { options, known: Known::Will })
}

fn same_repository(one: &Reference, other: &Reference) -> bool {
    (one.registry(), one.repository()) == (other.registry(), other.repository())
}

/// The user's options, with a digest.
fn pinned(options: &Source, digest: Digest) -> Source {
    Source {
        digest: Some(digest),
        overlay: options.overlay,
        mirror: None,
        plain_http: options.plain_http,
        allow_unverified: options.allow_unverified,
        ignore_valid_until: options.ignore_valid_until,
        no_share: options.no_share,
    }
}

fn of_distro(
    context: &Context<'_>,
    found: &Match<'_>,
    resolved: &Resolved,
    base: &Base,
    options: &Source,
) -> Result<Made> {
    let finish = Finish::of(resolved);
    let foreign = |at: &str| Error::new(Foreign::Place { from: found.name(), at: at.to_owned() });
    match base {
        Base::Recipe(_) => Err(Error::new(Foreign::Kind { from: found.name() })),
        Base::Archive(archive) => {
            let mirrors = mirrors(resolved, archive, options)?.ok_or_else(|| foreign(&in_words(archive)))?;
            let bootstrap = Locked { archive, more: &[], mirrors: &mirrors }.bootstrap();
            debian::locked(context, &bootstrap, finish, options.no_share)
        }
        Base::Image(image) => {
            let reference: Reference = image.parse().map_err(Error::new)?;
            let known = resolved.sources.iter().any(|source| match source {
                recipe::Source::Oci(oci) => oci.image.parse().is_ok_and(|asked| same_repository(&asked, &reference)),
                _ => false,
            });
            if !known {
                return Err(foreign(image));
            }
            let made = registry::make(context, &reference, How { options, known: Known::Will })?;
            finish.image(context, made, options)
        }
        Base::File(file) => {
            let form = form(resolved, &file.at).ok_or_else(|| foreign(&file.at))?;
            let (client, blobs, shown) = (client(context), blobs(context), Shown::on(context.ui));
            let none = ArchiveOptions::default();
            let fetched =
                fetch(found, resolved, (&client, &blobs, &shown), &none).pinned(&file.at, file.digest, form)?;
            distro::from_file(context, resolved, fetched, options)
        }
    }
}

/// The servers to ask for what a lock has, if all of its archives are the recipe's.
fn mirrors(resolved: &Resolved, archive: &Archive, options: &Source) -> Result<Option<Vec<(String, String)>>> {
    for source in &resolved.sources {
        let recipe::Source::Debian(known) = source else { continue };
        let known = archives(known, &distro::archive_options(source, options)?);
        let mut sites = archive.sites.iter();
        let all = sites.all(|site| {
            known.iter().any(|(own, _)| {
                let past = |url: &String| own.snapshot.as_ref().is_some_and(|base| is_below(url, &format!("{base}/")));
                own.base == site.at && site.snapshot.as_ref().is_none_or(past)
            })
        });
        if all {
            let pair = |own: &str, mirror: String| (own.to_owned(), mirror);
            let pairs = known.into_iter().flat_map(|(own, others)| {
                others.into_iter().map(move |mirror| pair(&own.base, mirror)).collect::<Vec<_>>()
            });
            return Ok(Some(pairs.collect()));
        }
    }
    Ok(None)
}

/// Whether a lock's URL is of something below a directory of the recipe's.
fn is_below(url: &str, dir: &str) -> bool {
    url.strip_prefix(dir).is_some_and(stays_below)
}

/// How a recipe's file holds the tree, if it is from one of the recipe's servers.
fn form(resolved: &Resolved, url: &str) -> Option<Form> {
    resolved.sources.iter().find_map(|source| match source {
        recipe::Source::Tarball(tarball) if tarball.at.iter().any(|at| is_below(url, at)) => {
            Some(Form::Tarball { strip: tarball.strip })
        }
        recipe::Source::Lxc(lxc) if is_below(url, &format!("{}/", lxc.server.trim_end_matches('/'))) => {
            Some(if url.ends_with(".squashfs") { Form::Squashfs } else { Form::Tarball { strip: Some(0) } })
        }
        _ => None,
    })
}

fn fetch<'a>(
    found: &'a Match<'_>,
    resolved: &'a Resolved,
    (client, blobs, progress): (&'a source::http::Client, &'a Blobs, &'a Shown<'_>),
    archive: &'a ArchiveOptions,
) -> Fetch<'a> {
    Fetch {
        client,
        blobs,
        progress,
        now: SystemTime::now(),
        pin: None,
        allow_unverified: false,
        title: &found.recipe.title,
        arch: &resolved.arch,
        archive,
    }
}

fn in_words(archive: &Archive) -> String {
    let sites: Vec<&str> = archive.sites.iter().map(|site| site.at.as_str()).collect();
    sites.join(", ")
}

/// Fetches packages that are to be on top of a locked system: `on_deb` gets each, from the cache or wherever it is.
///
/// # Errors
/// As [`locked`]; the first of `on_deb`'s.
pub(in crate::commands) fn debs(
    context: &Context<'_>,
    from: &str,
    archive: &Archive,
    more: &[Deb],
    options: &Source,
    on_deb: &mut dyn FnMut(&Package, std::fs::File) -> std::io::Result<()>,
) -> Result<()> {
    let recipes = recipes::catalogue(context.host, context.ui);
    let foreign = || Error::new(Foreign::Place { from: from.to_owned(), at: in_words(archive) });
    let Wanted::Distro(found) = Wanted::parse(from, &recipes)? else { return Err(foreign()) };
    let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
    let mirrors = mirrors(&resolved, archive, options)?.ok_or_else(foreign)?;
    let packages = Locked { archive, more, mirrors: &mirrors }.bootstrap().more;
    let (client, blobs, shown) = (client(context), blobs(context), Shown::on(context.ui));
    Ok(source::debian::fetch(&packages, &client, &blobs, &shown, on_deb)?)
}

/// The image that a lock has for a name, if the store has it. Nothing is locked or fetched.
///
/// # Errors
/// The store's; a name that means nothing.
pub(in crate::commands) fn known_locked(context: &Context<'_>, from: &str, base: &Base) -> Result<Option<ImageLease>> {
    let recipes = recipes::catalogue(context.host, context.ui);
    match (Wanted::parse(from, &recipes)?, base) {
        (Wanted::Distro(found), _) => {
            let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
            Ok(context.store.resolve(&name(&found, &resolved, base)?)?)
        }
        (Wanted::Registry(_) | Wanted::Short(..), Base::Image(image)) => {
            let reference: Reference = image.parse().map_err(Error::new)?;
            Ok(context.store.resolve(&reference.to_string())?)
        }
        (_, Base::File(file)) => super::known(context, from, &pinned(&Source::default(), file.digest)),
        _ => Ok(None),
    }
}

/// The digest of what is at a URL now.
///
/// # Errors
/// It cannot be had; nothing vouches for it, and that is not allowed.
pub(in crate::commands) fn digest_of(context: &Context<'_>, url: &str, options: &Source) -> Result<Digest> {
    let (location, shown) = (Location::Url(url.to_owned()), Shown::on(context.ui));
    location.demand(None, options.allow_unverified, &shown)?;
    let fetched = source::tarball::fetch(&location, None, &client(context), &blobs(context), &shown)?;
    fetched.digest.ok_or_else(|| Error::new(Foreign::Nameless { from: url.to_owned() }))
}
