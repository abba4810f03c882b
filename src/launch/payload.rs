//! The side of a session that becomes the user's program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::person;
use super::protocol::Request;
use super::word::{Failure, Word};
use super::{Live, Terminfo, bounds, locale, login, shells, view};
use crate::plan::{
    Command, NOT_ROOT, Person, RUN_DIR, SessionPlan, Socket, Who, WorkDir, set_missing_variable, set_variable,
};
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Change, Fork, Pid, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{stream, system, tty};

/// Becomes the program, or, where the program needs somebody to suspend it, its session's leader. Returns only the exit
/// status of a failure or of a leader.
pub(super) fn start(
    proof: &SingleThread,
    live: Live,
    plan: &SessionPlan,
    terminfo: Option<Terminfo>,
    signals: &Signals,
    word: &OwnedFd,
) -> u8 {
    match enter(proof, live, plan, terminfo, signals, word) {
        Ok(status) => status,
        Err(failure) => {
            // If the other side is gone there is nobody left to tell.
            let _ = Word::Failed(failure).send(word);
            process::EXIT_PANIC
        }
    }
}

fn enter(
    proof: &SingleThread,
    live: Live,
    plan: &SessionPlan,
    terminfo: Option<Terminfo>,
    signals: &Signals,
    word: &OwnedFd,
) -> Result<u8, Failure> {
    live.join_inner(proof).map_err(Failure::new(b'J', ""))?;
    if plan.detached && leave_it_to_the_keeper(proof).map_err(Failure::new(b'J', ""))? {
        return Ok(0);
    }
    tty::new_session().map_err(Failure::new(b'J', ""))?;
    Request::Session.send(&live.connection).map_err(Failure::new(b'J', ""))?;

    let mut env = plan.env.clone();
    if let Some((term, description)) = terminfo {
        locale::provide_terminfo(&live.run_dir, RUN_DIR, &term, &description, &mut env);
    }
    if let Some(socket) = live.view.as_ref().filter(|_| live.sysinfo) {
        view::divert_sysinfo(socket).map_err(Failure::new(b'J', ""))?;
    }
    let (connection, _) = live.into_ends();
    let person = somebody(plan, word)?;
    if plan.login {
        log_in(proof, plan, &person, word, &mut env);
    }
    person::become_person(&person).map_err(Failure::new(b'B', person.name.clone()))?;
    plan.sockets.iter().filter(|_| plan.who == Who::Caller).for_each(|socket| look_at(socket, word));
    for (name, value) in person.variables() {
        set_missing_variable(&mut env, name, value);
    }
    locale::adapt(&mut env);
    if plan.terminal {
        take_terminal(word).map_err(Failure::new(b'T', ""))?;
    }
    let dir = change_dir(&plan.workdir, &person.home, word)?;
    set_variable(&mut env, "PWD", dir.into());
    process::close_rest_on_exec().map_err(Failure::new(b'J', ""))?;

    let (program, argv, wants_leader) = resolve(&plan.command, &mut env)?;
    let become_it = move || {
        if let Some(signal) = plan.stop_signal {
            // A keeper that does not hear it ends the program as it ends all others.
            let _ = Request::Main(signal).send(&connection);
        }
        if plan.detached {
            // It ends with the program, which tells the keeper of that. Where it cannot be kept the keeper ends the program.
            let _ = process::inheritable(connection);
        }
        // Last, so that they bind the program and nobody who works for it.
        match bounds::apply(&plan.bounds) {
            Ok(notes) => notes.into_iter().for_each(|note| say(note, word)),
            Err(error) => return Failure::new(b'L', "")(error),
        }
        become_program(&program, &argv, &env, signals)
    };
    if wants_leader && plan.terminal {
        return lead(proof, signals, word, become_it);
    }
    Err(become_it())
}

/// Says so where a socket is not the one that the host has now. The mounts of a box that is up are locked.
fn look_at(socket: &Socket, word: &OwnedFd) {
    use std::os::unix::fs::MetadataExt as _;
    let identity = std::fs::symlink_metadata(&socket.at).map(|found| (found.dev(), found.ino()));
    if !identity.is_ok_and(|identity| identity == socket.identity) {
        let text =
            format!("share: {}: the host has another socket by now; the box has it after `envbox stop`", socket.name);
        say(text, word);
    }
}

/// Tells the user something. What cannot be delivered has nobody to read it.
fn say(text: String, word: &OwnedFd) {
    let _ = Word::Note(text).send(word);
}

