//! Makes the layers that are missing, one after the other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::chain::{Chain, Planned};
use super::failed;
use super::normalised::{self, Lent};
use super::show::Shown;
use super::written::{self, Source, Target};
use super::{Options, aftermath, remote};
use crate::build::{By, DEBS, Step};
use crate::cli;
use crate::commands::janitor::Janitor;
use crate::commands::live::{self, proof};
use crate::commands::{identity, layer, provision, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, LayerRecord};
use crate::launch::{self, Program};
use crate::net::LOOPBACK_HOSTS;
use crate::plan::{self, BoxPath, Person, Provided, Workshop};
use crate::recipe::Overlay;
use crate::source::tarball::Location;
use crate::store::{Lease, PackageCache, Staging};
use crate::sys::root::{self, Open};
use crate::userns::{self, Identity};

/// What layers are made with.
pub(super) struct Engine<'a> {
    pub(super) context: &'a Context<'a>,
    source: &'a cli::Source,
    options: &'a Options,
    pub(super) overlay: Cell<Overlay>,
}

/// Layers that were made, and how many were there.
pub(super) struct Made {
    pub(super) leases: Vec<Lease>,
    pub(super) known: usize,
}

impl<'a> Engine<'a> {
    pub(super) fn new(context: &'a Context<'a>, source: &'a cli::Source, options: &'a Options) -> Self {
        let overlay = Cell::new(source.overlay.map_or(Overlay::Auto, Into::into));
        Self { context, source, options, overlay }
    }

    /// The layers of all steps; those that are not there are made.
    pub(super) fn layers(&self, chain: &Chain<'_>) -> Result<Made> {
        let mut made = Made { leases: Vec::new(), known: 0 };
        let mut below = chain.base.image().layers.clone();
        let mut means: Option<(Identity, Janitor)> = None;
        for (index, planned) in chain.steps.iter().enumerate() {
            let shown = Shown::new(self.context.ui, (index + 1, chain.steps.len()), &planned.step);
            let lease = match self.context.store.lease(&planned.key)? {
                Some(lease) => {
                    shown.known();
                    made.known += 1;
                    lease
                }
                None => {
                    let (identity, _) = match &means {
                        Some(means) => means,
                        None => {
                            let identity = identity::of(self.context)?;
                            let janitor = sweep::afterwards(self.context, &identity)?;
                            means.insert((identity, janitor))
                        }
                    };
                    let (lease, known) = self.layer(chain, planned, &below, identity, &shown)?;
                    made.known += usize::from(known);
                    lease
                }
            };
            below.push(planned.key);
            made.leases.push(lease);
        }
        Ok(made)
    }

    /// Makes a layer, unless another envbox is just making it: then it is waited for. Says whether it was there.
    fn layer(
        &self,
        chain: &Chain<'_>,
        planned: &Planned,
        below: &[Digest],
        identity: &Identity,
        shown: &Shown<'_>,
    ) -> Result<(Lease, bool)> {
        let store = &self.context.store;
        let waiting = || self.context.ui.note("waiting for another envbox that is building this step");
        let lock = store.lock_name(&format!("layer {}", planned.key), waiting)?;
        if let Some(lease) = store.lease(&planned.key)? {
            shown.known();
            return Ok((lease, true));
        }
        let started = Instant::now();
        shown.begin();
        let staging = store.stage()?;
        let cache = self.package_cache(chain, planned, identity)?;
        let carried_out = self.carry_out(chain, planned, (below, &staging), identity, (cache.as_ref(), shown));
        shown.end(started.elapsed(), carried_out.is_ok());
        if let Err(error) = carried_out {
            // Others need not wait for whoever looks at what has failed.
            drop((lock, cache));
            return Err(self.failed(error, chain, planned, (below, &staging), identity));
        }
        let upper = staging.path().join("layer/fs");
        let provided = self.provided(&planned.step, below);
        let mounted = chain.manager.as_ref().map(|manager| manager.words.keep.as_slice()).unwrap_or_default();
        let lent = (!matches!(planned.step, Step::Copy { .. })).then_some(Lent { provided: &provided, mounted });
        userns::run(&proof()?, identity, |_| normalised::normalise(&upper, lent.as_ref()))?;
        let size = layer::seal(self.context, identity, &staging, self.source.no_share)?;
        let made = serde_json::json!({ "on": below, "step": planned.step });
        let record = LayerRecord { diff_id: None, blob: None, size: Some(size), made };
        Ok((store.commit_layer(&staging, &planned.key, &record)?, false))
    }

