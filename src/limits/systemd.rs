//! systemd's manager, asked over D-Bus for a group of its hierarchy (org.freedesktop.systemd1(5),
//! systemd's `CONTROL_GROUP_INTERFACE`).
//!
//! Each request is made in a forked child: a D-Bus library may start threads, and a process with threads makes no namespaces.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::message::{Message, Type};
use zbus::{Connection, DynamicType, MatchRule, MessageStream, OwnedObjectPath, Variant};

use crate::host;
pub use crate::host::Manager;
use crate::sys::process::{self, Ended, Fork, Pid, SingleThread};
use crate::sys::signal::Signal;

/// How long systemd may take for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a unit may take to be forgotten once it is empty.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// What systemd sends to all processes of a box's scope when it stops it, at the end of the last login for one: the keeper takes
/// it as `SIGTERM`, all others ignore it unless they have asked for it (signal(7)). So a box ends in its own order, and is not
/// told to by two at once, its servers of file systems least of all.
pub const STOP_SIGNAL: Signal = Signal::SIGURG;

/// systemd was asked for something and did not give it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There could be no process to ask in.
    #[error("cannot {what}")]
    Ask {
        /// What was tried.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// It refused, or was not there.
    #[error("systemd did not {what}: {reason}")]
    Refused {
        /// What it was asked for.
        what: String,
        /// What it said.
        reason: String,
    },
    /// It has done what was asked, and the process is in no group that shows here.
    #[error("the control group of {0} is not to be seen here")]
    NotShown(String),
}

/// Makes a scope: a unit of processes that systemd has not started, whose group it hands over (systemd.scope(5),
/// `Delegate=`). A failed one of the same name makes room. `unit` ends in `.scope`; `pid`, a child that is still waiting to
/// become something, is in the group when this returns.
///
/// Returns the directory of the group.
///
/// # Errors
/// [`Error`]; a live unit of the name is one.
pub fn start_scope(
    proof: &SingleThread,
    manager: &Manager,
    unit: &str,
    description: &str,
    pid: Pid,
) -> Result<PathBuf, Error> {
    ask(proof, manager, &format!("start {unit}"), async |bus| bus.start_scope(unit, description, pid).await)?;
    host::group_of(pid).ok_or_else(|| Error::NotShown(unit.to_owned()))
}

/// Moves a process into a group below a unit's own, for which this process lacks the right: the two have no group in common
/// that is this user's. `subgroup` is the path below the unit's group and begins with `/`.
///
/// # Errors
/// [`Error`].
pub fn attach(proof: &SingleThread, manager: &Manager, unit: &str, subgroup: &str, pid: Pid) -> Result<(), Error> {
    ask(proof, manager, &format!("move a process to {unit}"), async |bus| bus.attach(unit, subgroup, pid).await)
}

/// The unit that a directory of the hierarchy belongs to, and its path below that one's own, as [`attach`] wants both.
pub fn unit_of(directory: &Path) -> Option<(String, String)> {
    let unit = directory.ancestors().find(|path| path.extension().is_some_and(|kind| kind == "scope"))?;
    let below = directory.strip_prefix(unit).ok()?;
    Some((unit.file_name()?.to_str()?.to_owned(), Path::new("/").join(below).to_str()?.to_owned()))
}

/// Makes a request in a child. Nothing comes back but whether it was granted.
fn ask(
    proof: &SingleThread,
    manager: &Manager,
    what: &str,
    request: impl AsyncFnOnce(Bus) -> zbus::Result<()>,
) -> Result<(), Error> {
    let failed = |what| move |source| Error::Ask { what, source };
    let (mut answer, child) = UnixStream::pair().map_err(failed("make a socket pair"))?;
    let pid = match process::fork(proof).map_err(failed("fork"))? {
        Fork::Child => process::finish(|| {
            let reason = match talk(manager, request) {
                Ok(()) => return 0,
                Err(reason) => reason,
            };
            let _ = (&child).write_all(reason.as_bytes());
            1
        }),
        Fork::Parent(pid) => pid,
    };
    drop(child);
    let mut reason = String::new();
    let heard = answer.read_to_string(&mut reason);
    let ended = process::wait(pid).map_err(failed("wait for a child"))?;
    heard.map_err(failed("hear from a child"))?;
    match ended {
        Ended::Exited(0) => Ok(()),
        _ => Err(Error::Refused { what: what.to_owned(), reason }),
    }
}

