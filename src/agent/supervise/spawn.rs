//! Starting the program of a service, or one that finds out whether it is ready.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::super::{accounts, program};
use super::spec::{Caller, Spec};
use crate::host;
use crate::image::accounts::UserSpec;
use crate::sys::process::{self, Fork, Pid, SingleThread};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{id, stream, system, tty};

/// Variables of the supervisor's that say who and where it is, and not who and where a service is.
const OWN: [&str; 8] = ["HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "MAIL", "XDG_RUNTIME_DIR"];

/// Whom a service's programs run as.
#[derive(Debug)]
struct Person {
    name: String,
    uid: u32,
    gid: u32,
    /// None for the caller, whose groups the supervisor has.
    groups: Option<Vec<u32>>,
    home: PathBuf,
}

/// What starting takes.
#[derive(Debug)]
pub(super) struct Starter {
    proof: SingleThread,
    env: Vec<(OsString, OsString)>,
}

impl Starter {
    /// With the environment of this process for a base.
    pub(super) fn new(proof: SingleThread) -> Self {
        let env = host::environment().into_iter().filter(|(name, _)| !OWN.iter().any(|own| name == *own));
        Self { proof, env: env.collect() }
    }

    /// Starts a program as a service is started: in its directory, as its user, in a process group of its own. What it prints
    /// goes to `output`, or nowhere.
    ///
    /// # Errors
    /// That there is no such user; fork(2)'s. Whatever keeps the program from running is printed by the child, whose status is
    /// then 126 or 127.
    pub(super) fn start(
        &self,
        words: &[String],
        spec: &Spec,
        caller: &Caller,
        signals: &Signals,
        output: Option<&OwnedFd>,
    ) -> io::Result<Pid> {
        let person = person(spec, caller)?;
        let env = self.environment(spec, &person);
        let null: OwnedFd = File::options().read(true).write(true).open("/dev/null")?.into();
        match process::fork(&self.proof)? {
            Fork::Parent(child) => {
                // The child does it too: whoever comes first.
                let _ = tty::own_group(child);
                Ok(child)
            }
            Fork::Child => process::finish(|| {
                let output = output.unwrap_or(&null);
                let ready = prepare(&null, output, signals).and_then(|()| become_person(&person, spec));
                let failed = match ready {
                    Ok(()) => execute(words, &env),
                    Err(error) => (error, NOT_EXECUTABLE),
                };
                // Standard error is its log, unless there is none yet: then there is nobody to tell.
                let what = words.first().map(String::as_str).unwrap_or_default();
                let text = format!("envbox: cannot run {}: {}\n", what.escape_debug(), failed.0);
                let _ = stream::write(output, text.as_bytes());
                failed.1
            }),
        }
    }

    fn environment(&self, spec: &Spec, person: &Person) -> Vec<(OsString, OsString)> {
        let mut all = self.env.clone();
        let mut set = |name: &str, value: OsString| {
            all.retain(|(other, _)| other != name);
            all.push((name.into(), value));
        };
        set("HOME", person.home.clone().into());
        set("USER", person.name.clone().into());
        set("LOGNAME", person.name.clone().into());
        set("PWD", spec.workdir.clone().into());
        if person.groups.is_none() {
            set("XDG_RUNTIME_DIR", format!("/run/user/{}", person.uid).into());
        }
        for (name, value) in &spec.env {
            set(name, value.into());
        }
        all
    }
}

fn person(spec: &Spec, caller: &Caller) -> io::Result<Person> {
    let Some(text) = &spec.user else {
        let Caller { name, uid, gid, home } = caller.clone();
        return Ok(Person { name, uid, gid, groups: None, home });
    };
    let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("there is no user `{}`", text.escape_debug()));
    let wanted: UserSpec = text.parse().map_err(|_| unknown())?;
    let user = accounts::user_of(&wanted).ok_or_else(unknown)?;
    let groups = accounts::groups_of_spec(&wanted, &user).ok_or_else(unknown)?;
    let gid = groups.first().copied().unwrap_or(user.gid);
    Ok(Person { name: user.name, uid: user.uid, gid, groups: Some(groups), home: user.home })
}

fn prepare(null: &OwnedFd, output: &OwnedFd, signals: &Signals) -> io::Result<()> {
    tty::own_group(process::own_pid())?;
    tty::as_standard(null, 0)?;
    tty::as_standard(output, 1)?;
    tty::as_standard(output, 2)?;
    signal::set_default(Signal::SIGPIPE)?;
    signals.restore_mask()?;
    system::set_umask(0o022);
    Ok(())
}

fn become_person(person: &Person, spec: &Spec) -> io::Result<()> {
    if let Some(groups) = &person.groups {
        id::set_groups(groups)?;
    }
    id::become_user(person.uid, person.gid)?;
    // After the change of ids, which clears it. A supervisor that ended meanwhile has left this process to another parent.
    let supervisor = process::parent();
    process::die_with_parent(Signal::SIGKILL)?;
    if process::parent() != supervisor {
        return Err(io::Error::other("the supervisor has ended"));
    }
    match system::change_dir(&spec.workdir) {
        Err(_) if spec.or_top => system::change_dir(Path::new("/")),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", spec.workdir.display()))),
        Ok(()) => Ok(()),
    }
}

/// Statuses of a program that cannot be executed, and of one that is not there, as shells have them.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

fn execute(words: &[String], env: &[(OsString, OsString)]) -> (io::Error, u8) {
    let name = words.first().map(OsString::from).unwrap_or_default();
    let Some(path) = program::find(&name, env) else { return (io::ErrorKind::NotFound.into(), NOT_FOUND) };
    let error = system::exec(&path, words, env);
    let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    (error, status)
}
