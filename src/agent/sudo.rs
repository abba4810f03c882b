//! `sudo` for boxes whose image has none. It asks for no password: whoever is in a box may be root in it, and root in a
//! box is nobody outside of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::Parser;

use super::program::{self, SECURE_PATH};
use super::{Error, accounts};
use crate::host::Host;
use crate::image::accounts::User;
use crate::sys::process::{self, Fork, SingleThread};
use crate::sys::{id, signal, system};

/// Run a command as root, or as another user of this box
#[derive(Debug, Parser)]
#[command(name = "sudo", version, disable_help_flag = true)]
struct Args {
    /// Run as this user, a name or `#` and a number
    #[arg(short, long, default_value = "root")]
    user: String,
    /// Run with this primary group
    #[arg(short, long)]
    group: Option<String>,
    /// Keep the whole environment, or these variables
    #[arg(short = 'E', long, value_name = "LIST", num_args = 0..=1, require_equals = true, default_missing_value = "",
        value_delimiter = ',')]
    preserve_env: Option<Vec<String>>,
    /// Run in the background
    #[arg(short, long)]
    background: bool,
    /// What to ask for a password with; none is needed
    #[arg(short, long, value_name = "PROMPT")]
    prompt: Option<String>,
    /// Ask for a password by a program; none is needed
    #[arg(short = 'A', long)]
    askpass: bool,
    /// Keep the caller's groups
    #[arg(short = 'P', long)]
    preserve_groups: bool,
    /// Set HOME to the user's home; always done
    #[arg(short = 'H', long)]
    set_home: bool,
    /// Run a login shell of the user's
    #[arg(short = 'i', long, conflicts_with = "shell")]
    login: bool,
    /// Run a shell
    #[arg(short, long)]
    shell: bool,
    /// Ask no questions; none is ever asked
    #[arg(short, long)]
    non_interactive: bool,
    /// Read the password from standard input; none is needed
    #[arg(short = 'S', long)]
    stdin: bool,
    /// Begin in this directory
    #[arg(short = 'D', long, value_name = "DIR")]
    chdir: Option<PathBuf>,
    /// Do nothing, successfully: there is no password to remember
    #[arg(short, long)]
    validate: bool,
    /// Do nothing, successfully
    #[arg(short = 'k', long)]
    reset_timestamp: bool,
    /// Do nothing, successfully
    #[arg(short = 'K', long)]
    remove_timestamp: bool,
    /// Do nothing, successfully: everything may be run
    #[arg(short, long)]
    list: bool,
    /// Show this
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Variables to set, as NAME=VALUE, then the command and its arguments
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// Variables that root's commands get of the caller's: the terminal, the language, the display, the way to the network.
const KEPT: [&str; 18] = [
    "TERM",
    "COLORTERM",
    "TERMINFO_DIRS",
    "LANG",
    "LANGUAGE",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "container",
    "ENVBOX",
    "EDITOR",
];

/// Runs `sudo` with this program's arguments. Returns only if it does not come to the command.
///
/// # Errors
/// [`Error`].
pub(super) fn run() -> Result<u8, Error> {
    let host = &Host::probe()?;
    let args = Args::try_parse()?;
    let (settings, command) = split(&args.command);
    let idle = args.validate || args.reset_timestamp || args.remove_timestamp || args.list;
    if command.is_empty() && !args.login && !args.shell {
        return if idle { Ok(0) } else { Err(Error::NoCommand) };
    }
    if id::effective_uid() != 0 {
        return Err(Error::NotRoot("sudo"));
    }
    let user = accounts::user(&args.user).ok_or_else(|| Error::NoUser(args.user.clone()))?;
    let group = match &args.group {
        Some(name) => accounts::group(name).ok_or_else(|| Error::NoGroup(name.clone()))?,
        None => user.gid,
    };
    let argv = argv(&args, &user, command);
    let env = environment(&args, host, &user, settings, &argv);
    let failed = |what| move |source| Error::System { what, source };
    if args.background {
        match process::fork(&SingleThread::prove().map_err(failed("fork"))?).map_err(failed("fork"))? {
            Fork::Parent(_) => return Ok(0),
            Fork::Child => {}
        }
    }
    if !args.preserve_groups {
        id::set_groups(&accounts::groups_of(&user)).map_err(failed("set the groups"))?;
    }
    id::become_user(user.uid, group).map_err(failed("become the user"))?;
    let dir = args.chdir.or_else(|| args.login.then(|| user.home.clone()));
    if let Some(dir) = dir {
        system::change_dir(&dir).map_err(failed("go to the directory"))?;
    }
    signal::set_default(signal::Signal::SIGPIPE).map_err(failed("set signals"))?;
    let program = if args.login || args.shell {
        user.shell.clone()
    } else {
        program::find(&argv[0], &env).ok_or_else(|| Error::NotFound(argv[0].clone()))?
    };
    let source = system::exec(&program, &argv, &env);
    Err(Error::Exec { command: program.into(), source })
}

