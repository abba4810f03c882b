//! The parent's side of a boot.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::apply::Means;
use super::group::{self, Maker};
use super::live::{Live, connect};
use super::network::Client;
use super::overlay::Fuse;
use super::protocol::Report;
use super::{Error, keeper, network, overlay, record};
use crate::limits::{Membership, Wanted};
use crate::plan::{BootPlan, Overlay, Step};
use crate::recipe::settings::Network;
use crate::store::Runtime;
use crate::sys::namespace::{Kind, Namespaces};
use crate::sys::process::{self, Fork, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::{namespace, socket, stream};
use crate::userns::{self, Identity, probe};

/// Programs of the host's that serve a box.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// fuse-overlayfs, where it is to be the box's overlay.
    pub fuse: Option<PathBuf>,
    /// slirp4netns, where the box is to have a private network.
    pub network: Option<PathBuf>,
    /// What the box wants of cgroups, where it is to have one.
    pub group: Option<Wanted>,
}

/// Starts a box's keeper, which carries `plan` out and stays, and connects to it. The caller holds the box's lock, `held`,
/// and has found no keeper; with the keeper it stays held until that one listens, even if the caller is killed.
///
/// # Errors
/// [`Error::Overlay`] if the root's file system was refused, so that the caller may plan with the other one; everything
/// else as it comes. Nothing is left running, and no mount: they were in the keeper's own namespace. A cgroup is left
/// ([`super::remove_group`]).
pub fn boot(
    proof: &SingleThread,
    identity: &Identity,
    plan: &BootPlan,
    (runtime, held): (&Runtime, &File),
    programs: &Programs,
    trace: Option<&mut dyn FnMut(&str)>,
) -> Result<Live, Error> {
    let fuse = programs.fuse.as_deref();
    let fail = |what| move |source| Error::Session { what, source };
    record::await_last_keeper(runtime)?;
    runtime.clear()?;
    let recording = runtime.new_record()?;
    let starting = OwnedFd::from(held.try_clone().map_err(fail("keep the box's lock"))?);
    let listener = socket::bound(&runtime.socket()).map_err(fail("make the keeper's socket"))?;
    let lock = runtime.lock_file()?;
    let log = fs::File::create(runtime.fuse_log()).map_err(fail("make fuse-overlayfs's log"))?;
    let console =
        plan.init.as_ref().map(|_| console_log(runtime)).transpose().map_err(fail("make the console's log"))?;
    let (reports, report) = socket::pair().map_err(fail("make a socket pair"))?;

    // Not the mount namespace: a fuse-overlayfs stays in the host's, or its own mount would keep it alive for ever. The
    // others come with the seal.
    let own_network = plan.network != Network::Host;
    let kinds = if own_network { Namespaces::NEWPID | Namespaces::NEWNET } else { Namespaces::NEWPID };
    let (server, client) = match plan.network {
        Network::Private => network::ends().map(|(server, client)| (Some(server), Some(client))),
        Network::Host | Network::None => Ok((None, None)),
    }
    .map_err(fail("make a socket pair"))?;
    let (mut maker, member) =
        programs.group.as_ref().map(|wanted| group::make((proof, identity), runtime, wanted)).transpose()?.unzip();
    let cgroup = maker.as_ref().map(Maker::keeper).transpose()?.flatten();
    let inner = identity.map.within();
    let tracing = trace.is_some();
    let meet = |member| maker.iter_mut().for_each(|maker| maker.meet(member));
    let child = userns::spawn(proof, identity, kinds, cgroup.as_ref(), meet, move |proof| {
        let mut keep = vec![listener.as_fd(), lock.as_fd(), report.as_fd(), log.as_fd()];
        keep.extend([starting.as_fd(), recording.as_fd()]);
        keep.extend(console.iter().map(OwnedFd::as_fd));
        let network = client.iter().flat_map(Client::fds);
        let member = match member
            .map(|member| member.await_admission(&keep.iter().copied().chain(network).collect::<Vec<_>>()))
            .transpose()
        {
            Ok(member) => member,
            Err(error) => return told(&report, &error),
        };
        keep.extend(member.iter().flat_map(Membership::fds).map(OwnedFd::as_fd));
        let network = match client.map(|client| client.await_network(&keep)).transpose() {
            Ok(network) => network,
            Err(source) => return told(&report, &Error::Session { what: "wait for the box's network", source }),
        };
        let served = match fuse.map(|program| Served::new(program, plan)).transpose() {
            Ok(served) => served,
            Err(source) => return told(&report, &Error::Overlay { source }),
        };
        match process::fork(proof) {
            Err(source) => told(&report, &Error::Session { what: "fork", source }),
            Ok(Fork::Child) => {
                let fuse = served.map(|served| served.fuse);
                let means =
                    Means { proof, fuse, inner: &inner, payload: member.as_ref().map(|member| &member.payload) };
                process::finish(|| {
                    let lock = lock.into();
                    let member = member.as_ref();
                    let ends = keeper::Ends { listener, lock, starting, report, network, member, console };
                    keeper::start(plan, means, ends, tracing)
                })
            }
            Ok(Fork::Parent(keeper)) => {
                let group = member.as_ref().and_then(|member| member.dir().ok());
                // By the one who knows it even if the process that starts the box is killed; that one sees to it that it was.
                let _ = record::of_child(keeper, group).write(&recording);
                served.map_or(0, |served| told(&report, &Error::Overlay { source: served.serve(&log.into()) }))
            }
        }
    })?;
    let group = maker.map(Maker::admit).transpose();
    let dir = group.as_ref().ok().cloned().flatten();
    let served = server.zip(programs.network.as_deref());
    let network = || served.map_or(Ok(()), |(server, program)| server.serve(proof, program, &plan.ports, runtime));
    // Without a cgroup or a network the child has ended, and has nothing to say that would be nearer to the cause.
    let result = group.and_then(|_| network()).and_then(|()| await_ready(&reports, trace));
    if fuse.is_none() || result.is_err() {
        // Nothing to learn from its status: the keeper, its child, has told.
        let _ = process::wait(child);
    }
    result.map_err(|error| explained(error, fuse, runtime)).map_err(|error| refused(proof, error))?;
    // It was up. An init may have ended since, and its keeper with it.
    let live = connect(runtime)?.ok_or(Error::Ending)?;
    if runtime.recorded().is_none_or(|record| record.pid != live.pid.as_raw()) {
        let namespace = live.outer.last().and_then(|namespace| namespace::inode(namespace).ok());
        runtime.record(&record::of(live.pid, namespace.unwrap_or_default(), dir))?;
    }
    Ok(live)
}