    /// Does what the step says to a staged layer.
    fn carry_out(
        &self,
        chain: &Chain<'_>,
        planned: &Planned,
        (below, staging): (&[Digest], &Staging),
        identity: &Identity,
        (cache, shown): (Option<&PackageCache>, &Shown<'_>),
    ) -> Result<()> {
        let debs = self.debs(chain, planned, staging)?;
        live::on_overlay(self.context, self.overlay.get(), |fuse| {
            if fuse.is_some() {
                // What the kernel refuses once it refuses each time.
                self.overlay.set(Overlay::Fuse);
            }
            let root = layer::on_others(self.context, below, staging, fuse.is_some())?;
            let fuse = fuse.as_deref();
            let provided = self.provided(&planned.step, below);
            match &planned.step {
                Step::Copy { content, to, mode } => {
                    let target = Target { to, mode: *mode, content };
                    self.copy(chain, planned, target, identity, (root, fuse))
                }
                Step::Packages { .. } => {
                    self.install(chain, &planned.step, identity, (root, fuse, provided), (cache, shown))
                }
                Step::Debs { wants, script, env, .. } => {
                    let at = BoxPath::new(DEBS).map_err(Error::new)?;
                    let binds = debs.iter().map(|dir| (dir.clone(), at.clone())).collect();
                    let room = Room { root, fuse, provided, binds, network: false, by: &By::Root };
                    let words = ["/bin/sh", "-c", script, "sh"].into_iter().map(str::to_owned);
                    self.run(identity, room, &words.chain(wants.iter().cloned()).collect::<Vec<_>>(), env, shown)
                }
                Step::Run { run, by, network, env } => {
                    let room = Room { root, fuse, provided, binds: Vec::new(), network: *network, by };
                    self.run(identity, room, &["/bin/sh", "-e", "-c", run].map(str::to_owned), env, shown)
                }
            }
        })
    }

    /// The files of a step that installs such, in a directory of their own beside the staged layer. It goes when what is
    /// left over of staging is swept.
    fn debs(&self, chain: &Chain<'_>, planned: &Planned, staging: &Staging) -> Result<Option<PathBuf>> {
        let (Step::Debs { .. }, Some(locked)) = (&planned.step, chain.locked) else { return Ok(None) };
        let Some(archive) = locked.archive() else { return Ok(None) };
        let dir = staging.path().join("debs");
        fs::create_dir(&dir).map_err(Error::new)?;
        let (from, debs) = (&locked.bottom().from, locked.packages.debs());
        provision::debs(self.context, from, archive, debs, self.source, &mut |deb, mut file| {
            let mut copy = fs::File::create_new(dir.join(format!("{}.deb", deb.name)))?;
            std::io::copy(&mut file, &mut copy).map(drop)
        })?;
        Ok(Some(dir))
    }

    fn copy(
        &self,
        chain: &Chain<'_>,
        planned: &Planned,
        target: Target<'_>,
        identity: &Identity,
        (root, fuse): (plan::Step, Option<&Path>),
    ) -> Result<()> {
        let copied = planned.copied.and_then(|index| chain.recipe.copy.get(index));
        let copied = copied.ok_or_else(|| Error::new("the step copies nothing"))?;
        let from = copied.from.as_str();
        let source = match Location::parse(from) {
            Location::Path(_) => Source::Project(&chain.root, from),
            Location::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                return remote::file(self.context, copied, self.source)
                    .and_then(|file| self.write(identity, (root, fuse), Source::File(file, &name), target));
            }
        };
        self.write(identity, (root, fuse), source, target)
    }

    fn write(
        &self,
        identity: &Identity,
        (root, fuse): (plan::Step, Option<&Path>),
        source: Source<'_>,
        target: Target<'_>,
    ) -> Result<()> {
        // Neither devices nor proc: nothing of the image's is run.
        let plan = plan::BootPlan::of("copy", vec![root, plan::Step::PivotRoot]);
        Ok(launch::carry_out(&proof()?, identity, &plan, fuse, || written::copy(source, target))?)
    }

    /// Runs a program in a root; what it prints is shown.
    fn run(
        &self,
        identity: &Identity,
        room: Room<'_>,
        words: &[String],
        env: &BTreeMap<String, String>,
        shown: &Shown<'_>,
    ) -> Result<()> {
        self.run_to(identity, room, words, env, &mut |bytes| shown.printed(bytes))
    }