/// The words of the form NAME=VALUE that come before the command.
fn split(words: &[OsString]) -> (Vec<(OsString, OsString)>, &[OsString]) {
    let setting = |word: &OsString| {
        let bytes = word.as_bytes();
        let at = bytes.iter().position(|&byte| byte == b'=').filter(|&at| at > 0 && !bytes[..at].contains(&b'/'))?;
        Some((OsStr::from_bytes(&bytes[..at]).to_owned(), OsStr::from_bytes(&bytes[at + 1..]).to_owned()))
    };
    let settings: Vec<_> = words.iter().map_while(setting).collect();
    let rest = &words[settings.len()..];
    (settings, rest)
}

/// What to run: the command, or the user's shell, or the command by the shell.
fn argv(args: &Args, user: &User, command: &[OsString]) -> Vec<OsString> {
    if !args.login && !args.shell {
        return command.to_vec();
    }
    let name = user.shell.file_name().unwrap_or(OsStr::new("sh"));
    let mut argv0 = OsString::from(if args.login { "-" } else { "" });
    argv0.push(name);
    let mut argv = vec![argv0];
    if !command.is_empty() {
        argv.push("-c".into());
        argv.push(command.iter().map(|word| escaped(word)).collect::<Vec<_>>().join(OsStr::new(" ")));
    }
    argv
}

/// A word that the shell takes for what it is (sudo(8), `-s`): all but letters, digits, `_`, `-` and `$` is escaped.
fn escaped(word: &OsStr) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
    let bytes = word.as_bytes().iter().flat_map(|&byte| if plain(byte) { vec![byte] } else { vec![b'\\', byte] });
    OsString::from_vec(bytes.collect())
}

fn environment(
    args: &Args,
    host: &Host,
    user: &User,
    settings: Vec<(OsString, OsString)>,
    argv: &[OsString],
) -> Vec<(OsString, OsString)> {
    let all = args.preserve_env.as_ref().is_some_and(|list| list.iter().all(String::is_empty));
    let listed = |name: &OsStr| args.preserve_env.iter().flatten().any(|listed| name == listed.as_str());
    let kept = |name: &OsStr| {
        all || listed(name) || KEPT.iter().any(|kept| name == *kept) || name.as_bytes().starts_with(b"LC_")
    };
    let caller = accounts::user_by_id(id::uid()).map_or_else(|| id::uid().to_string(), |user| user.name);
    let own: [(&str, OsString); 9] = [
        ("HOME", user.home.clone().into()),
        ("SHELL", user.shell.clone().into()),
        ("USER", user.name.clone().into()),
        ("LOGNAME", user.name.clone().into()),
        ("PATH", SECURE_PATH.into()),
        ("SUDO_COMMAND", argv.join(OsStr::new(" "))),
        ("SUDO_USER", caller.into()),
        ("SUDO_UID", id::uid().to_string().into()),
        ("SUDO_GID", id::gid().to_string().into()),
    ];
    let own = own.into_iter().map(|(name, value)| (OsString::from(name), value)).chain(settings);
    let mut env: Vec<(OsString, OsString)> = host.env.iter().filter(|(name, _)| kept(name)).cloned().collect();
    for (name, value) in own {
        env.retain(|(other, _)| *other != name);
        env.push((name, value));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Args {
        Args::try_parse_from(std::iter::once(&"sudo").chain(words)).unwrap()
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let args = parse(&["-u", "al", "-E", "ls", "-u", "x", "--help"]);
        assert_eq!(args.user, "al");
        assert_eq!(args.command, ["ls", "-u", "x", "--help"]);
        assert_eq!(parse(&["--", "-x"]).command, ["-x"]);
        assert_eq!(parse(&["-nH", "true"]).command, ["true"]);
        let args = parse(&["-E", "-p", "password:", "--preserve-env=A,B", "env"]);
        assert_eq!((args.command.len(), args.preserve_env.unwrap().len()), (1, 3));
    }

    #[test]
    fn settings_come_first() {
        let words = ["A=1", "B=x=y", "env", "C=2"].map(OsString::from);
        let (settings, command) = split(&words);
        assert_eq!(settings, [("A".into(), "1".into()), ("B".into(), "x=y".into())]);
        assert_eq!(command, ["env", "C=2"]);
        assert!(split(&["/a=b/c".into()]).0.is_empty(), "a path is a command");
    }

    #[test]
    fn shells() {
        let root = User { name: "root".into(), uid: 0, gid: 0, home: "/root".into(), shell: "/bin/bash".into() };
        assert_eq!(argv(&parse(&["-i"]), &root, &[]), ["-bash"]);
        let words = ["echo".into(), "a b".into()];
        assert_eq!(argv(&parse(&["-s"]), &root, &words), ["bash", "-c", "echo a\\ b"]);
        assert_eq!(escaped(OsStr::new("a;id $HOME 'x'")), "a\\;id\\ $HOME\\ \\'x\\'");
    }
}