/// What a system box's console shows goes on where it stopped the last time.
fn console_log(runtime: &Runtime) -> io::Result<OwnedFd> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let options = fs::File::options().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
    Ok(options.open(runtime.console_log())?.into())
}

/// A refused overlay, with what fuse-overlayfs has said about it.
fn explained(error: Error, fuse: Option<&Path>, runtime: &Runtime) -> Error {
    match (error, fuse.and_then(|_| fs::read_to_string(runtime.fuse_log()).ok())) {
        (Error::Overlay { source }, Some(log)) if !log.trim().is_empty() => {
            Error::Overlay { source: io::Error::new(source.kind(), format!("{source}: {}", log.trim())) }
        }
        (error, _) => error,
    }
}

/// How the kernel's words for `EPERM` and `EACCES` end, which come from another process as texts.
const DENIED: [&str; 2] = ["(os error 1)", "(os error 13)"];

/// A failure for want of a right: that this machine gives nobody's namespace the rights which every box needs, where it does
/// not. What that is, and what ends it, is found as `envbox doctor` finds it.
fn refused(proof: &SingleThread, error: Error) -> Error {
    match is_denied(&error).then(|| probe::user_namespace(proof)) {
        Some(Err(refusal)) => userns::Error::from(refusal).into(),
        _ => error,
    }
}

