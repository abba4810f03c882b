//! An image as a recipe describes it: from its sources in order, the first that answers.

use std::time::SystemTime;

use super::finish::Finish;
use super::progress::Shown;
use super::{How, Made, blobs, bundle, client, debian, known_or, registry, tree, wanted};
use crate::cli;
use crate::commands::{identity, layer, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::AptMirror;
use crate::image::{Digest, Image, LayerRecord, Provenance};
use crate::recipe::{Archive, Machine, Match, Resolved, Source};
use crate::source;
use crate::source::distro::{ArchiveOptions, Fetch, Fetched, FetchedFile, Form};
use crate::source::layout::Which;
use crate::store::ImageLease;

/// The keyring of the archive that the host's apt may have a mirror of.
const HOSTS_KEYRING: &str = "debian";

pub(super) fn image(context: &Context<'_>, found: &Match<'_>, how: How<'_>) -> Result<ImageLease> {
    let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
    known_or(context, &name(found, &resolved, how.options), how.known, || make(context, found, &resolved, how))
}

/// What the image is known by: the recipe's name and version, what a user's own recipe says, and the digest asked for.
fn name(found: &Match<'_>, resolved: &Resolved, options: &cli::Source) -> String {
    let own = found.file.map(|file| {
        let text = serde_json::to_vec(&(file, resolved)).unwrap_or_default();
        format!(" {}", Digest::of(&text).short())
    });
    let pin = options.digest.map(|digest| format!(" {digest}"));
    format!("{}{}{}", found.name(), own.unwrap_or_default(), pin.unwrap_or_default())
}

/// Asks one source after the other. One that has nothing to give is passed over, with a note; one that gives what cannot
/// be believed ends it all. If none has anything, the best one's reason is told.
fn make(context: &Context<'_>, found: &Match<'_>, resolved: &Resolved, how: How<'_>) -> Result<Made> {
    let options = how.options;
    let mut sources = resolved.sources.iter().filter(|source| fits(source, options)).peekable();
    let mut first = None;
    while let Some(source) = sources.next() {
        match from(context, found, resolved, source, how) {
            Err(error) if is_unavailable(&error) => {
                if sources.peek().is_some() {
                    context.ui.warning(&format!("{}: trying the recipe's next source", texts(&error)));
                }
                first.get_or_insert(error);
            }
            outcome => return outcome,
        }
    }
    Err(first.unwrap_or_else(|| match options.digest {
        Some(_) => Error::new(format!("{} is built of packages, which have digests of their own", resolved.title)),
        None => Error::new(format!("{} has no package archive that could have a mirror", resolved.title)),
    }))
}

/// A mirror is of a package archive; a digest is of anything but that.
pub(super) fn fits(source: &Source, options: &cli::Source) -> bool {
    let archive = matches!(source, Source::Debian(_));
    (options.mirror.is_none() || archive) && (options.digest.is_none() || !archive)
}

pub(super) fn texts(error: &Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(super) fn is_unavailable(error: &Error) -> bool {
    error.of::<source::Error>().is_some_and(source::Error::is_unavailable)
}

fn from(context: &Context<'_>, found: &Match<'_>, resolved: &Resolved, source: &Source, how: How<'_>) -> Result<Made> {
    let (options, finish) = (how.options, Finish::of(resolved));
    let shown = Shown::on(context.ui);
    let (client, blobs) = (client(context), blobs(context));
    let fetch = Fetch {
        client: &client,
        blobs: &blobs,
        progress: &shown,
        now: SystemTime::now(),
        pin: options.digest,
        allow_unverified: options.allow_unverified,
        title: &found.recipe.title,
        arch: &resolved.arch,
        archive: &archive_options(source, options)?,
    };
    match fetch.source(source)? {
        Fetched::File(file) => from_file(context, resolved, *file, options),
        Fetched::Debian(request) => debian::make(context, &request, finish, options.no_share),
        Fetched::Oci(reference) => finish.image(context, registry::make(context, &reference, how)?, options),
    }
}

/// What the user's words, and the host's apt, say of a package archive.
pub(super) fn archive_options(source: &Source, options: &cli::Source) -> Result<ArchiveOptions> {
    let mut asked = ArchiveOptions {
        mirror: options.mirror.clone(),
        security: None,
        ignore_valid_until: options.ignore_valid_until,
    };
    if let Source::Debian(Archive { keyring, .. }) = source
        && keyring == HOSTS_KEYRING
        && asked.mirror.is_none()
    {
        AptMirror { archive: asked.mirror, security: asked.security } = AptMirror::configured()?;
    }
    Ok(asked)
}

pub(super) fn from_file(
    context: &Context<'_>,
    resolved: &Resolved,
    fetched: FetchedFile,
    options: &cli::Source,
) -> Result<Made> {
    let finish = Finish::of(resolved);
    let FetchedFile { mut file, digest, form, origin, vouched } = fetched;
    if bundle::is_one(&mut file)? {
        let told = (origin, vouched.to_string());
        let made = bundle::image(context, file, told, wanted::Form::Any, &Which::Only, options.no_share)?;
        return finish.image(context, made, options);
    }
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    let name = finish.name_on(&layer_name(&digest, form));
    let layer = match context.store.lease(&name)? {
        Some(layer) => layer,
        None => {
            let staging = context.store.stage()?;
            let report = tree::unpack(context, &identity, &staging, file, form)?;
            finish.tree(context, &identity, &staging)?;
            let size = layer::seal(context, &identity, &staging, options.no_share)?;
            let made = serde_json::to_value(&report).map_err(Error::new)?;
            let record = LayerRecord { diff_id: None, blob: Some(digest), size: Some(size), made };
            context.store.commit_layer(&staging, &name, &record)?
        }
    };
    drop(janitor);
    let provenance = Provenance { origin, trust: vouched.to_string(), title: resolved.title.clone() };
    Ok((Image::new(vec![layer.layer()], provenance), vec![layer]))
}

/// Names the tree by what goes into it. A file that is unpacked as it is gives the layer that it would give as a tarball of
/// the user's.
fn layer_name(file: &Digest, form: Form) -> Digest {
    match form {
        Form::Tarball { strip: Some(strip) } => Digest::of(format!("{file} without {strip}").as_bytes()),
        Form::Tarball { strip: None } | Form::Squashfs => *file,
    }
}