    /// Runs a program in a root; `output` gets what it prints.
    pub(super) fn run_to(
        &self,
        identity: &Identity,
        room: Room<'_>,
        words: &[String],
        env: &BTreeMap<String, String>,
        output: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let user = &self.context.host.user;
        let person = match room.by {
            By::Root => None,
            By::User { name, uid, gid, .. } => Some(Person {
                name: name.clone(),
                uid: *uid,
                gid: *gid,
                groups: Some(vec![*gid]),
                home: user.home.clone(),
            }),
        };
        let workshop = Workshop {
            provided: room.provided,
            user: person.is_some().then_some(user),
            binds: room.binds,
            machines_root: self.context.host.is_machines_root(),
        };
        let plan = plan::bootstrap(room.root, Some(&workshop)).map_err(Error::new)?;
        let mut all: Vec<(OsString, OsString)> = env.iter().map(|(k, v)| (k.into(), v.into())).collect();
        if room.network {
            self.add_proxies(&mut all);
        }
        let argv: Vec<&str> = words.iter().map(String::as_str).collect();
        let program = Program { argv: &argv, env: &all, user: person.as_ref(), network: room.network };
        Ok(launch::run_in(&proof()?, identity, &plan, room.fuse, &program, output)?)
    }

    /// What the programs of a step need to find others. A hosts(5) that the layers below have is theirs, and stays.
    pub(super) fn provided(&self, step: &Step, below: &[Digest]) -> Vec<Provided> {
        let network = matches!(step, Step::Packages { .. } | Step::Run { network: true, .. });
        let read = |path: &str| fs::read(path).ok().filter(|_| network);
        let hosts = || read("/etc/hosts").unwrap_or_else(|| LOOPBACK_HOSTS.to_vec());
        let hosts = (!self.has_hosts(below)).then(|| Provided { name: "hosts", content: hosts() });
        let resolver = read("/etc/resolv.conf").map(|content| Provided { name: "resolv.conf", content });
        hosts.into_iter().chain(resolver).collect()
    }

    fn has_hosts(&self, below: &[Digest]) -> bool {
        let read = |layer: &Digest| -> std::io::Result<Vec<u8>> {
            root::read(
                root::open_absolute(&self.context.store.layer_fs(layer), Open::Directory)?,
                Path::new("etc/hosts"),
            )
        };
        let found = below
            .iter()
            .rev()
            .map(read)
            .find(|found| !found.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound));
        // Images of registries have an empty one, as a place to mount another on.
        found.is_some_and(|found| !found.is_ok_and(|hosts| hosts.is_empty()))
    }

    /// How the host's network is reached; not what a layer is made of.
    fn add_proxies(&self, env: &mut Vec<(OsString, OsString)>) {
        for name in ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"] {
            for name in [name.to_owned(), name.to_uppercase()] {
                if let Some(value) = self.context.host.var(&name) {
                    plan::set_missing_variable(env, &name, value.to_owned());
                }
            }
        }
    }

    /// An error as it is told. A user who wants to has a look at what the step has left before that.
    fn failed(
        &self,
        error: Error,
        chain: &Chain<'_>,
        planned: &Planned,
        left: (&[Digest], &Staging),
        identity: &Identity,
    ) -> Error {
        let Some(launch::Error::Offline { output, .. }) = error.of() else { return error };
        let wants_network = failed::wants_network(output);
        let number = chain.steps.iter().position(|step| step.key == planned.key).unwrap_or(0) + 1;
        let place = match planned.place.line {
            0 => String::new(),
            line => format!(", {}:{line}", chain.name.split('#').next().unwrap_or_default()),
        };
        let error = failed::told(error, format!("{number} of {} ({}{place})", chain.steps.len(), planned.step));
        if self.options.shell_on_failure {
            self.context.ui.error(&error);
            let looked = aftermath::look(self.context, chain, planned, left, (identity, self.overlay.get()));
            return looked.map_or_else(|error| error, |_| Error::new("the image was not built"));
        }
        let error = error.hint("envbox build --shell-on-failure: a shell in what the step has left");
        match &planned.step {
            Step::Packages { locked: Some(_), .. } => {
                error.hint("where a version that is locked is not to be had any more: envbox lock --upgrade")
            }
            Step::Run { network: false, .. } if wants_network => {
                error.hint("a step has no network unless it says so: {run: …, network: host}")
            }
            Step::Run { .. } => error.hint("a step sees nothing of the project but what `copy` brings"),
            Step::Packages { .. } | Step::Debs { .. } | Step::Copy { .. } => error,
        }
    }
}

/// Where a program runs.
#[derive(Clone)]
pub(super) struct Room<'a> {
    pub(super) root: plan::Step,
    pub(super) fuse: Option<&'a Path>,
    pub(super) provided: Vec<Provided>,
    pub(super) binds: Vec<(PathBuf, BoxPath)>,
    pub(super) network: bool,
    pub(super) by: &'a By,
}