fn is_denied(error: &Error) -> bool {
    error.texts().iter().any(|text| DENIED.iter().any(|errno| text.contains(errno)))
}

/// Tells the parent of a failure; the result is the exit status.
pub(super) fn told(report: &OwnedFd, error: &Error) -> u8 {
    // If the parent is gone there is nobody left to tell.
    let _ = match error {
        Error::Overlay { .. } => Report::OverlayRefused(error.texts()).send(report),
        _ => Report::Failed(error.texts()).send(report),
    };
    1
}

/// A fuse-overlayfs to be: the keeper mounts, and the keeper's parent becomes the server.
pub(super) struct Served<'a> {
    program: &'a Path,
    overlay: &'a Overlay,
    /// The mounting side.
    pub(super) fuse: Fuse,
    mounted: OwnedFd,
}

impl<'a> Served<'a> {
    pub(super) fn new(program: &'a Path, plan: &'a BootPlan) -> io::Result<Self> {
        let Some(Step::Overlay(overlay)) = plan.steps.first() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let device = fs::File::options().read(true).write(true).open("/dev/fuse")?;
        let (told, mounted) = process::pipe()?;
        Ok(Self { program, overlay, fuse: Fuse { device: device.into(), mounted }, mounted: told })
    }

    /// Waits for the mount and serves it. Returns only if that cannot be.
    pub(super) fn serve(self, log: &OwnedFd) -> io::Error {
        let Fuse { device, mounted } = self.fuse;
        drop(mounted);
        match stream::read(&self.mounted, &mut [0]) {
            Ok(_) => overlay::serve(self.program, self.overlay, device, log),
            Err(error) => error,
        }
    }
}

fn await_ready(reports: &OwnedFd, mut trace: Option<&mut dyn FnMut(&str)>) -> Result<(), Error> {
    loop {
        match Report::receive(reports).map_err(|source| Error::Session { what: "hear from the keeper", source })? {
            Some(Report::Step(step)) => {
                if let Some(trace) = &mut trace {
                    trace(&step);
                }
            }
            Some(Report::Ready) => return Ok(()),
            Some(Report::OverlayRefused(reasons)) => {
                let reason = reasons.get(1..).unwrap_or_default().join(": ");
                return Err(Error::Overlay { source: io::Error::other(reason) });
            }
            Some(Report::Failed(reasons)) => return Err(Error::Boot(reasons)),
            None => return Err(Error::KeeperDied),
        }
    }
}

/// Opens namespaces of this process, to be handed out.
pub(super) fn own_namespaces(which: &[(Kind, &str)]) -> io::Result<Vec<OwnedFd>> {
    let open = |name: &str| root::open_absolute(&Path::new("/proc/self/ns").join(name), Open::Read);
    which.iter().map(|(_, name)| open(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_shows_wherever_the_failure_was() {
        const EACCES: i32 = 13;
        let denied = |errno| io::Error::from_raw_os_error(errno);
        let texts = |errno| vec!["cannot set the box up: proc".to_owned(), denied(errno).to_string()];
        for errno in [1, EACCES] {
            assert!(is_denied(&Error::Boot(texts(errno))));
            assert!(is_denied(&Error::Overlay { source: denied(errno) }));
            // As it comes from the keeper, with what the kernel has said of the mount.
            let told = io::Error::other(format!("{}: overlay: no", denied(errno)));
            assert!(is_denied(&Error::Overlay { source: told }));
        }
        // 11 to 19 are other errors.
        let others = [2, 12, 17, 28, 131].map(|errno| Error::Boot(texts(errno)));
        assert!(!others.iter().any(is_denied) && !is_denied(&Error::KeeperDied));
    }
}
