//! How a keeper comes to be: a fork of the program that starts the box builds the root, and keeps it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::system::Ends as SystemEnds;
use super::{Keeper, OUTER, System};
use crate::launch::Error;
use crate::launch::apply::{Means, apply};
use crate::launch::boot::{own_namespaces, told};
use crate::launch::follow::Follower;
use crate::launch::protocol::Report;
use crate::launch::view::{self, View};
use crate::limits::Membership;
use crate::limits::systemd::STOP_SIGNAL;
use crate::plan::{BootPlan, RUN_DIR, Step};
use crate::recipe::settings::Network;
use crate::sys::process;
use crate::sys::root::{self, Open};
use crate::sys::signal::{Signal, Signals};
use crate::sys::{net, probe, system, tty};
use crate::userns::{self, Namespaces};

/// The keeper's ends of what connects it with the host.
#[derive(Debug)]
pub(in crate::launch) struct Ends<'a> {
    /// Bound to the box's socket, not listening yet.
    pub(in crate::launch) listener: OwnedFd,
    /// The box's lock file.
    pub(in crate::launch) lock: OwnedFd,
    /// The same, locked by the process that starts the box. Nobody starts another one, whoever is killed, while it is open.
    pub(in crate::launch) starting: OwnedFd,
    /// To the process that starts the box.
    pub(in crate::launch) report: OwnedFd,
    /// What keeps the program that serves the box's network.
    pub(in crate::launch) network: Option<OwnedFd>,
    /// The box's cgroup, where it has one.
    pub(in crate::launch) member: Option<&'a Membership>,
    /// What a system box's console shows is written there.
    pub(in crate::launch) console: Option<OwnedFd>,
}

/// Builds the root and keeps the box. The result is the exit status.
pub(in crate::launch) fn start(plan: &BootPlan, means: Means<'_>, ends: Ends<'_>, tracing: bool) -> u8 {
    let Ends { listener, lock, starting, report, network, member, console } = ends;
    let proof = means.proof;
    let mut keep = vec![listener.as_fd(), lock.as_fd(), starting.as_fd(), report.as_fd()];
    keep.extend(network.iter().chain(&console).map(OwnedFd::as_fd));
    keep.extend(member.iter().flat_map(|member| member.fds()).map(OwnedFd::as_fd));
    // Before there is anything to be told of: one that is not waited for does nothing to a process 1 (pid_namespaces(7)).
    let signals = match Signals::watch(&[Signal::SIGCHLD, Signal::SIGTERM, STOP_SIGNAL]) {
        Ok(signals) => signals,
        Err(error) => return told(&report, &up_failed(error)),
    };
    keep.push(signals.as_fd());
    let outcome = set_up(plan, means, &keep, &report, tracing).and_then(|Opened { outer, view, follower }| {
        let view = view.map(|fuse| View::start(plan, fuse, member)).transpose();
        let view = view.map_err(|source| Error::Session { what: "show the box its limits", source })?;
        let mut keeper = Keeper::new(signals, (listener, lock), outer, plan, member, view).map_err(up_failed)?;
        if keeper.is_told_to_end().map_err(up_failed)? {
            return Err(Error::Ending);
        }
        if let Some((init, console)) = plan.init.as_ref().zip(console) {
            let run = root::open_absolute(Path::new(RUN_DIR), Open::Directory).map_err(up_failed)?;
            let answers = keeper.answers().map_err(up_failed)?;
            let system = System::start(proof, plan, init, member, SystemEnds { run, log: console, answers, follower })?;
            keeper.live_for(system).map_err(up_failed)?;
        }
        Ok(keeper)
    });
    // Whether the process that started the box has lived to hear it makes no difference to the box.
    match outcome {
        Ok(mut keeper) => {
            let _ = Report::Ready.send(&report);
            drop((report, starting));
            let kept = keeper.keep();
            member.into_iter().for_each(Membership::leave);
            u8::from(kept.is_err())
        }
        Err(error) => told(&report, &error),
    }
}

fn up_failed(source: io::Error) -> Error {
    Error::Session { what: "become the box's keeper", source }
}

/// What cannot be opened any more from behind the seal.
struct Opened {
    outer: Vec<OwnedFd>,
    /// The device of the view that the box is to have.
    view: Option<OwnedFd>,
    /// What follows the host for the services of a system box.
    follower: Option<Follower>,
}

/// Builds the root.
fn set_up(
    plan: &BootPlan,
    means: Means<'_>,
    keep: &[BorrowedFd<'_>],
    report: &OwnedFd,
    tracing: bool,
) -> Result<Opened, Error> {
    // Nobody but its own loop may look into this process (CVE-2016-9962).
    process::set_dumpable(false).map_err(up_failed)?;
    // Else everybody in the box could read the words of the command that happened to start it, for as long as it is up.
    process::set_title(&format!("envbox keeper {}", plan.name)).map_err(up_failed)?;
    tty::new_session().map_err(up_failed)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(up_failed)?;
    (0..3).try_for_each(|number| tty::as_standard(&null, number)).map_err(up_failed)?;
    drop(null);
    let mut keep = keep.to_vec();
    keep.extend(means.fuse.iter().flat_map(|fuse| [fuse.device.as_fd(), fuse.mounted.as_fd()]));
    // A pipe of the caller's that stayed open here would keep its reader waiting for as long as the box lives.
    process::close_all_but(&keep).map_err(up_failed)?;
    let outer = own_namespaces(&OUTER).map_err(up_failed)?;
    let view = view::device(plan).map_err(|source| Error::Session { what: "open /dev/fuse", source })?;
    // A user at the limit of watches has services that do not follow.
    let follower = plan.init.as_ref().and_then(|_| followed(plan)?.ok());
    if plan.network != Network::Host {
        net::raise_loopback().map_err(up_failed)?;
        // The network belongs to the namespace outside of the seal, so the box's root has no privilege over it; and who has
        // a network for themselves need not be kept from any port (ip(7)).
        std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").map_err(up_failed)?;
    }
    let served = means.fuse.is_some();
    userns::unshare(means.proof, Namespaces::NEWNS).map_err(up_failed)?;
    system::set_umask(0);
    apply(plan, means, &mut |step| {
        if tracing {
            // Only for the reader's eyes.
            let _ = Report::Step(step.to_string()).send(report);
        }
    })?;
    system::set_umask(0o022);
    if served {
        // This process was forked by the one that is the server now. Without it there is no root, and nothing to keep.
        process::die_with_parent(Signal::SIGKILL).map_err(up_failed)?;
        // It may have died before that. This is not asked of any cache.
        probe::file_system(Path::new("/")).map_err(up_failed)?;
    }
    Ok(Opened { outer, view, follower })
}

/// What is to follow the host, by the step of a plan that begins it.
fn followed(plan: &BootPlan) -> Option<io::Result<Follower>> {
    plan.steps.iter().find_map(|step| match step {
        Step::Follow { hostname, network } => Some(Follower::from_afar(hostname, *network)),
        _ => None,
    })
}