/// Forks; whether this is the parent, which is to go: the child is then the keeper's to collect, and nobody's outside. Nothing
/// of the caller's streams goes along.
fn leave_it_to_the_keeper(proof: &SingleThread) -> io::Result<bool> {
    if let Fork::Parent(_) = process::fork(proof)? {
        return Ok(true);
    }
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    (0..3).try_for_each(|number| tty::as_standard(&null, number))?;
    Ok(false)
}

/// Whoever the session is.
fn somebody(plan: &SessionPlan, word: &OwnedFd) -> Result<Person, Failure> {
    let (person, was_root) = person::find(plan)?;
    if was_root {
        say(NOT_ROOT.to_owned(), word);
    }
    Ok(person)
}

/// Makes the session one of the box's logind, where there is one. One that it does not know is a session all the same.
fn log_in(
    proof: &SingleThread,
    plan: &SessionPlan,
    person: &Person,
    word: &OwnedFd,
    env: &mut Vec<(OsString, OsString)>,
) {
    match login::login(proof, person.uid, plan.terminal) {
        Ok(None) => {}
        Ok(Some(login)) => {
            for (name, value) in login.variables(plan.terminal) {
                // What is shared of the caller's own session has been said already.
                set_missing_variable(env, name, value.into());
            }
            // By the side that waits for the program's end, which is the session's.
            let _ = Word::Login(login.held).send(word);
        }
        Err(error) => {
            // A note that cannot be delivered has nobody to read it.
            let _ = Word::Note(format!("the box's logind does not know of this session: {error}")).send(word);
        }
    }
}

/// A pseudo-terminal of the box's, with the size and the settings of the caller's; the master goes to the other side.
fn take_terminal(word: &OwnedFd) -> io::Result<()> {
    let (master, slave) = tty::open_pty(Path::new("/dev/pts/ptmx"))?;
    tty::apply(&slave, &tty::settings(stream::STDIN)?)?;
    tty::set_window_size(&slave, tty::window_size(stream::STDIN)?)?;
    tty::take_controlling(&slave)?;
    // Standard error goes with the others only where it is a terminal too: `2>log` stays what it is.
    let standard = if tty::is_terminal(stream::STDERR) { 0..3 } else { 0..2 };
    standard.into_iter().try_for_each(|number| tty::as_standard(&slave, number))?;
    Word::Terminal(master).send(word)
}

fn change_dir(workdir: &WorkDir, home: &Path, word: &OwnedFd) -> Result<PathBuf, Failure> {
    let note = |text: String| say(text, word);
    match workdir {
        WorkDir::Named(dir) => {
            return system::change_dir(dir).map(|()| dir.clone()).map_err(Failure::new(b'D', dir.clone()));
        }
        WorkDir::Image(dir) => match system::change_dir(dir) {
            Ok(()) => return Ok(dir.clone()),
            // Missing, and not a way out that leads nowhere at the moment.
            Err(error) if !dir.starts_with("/proc") && is_missing(dir) => {
                note(format!("{}, where the image's command begins: {error}: starting in /", dir.display()));
                return system::change_dir(Path::new("/")).map(|()| "/".into()).map_err(Failure::new(b'D', "/"));
            }
            Err(error) => return Err(Failure::new(b'D', dir.clone())(error)),
        },
        WorkDir::Shared(dir) => match system::change_dir(dir) {
            Ok(()) => return Ok(dir.clone()),
            Err(error) => note(format!("{}: {error}: starting in {}", dir.display(), home.display())),
        },
        WorkDir::NotVisible(dir) => {
            note(format!("{} is not visible in the box: starting in {}", dir.display(), home.display()));
        }
        WorkDir::Home => {}
    }
    match system::change_dir(home) {
        Ok(()) => Ok(home.to_owned()),
        Err(_) => system::change_dir(Path::new("/")).map(|()| "/".into()).map_err(Failure::new(b'D', "/")),
    }
}