/// Connects and makes the request. The error is a text, since it goes to another process.
fn talk(manager: &Manager, request: impl AsyncFnOnce(Bus) -> zbus::Result<()>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let conversation = async {
        let bus = Bus::connect(manager).await?;
        request(bus).await
    };
    let bounded = async { tokio::time::timeout(PATIENCE, conversation).await };
    match runtime.map_err(|error| error.to_string())?.block_on(bounded) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it has not answered within {} seconds", PATIENCE.as_secs())),
    }
}

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PATH: &str = "/org/freedesktop/systemd1";

/// A connection to systemd.
struct Bus(Connection);

impl Bus {
    async fn connect(manager: &Manager) -> zbus::Result<Self> {
        let stream = UnixStream::connect(&manager.bus)?;
        zbus::connection::Builder::unix_stream(stream).build().await.map(Self)
    }

    async fn call<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.0.call_method(Some(SYSTEMD), PATH, Some(MANAGER), method, body).await
    }

    async fn start_scope(&self, unit: &str, description: &str, pid: Pid) -> zbus::Result<()> {
        // Before there is anything to hear of, or it could be missed.
        let mut ends = self.listen("JobRemoved", 2, unit).await?;
        let mut removals = self.listen("UnitRemoved", 0, unit).await?;
        self.call("Subscribe", &()).await?;
        let mut started = self.start_transient(unit, description, pid).await;
        if is_taken(&started) {
            self.call("ResetFailedUnit", &(unit,)).await?;
            started = self.start_transient(unit, description, pid).await;
        }
        if is_taken(&started) {
            // One that has just lost its last process is about to go.
            let _ = tokio::time::timeout(LAST_BREATH, removals.next()).await;
            started = self.start_transient(unit, description, pid).await;
        }
        let job = started?;
        while let Some(message) = ends.next().await {
            let (_, ended, _, result): (u32, OwnedObjectPath, String, String) = message?.body().deserialize()?;
            match &*result {
                _ if ended != job => {}
                "done" => return Ok(()),
                result => return Err(zbus::Error::Failure(format!("the job of {unit} ended: {result}"))),
            }
        }
        Err(zbus::Error::Failure("the connection was closed".to_owned()))
    }

    /// The manager's signals that have this argument.
    async fn listen(&self, member: &str, index: u8, argument: &str) -> zbus::Result<MessageStream> {
        let rule = MatchRule::builder().msg_type(Type::Signal).interface(MANAGER).member(member);
        MessageStream::for_match_rule(rule.arg(index, argument).build()?, &self.0, None).await
    }

    /// Returns the job.
    async fn start_transient(&self, unit: &str, description: &str, pid: Pid) -> zbus::Result<OwnedObjectPath> {
        let pid = pid.as_raw().cast_unsigned();
        let properties: Vec<(&str, Variant<'_>)> = vec![
            ("Description", description.into()),
            ("PIDs", vec![pid].into()),
            ("Delegate", true.into()),
            // The keeper ends what is in it when systemd asks it to; nothing has to come before.
            ("DefaultDependencies", false.into()),
            ("KillSignal", (STOP_SIGNAL as i32).into()),
            // A box that was killed leaves no failed unit behind, which would keep its name.
            ("CollectMode", "inactive-or-failed".into()),
        ];
        let others: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
        let reply = self.call("StartTransientUnit", &(unit, "fail", properties, others)).await?;
        reply.body().deserialize()
    }

    async fn attach(&self, unit: &str, subgroup: &str, pid: Pid) -> zbus::Result<()> {
        let pid = pid.as_raw().cast_unsigned();
        self.call("AttachProcessesToUnit", &(unit, subgroup, vec![pid])).await.map(drop)
    }
}

/// Whether there is a unit of the name.
fn is_taken(started: &zbus::Result<OwnedObjectPath>) -> bool {
    matches!(started, Err(zbus::Error::MethodError(name, ..)) if *name == "org.freedesktop.systemd1.UnitExists")
}
