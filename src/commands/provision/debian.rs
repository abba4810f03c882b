//! An image from a package archive in Debian's format.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::finish::{Finish, told};
use super::progress::Shown;
use super::{Made, blobs, client};
use crate::commands::live::proof;
use crate::commands::{identity, layer, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Image, LayerRecord, Provenance};
use crate::launch::{self, Program};
use crate::plan::{self, HostPath, Step};
use crate::source::debian::{self, Bootstrap, Package, Request, Setup};
use crate::source::http::Client;
use crate::source::verify::Vouched;
use crate::source::{self, Trust};
use crate::store::Lease;
use crate::sys::root::{self, Open};
use crate::sys::socket;
use crate::unpack::{self, Deb, Root, Unpacked, dpkg};
use crate::userns;
use crate::userns::Identity;

/// Builds a system from a package archive, and finishes it as its recipe wants.
pub(super) fn make(context: &Context<'_>, request: &Request, finish: Finish<'_>, no_share: bool) -> Result<Made> {
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    context.ui.note(&format!("building {} {} from its package archive", request.title, request.suite));
    let shown = Shown::on(context.ui);
    let client = client(context);
    let bootstrap = debian::resolve(request, &client, &blobs(context), &shown)?;
    let vouched = bootstrap.provenance.vouched();
    let made = of(context, &identity, (&bootstrap, finish), &vouched, no_share);
    drop(janitor);
    made
}

/// Builds a system from a lock, whose digests vouch for it.
pub(super) fn locked(context: &Context<'_>, bootstrap: &Bootstrap, finish: Finish<'_>, no_share: bool) -> Result<Made> {
    let identity = identity::of(context)?;
    let janitor = sweep::afterwards(context, &identity)?;
    context.ui.note(&format!("building {} {} as it is locked", bootstrap.title, bootstrap.codename));
    let made = of(context, &identity, (bootstrap, finish), &Vouched::by(Trust::PinnedDigest), no_share);
    drop(janitor);
    made
}