fn is_missing(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The file to execute, its arguments, and whether it needs a leader: a shell has job control of its own.
fn resolve(command: &Command, env: &mut Vec<(OsString, OsString)>) -> Result<(PathBuf, Vec<OsString>, bool), Failure> {
    match command {
        Command::Shell(wanted) => {
            let root = root::open_absolute(Path::new("/"), Open::Path).map_err(Failure::new(b'J', ""))?;
            let shell =
                shells::first(&root, wanted).ok_or_else(|| Failure { kind: b'S', errno: 0, text: "".into() })?;
            set_variable(env, "SHELL", shell.into());
            Ok((shell.to_owned(), vec![shell.file_name().unwrap_or(OsStr::new("sh")).to_owned()], false))
        }
        Command::Program(argv) => {
            let name = argv.first().cloned().unwrap_or_default();
            let program = search(&name, env).map_err(Failure::new(b'X', name))?;
            Ok((program, argv.clone(), true))
        }
    }
}

/// Finds a program as execvp(3) does: a name with a slash is a path, any other is looked for on the session's `PATH`. A
/// file that is there but may not be executed is remembered as the reason.
fn search(name: &OsStr, env: &[(OsString, OsString)]) -> io::Result<PathBuf> {
    if name.is_empty() {
        // No file is called that, though every directory of the path would do for it.
        return Err(io::Error::from_raw_os_error(ENOENT));
    }
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let path = env.iter().find(|(key, _)| key == "PATH").map_or(OsStr::new(""), |(_, path)| path);
    let mut reason = io::Error::from_raw_os_error(ENOENT);
    for dir in std::env::split_paths(path) {
        let candidate = dir.join(name);
        match system::check_executable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => reason = error,
            Err(_) => {}
        }
    }
    Err(reason)
}

/// "No such file or directory" and "exec format error" (errno(3)).
const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;

fn become_program(program: &Path, argv: &[OsString], env: &[(OsString, OsString)], signals: &Signals) -> Failure {
    // The Rust runtime ignores it; a pipeline expects it to end its writers (signal(7)).
    let prepared = signal::set_default(Signal::SIGPIPE).and_then(|()| signals.restore_mask());
    let error = match prepared {
        Ok(()) => system::exec(program, argv, env),
        Err(error) => error,
    };
    let (kind, error) = match error.raw_os_error() {
        Some(ENOEXEC) => {
            // A script without `#!` is the shell's, as execvp(3) has it.
            let words: Vec<&OsStr> = [OsStr::new("sh"), program.as_os_str()]
                .into_iter()
                .chain(argv.iter().skip(1).map(OsString::as_os_str))
                .collect();
            (b'X', system::exec(Path::new("/bin/sh"), &words, env))
        }
        Some(ENOENT) if program.exists() => (b'I', error),
        _ => (b'X', error),
    };
    Failure::new(kind, argv.first().cloned().unwrap_or_default())(error)
}

/// Leads the session for a program that is no shell: the program gets a process group of its own in the foreground, so
/// that Ctrl-Z can stop it (a group without a parent in its session cannot be stopped: setpgid(2), orphaned groups), and
/// its stops are passed to the other side, whose caller has a shell.
fn lead(
    proof: &SingleThread,
    signals: &Signals,
    word: &OwnedFd,
    program: impl FnOnce() -> Failure,
) -> Result<u8, Failure> {
    let fail = || Failure::new(b'T', "");
    let (started, start) = process::pipe().map_err(fail())?;
    match process::fork(proof).map_err(fail())? {
        Fork::Child => {
            drop(started);
            process::finish(|| {
                let own = process::own_pid();
                let ready = tty::own_group(own).and_then(|()| tty::set_foreground(stream::STDIN, own));
                let failure = match ready {
                    Ok(()) => program(),
                    Err(error) => fail()(error),
                };
                // Before the pipe ends, which the leader takes for success; if nobody hears it there is nobody to tell.
                let _ = Word::Failed(failure).send(word);
                drop(start);
                process::EXIT_PANIC
            })
        }
        Fork::Parent(child) => {
            drop(start);
            // With it goes the connection: whoever holds it open stands for the session.
            drop(program);
            // The end of the pipe: the program runs, or has said why it does not.
            let _ = stream::read(&started, &mut [0]);
            let _ = Word::Running.send(word);
            attend(child, signals, word).map_err(fail())
        }
    }
}

fn attend(child: Pid, signals: &Signals, word: &OwnedFd) -> io::Result<u8> {
    loop {
        poll::wait(&[(signals.as_fd(), Ready { read: true, write: false })], None)?;
        while let Some(arrival) = signals.next()? {
            match arrival.signal {
                Signal::SIGCHLD => {
                    while let Some(change) = process::reap(true)? {
                        match change {
                            Change::Ended(pid, ended) if pid == child => return Ok(ended.status()),
                            Change::Stopped(pid, _) if pid == child => Word::Stopped.send(word)?,
                            _ => {}
                        }
                    }
                }
                Signal::SIGWINCH | Signal::SIGTSTP | Signal::SIGTTOU => {}
                // It may have ended in between.
                other => drop(signal::kill_group(child, other)),
            }
        }
    }
}
