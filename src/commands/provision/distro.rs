//! An image as a recipe describes it: from its sources in order, the first that answers.

use std::fs;
use std::io;
use std::time::SystemTime;

use super::progress::Shown;
use super::{blobs, client, debian, known_or, tree};
use crate::cli;
use crate::commands::{identity, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::AptMirror;
use crate::image::{Digest, Image, Provenance};
use crate::recipe::{Archive, Catalogue, Machine, Match, Resolved, Source};
use crate::source;
use crate::source::distro::{ArchiveOptions, Fetch, Fetched, FetchedFile, Form};

/// The keyring of the archive that the host's apt may have a mirror of.
const HOSTS_KEYRING: &str = "debian";

/// The recipes that the program carries, and before them the user's own.
pub(super) fn catalogue(context: &Context<'_>) -> Result<Catalogue> {
    let dir = context.host.dirs.config.join("recipes");
    let failed = |error: io::Error| Error::new(format!("cannot read {}: {error}", dir.display()));
    let mut own = Vec::new();
    match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    own.push((path.clone(), fs::read_to_string(&path).map_err(failed)?));
                }
            }
        }
    }
    own.sort();
    Ok(Catalogue::new(own))
}

pub(super) fn image(context: &Context<'_>, found: &Match<'_>, options: &cli::Source) -> Result<Digest> {
    let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
    known_or(context, &name(found, &resolved, options), || make(context, found, &resolved, options))
}

/// What the image is known by: the recipe's name and version, what a user's own recipe says, and the digest asked for.
fn name(found: &Match<'_>, resolved: &Resolved, options: &cli::Source) -> String {
    let own = found.file.map(|file| {
        let text = serde_json::to_vec(resolved).unwrap_or_default();
        format!(" {} {}", file.display(), Digest::of(&text).short())
    });
    let pin = options.digest.map(|digest| format!(" {digest}"));
    format!("{}{}{}", found.name(), own.unwrap_or_default(), pin.unwrap_or_default())
}

/// Asks one source after the other. One that has nothing to give is passed over, with a note; one that gives what cannot
/// be believed ends it all. If none has anything, the best one's reason is told.
fn make(context: &Context<'_>, found: &Match<'_>, resolved: &Resolved, options: &cli::Source) -> Result<Image> {
    let mut sources = resolved.sources.iter().filter(|source| fits(source, options)).peekable();
    let mut first = None;
    while let Some(source) = sources.next() {
        match from(context, found, resolved, source, options) {
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
fn fits(source: &Source, options: &cli::Source) -> bool {
    let archive = matches!(source, Source::Debian(_));
    (options.mirror.is_none() || archive) && (options.digest.is_none() || !archive)
}

fn texts(error: &Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn is_unavailable(error: &Error) -> bool {
    error.of::<source::Error>().is_some_and(source::Error::is_unavailable)
}

fn from(
    context: &Context<'_>,
    found: &Match<'_>,
    resolved: &Resolved,
    source: &Source,
    options: &cli::Source,
) -> Result<Image> {
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
        Fetched::File(file) => from_file(context, resolved, *file),
        Fetched::Debian(request) => debian::make(context, &request),
        Fetched::Oci(reference) => Err(Error::new(format!("{reference} is at a registry"))),
    }
}

/// What the user's words, and the host's apt, say of a package archive.
fn archive_options(source: &Source, options: &cli::Source) -> Result<ArchiveOptions> {
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

fn from_file(context: &Context<'_>, resolved: &Resolved, fetched: FetchedFile) -> Result<Image> {
    let FetchedFile { file, digest, form, origin, vouched } = fetched;
    context.ui.note(&format!("verified: {vouched}"));
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    let layer = layer_name(&digest, form, resolved);
    if !context.store.has_layer(&layer) {
        let staging = context.store.stage()?;
        let path = staging.layer()?;
        let report = tree::unpack(context, &identity, &path, file, form, &resolved.files)?;
        tree::set_up(context, &identity, &path, &resolved.setup)?;
        context.store.commit_layer(&staging, &layer, &report)?;
    }
    drop(janitor);
    let provenance = Provenance { origin, trust: vouched.to_string(), title: resolved.title.clone() };
    Ok(Image::new(vec![layer], provenance))
}

/// Names the layer by all that goes into it. A file that is unpacked as it is and no more gives the layer that it would
/// give as a tarball of the user's.
fn layer_name(file: &Digest, form: Form, resolved: &Resolved) -> Digest {
    let changed = !resolved.files.is_empty() || !resolved.setup.is_empty();
    if !changed && form == (Form::Tarball { strip: None }) {
        return *file;
    }
    let strip = if let Form::Tarball { strip } = form { strip } else { None };
    let recipe = serde_json::json!({ "file": file, "strip": strip, "files": resolved.files, "setup": resolved.setup });
    Digest::of(recipe.to_string().as_bytes())
}