fn of(
    context: &Context<'_>,
    identity: &Identity,
    (bootstrap, finish): (&Bootstrap, Finish<'_>),
    vouched: &Vouched,
    no_share: bool,
) -> Result<Made> {
    let layer = match context.store.lease(&finish.name_on(&bootstrap.key))? {
        Some(layer) => layer,
        None => build(context, identity, (bootstrap, finish), (&client(context), &Shown::on(context.ui)), no_share)?,
    };
    Ok((Image::new(vec![layer.layer()], provenance(bootstrap, vouched)), vec![layer]))
}

fn provenance(bootstrap: &Bootstrap, vouched: &Vouched) -> Provenance {
    let lists = bootstrap.provenance.lists.iter();
    let lists: Vec<String> = lists.map(|list| format!("{} {} {}", list.archive, list.suite, list.date)).collect();
    let version = bootstrap.version.as_deref().map(|version| format!("{version} ")).unwrap_or_default();
    Provenance {
        origin: lists.join("; "),
        trust: vouched.to_string(),
        title: format!("{} {version}({})", bootstrap.title, bootstrap.codename),
    }
}

/// Makes the layer: the packages are unpacked by a process in the namespace as they arrive, and configured at the end.
fn build(
    context: &Context<'_>,
    identity: &Identity,
    (bootstrap, finish): (&Bootstrap, Finish<'_>),
    (client, shown): (&Client, &Shown<'_>),
    no_share: bool,
) -> Result<Lease> {
    let setup = debian::setup(bootstrap);
    let staging = context.store.stage()?;
    let tree = staging.layer()?;
    let (hand_out, hand_in) = socket::pair().map_err(Error::new)?;
    let unpacking = userns::start(&proof()?, identity, |_| unpack_all(&tree, &setup, bootstrap, hand_in))?;
    let downloaded = bootstrap.download(client, &blobs(context), shown, &mut |package, file| {
        socket::send(&hand_out, package.name.as_bytes(), &[file])
    });
    // A message without a file is the last. Closing would not do: the unpacker was forked with this end open too.
    let downloaded = downloaded.map(|()| socket::send(&hand_out, b"-", NO_FILE));
    match downloaded {
        // If the unpacker has gone away, it knows why.
        Ok(_) | Err(source::Error::HandOn { .. }) => unpacking.finish()?,
        Err(error) => return Err(error.into()),
    }
    let root = Step::Directory { root: HostPath(tree) };
    // Until then dpkg has the files that are for people to change under other names.
    context.ui.note("configuring packages");
    run(context, identity, &root, (&setup, setup.script))?;
    finish.tree(context, identity, &staging)?;
    setup.steady.map(|steady| run(context, identity, &root, (&setup, steady))).transpose()?;
    let made = serde_json::json!({ "packages": bootstrap.packages, "provenance": bootstrap.provenance });
    let size = layer::seal(context, identity, &staging, no_share)?;
    let record = LayerRecord { diff_id: None, blob: None, size: Some(size), made };
    Ok(context.store.commit_layer(&staging, &finish.name_on(&bootstrap.key), &record)?)
}

const NO_FILE: &[File] = &[];

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot make the directory to unpack into")]
    Target(#[source] io::Error),
    #[error("cannot write {0}")]
    File(&'static str, #[source] io::Error),
    #[error("package {wanted} is {found} by its own account")]
    Another { wanted: String, found: String },
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
}

/// Refuses packages that are not what they were taken for: a digest says that a file is the right one, and a lock that was
/// written by hand may have the digest of another.
fn expect(wanted: &[Package], unpacked: &[Unpacked]) -> std::result::Result<(), Failure> {
    let of = |name: &str, version: &str| format!("{name} {version}");
    let mut wanted: Vec<String> = wanted.iter().map(|package| of(&package.name, &package.version)).collect();
    let mut found: Vec<String> =
        unpacked.iter().map(|package| of(package.package(), package.field("Version").unwrap_or_default())).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    let differs = wanted.into_iter().zip(found).find(|(wanted, found)| wanted != found);
    differs.map_or(Ok(()), |(wanted, found)| Err(Failure::Another { wanted, found }))
}

fn unpack_all(
    tree: &Path,
    setup: &Setup,
    bootstrap: &Bootstrap,
    packages: OwnedFd,
) -> std::result::Result<(), Failure> {
    fs::create_dir(tree).map_err(Failure::Target)?;
    let root = Root::confine(tree)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let unpacked = unpack::debs(&root, Arriving(packages).fuse(), threads, &|_| {})?;
    expect(&bootstrap.packages, &unpacked)?;
    dpkg::write_database(&root, &unpacked, &bootstrap.arch)?;
    let top = root::open_absolute(Path::new("/"), Open::Directory).map_err(Failure::Target)?;
    for file in &setup.files {
        let path = Path::new(file.path);
        let (dir, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or(OsStr::new("")));
        root::make_dirs(&top, dir, 0o755)
            .and_then(|dir| root::replace_file(&dir, name, &file.content, file.mode))
            .map_err(|source| Failure::File(file.path, source))?;
    }
    Ok(())
}

/// Packages as they come in over a socket.
struct Arriving(OwnedFd);

impl Iterator for Arriving {
    type Item = Deb;

    fn next(&mut self) -> Option<Deb> {
        let mut name = [0; 256];
        let (length, fds) = socket::receive(&self.0, &mut name).ok()?;
        let file = File::from(fds.into_iter().next()?);
        Some(Deb { package: String::from_utf8_lossy(&name[..length]).into_owned(), file })
    }
}

/// Runs one of the setup's scripts.
fn run(context: &Context<'_>, identity: &Identity, root: &Step, (setup, script): (&Setup, &str)) -> Result<()> {
    let env: Vec<(OsString, OsString)> = setup.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let plan = plan::bootstrap(root.clone(), None).map_err(Error::new)?;
    let program = Program { argv: &["/bin/sh", "-c", script], env: &env, user: None, network: true };
    let mut output = |bytes: &[u8]| told(context, bytes);
    Ok(launch::run_in(&proof()?, identity, &plan, None, &program, &mut output)?)
}
