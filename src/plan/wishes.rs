//! What an image wishes for its own command, and how much of it is granted.

use std::ffi::OsString;
use std::path::PathBuf;

use super::user::is_caller;
use super::{BoxPath, NOT_ROOT, Who};
use crate::host::User;
use crate::image::accounts::{ParseUserError, UserSpec};
use crate::image::oci::RunConfig;
use crate::image::signal_number;
use crate::recipe::BoxName;

/// What the image says does not make a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// It was to run the image's own command, and there is none.
    #[error("the image of box `{0}` has no command of its own")]
    NoCommand(BoxName),
    /// The image's user is none.
    #[error("the image has no valid user for its command")]
    User(#[from] ParseUserError),
    /// The user that the box has for its sessions is none.
    #[error("`user` in the box's configuration is no user")]
    Configured(#[source] ParseUserError),
    /// The directory that the box has for its sessions is none.
    #[error("`workdir` in the box's configuration, `{}`, is not an absolute path without `.` and `..`", .0.display())]
    NoPlace(PathBuf),
    /// The image's working directory is none.
    #[error("the image's working directory `{}` is not an absolute path without `.` and `..`", .0.escape_debug())]
    WorkDir(String),
    /// No argument of a program can be like that (execve(2)).
    #[error("the image's command has a null byte in it")]
    NullByte,
    /// More variables than anybody has use for.
    #[error("the image sets {0} environment variables, and {MOST_VARIABLES} are the most")]
    Variables(usize),
}

/// Variables that an image may set. The kernel takes no more than some megabytes of them all (execve(2)).
const MOST_VARIABLES: usize = 4096;

/// The signal that asks a program to end (signal(7)).
const SIGTERM: i32 = 15;

/// Its entry point, and what comes after that.
pub(super) fn command(image: &RunConfig, name: &BoxName) -> Result<Vec<OsString>, NoSession> {
    let words = || image.entrypoint.iter().chain(&image.cmd);
    match words().any(|word| word.contains('\0')) {
        true => Err(NoSession::NullByte),
        false if words().next().is_none() => Err(NoSession::NoCommand(name.clone())),
        false => Ok(words().map(OsString::from).collect()),
    }
}

/// Where it begins.
pub(super) fn workdir(image: &RunConfig) -> Result<PathBuf, NoSession> {
    let dir = if image.working_dir.is_empty() { "/" } else { &*image.working_dir };
    let path = BoxPath::new(dir).ok().filter(|_| !dir.contains('\0'));
    path.map(|path| path.as_path().to_owned()).ok_or_else(|| NoSession::WorkDir(short(dir)))
}

/// Its variables, which every program of the box gets.
pub(super) fn variables(image: &RunConfig) -> Result<&[String], NoSession> {
    let count = image.env.len();
    if count > MOST_VARIABLES { Err(NoSession::Variables(count)) } else { Ok(&image.env) }
}

/// Who it is, where the caller has not said it: root only if the caller is.
pub(super) fn who(image: &RunConfig, caller: &User, notes: &mut Vec<String>) -> Result<Who, NoSession> {
    // Without a user an image means root: the image format leaves it to the engine, and all take root.
    let spec: UserSpec = if image.user.is_empty() { "root" } else { &image.user }.parse()?;
    if spec.is_root() {
        if caller.uid != 0 {
            notes.push(NOT_ROOT.to_owned());
        }
        return Ok(Who::Caller);
    }
    Ok(if is_caller(caller, &spec) { Who::Caller } else { Who::Image(spec) })
}

/// The signal that asks it to end.
pub(super) fn stop_signal(image: &RunConfig, notes: &mut Vec<String>) -> i32 {
    let known = signal_number(&image.stop_signal);
    if known.is_none() && !image.stop_signal.is_empty() {
        let signal = short(&image.stop_signal);
        notes.push(format!("`{signal}` is no signal: the image's command is stopped by SIGTERM"));
    }
    known.unwrap_or(SIGTERM)
}

/// What an image declares for engines with a network and volumes of their own, and what that means here.
pub(super) fn declared(image: &RunConfig, ephemeral: bool) -> Option<String> {
    const SHOWN: usize = 8;
    let list = |what: &str, items: &[String], meaning: &str| {
        let shown: Vec<String> = items.iter().take(SHOWN).map(|item| short(item)).collect();
        let more = if items.len() > SHOWN { ", …" } else { "" };
        (!items.is_empty()).then(|| format!("{what} {}{more} {meaning}", shown.join(", ")))
    };
    let volumes = if ephemeral { "(in the box, and removed with it)" } else { "(in the box)" };
    let ports = list("ports", &image.exposed_ports, "(on the host's network, which the box shares)");
    let declared: Vec<String> = ports.into_iter().chain(list("volumes", &image.volumes, volumes)).collect();
    (!declared.is_empty()).then(|| format!("the image declares {}", declared.join(" and ")))
}

/// The beginning of what an image says, which may be megabytes.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> RunConfig {
        RunConfig { entrypoint: vec!["/entry".into()], cmd: vec!["serve".into()], ..RunConfig::default() }
    }

    #[test]
    fn the_command_is_the_entry_point_and_what_follows() {
        let of = |image: &RunConfig| command(image, &"deb".parse().unwrap());
        assert_eq!(of(&image()).unwrap(), ["/entry", "serve"]);
        assert_eq!(of(&RunConfig { entrypoint: vec![], ..image() }).unwrap(), ["serve"]);
        assert_eq!(of(&RunConfig::default()), Err(NoSession::NoCommand("deb".parse().unwrap())));
        assert_eq!(of(&RunConfig { cmd: vec!["a\0b".into()], ..image() }), Err(NoSession::NullByte));
    }

    #[test]
    fn root_is_not_given_away() {
        let of = |user: &str, uid: u32| {
            let mut notes = Vec::new();
            let caller = User { uid, ..User::example() };
            who(&RunConfig { user: user.into(), ..image() }, &caller, &mut notes).map(|who| (who, notes.len()))
        };
        for root in ["", "0", "root", "root:root", "0:7", "000"] {
            assert_eq!(of(root, 1000), Ok((Who::Caller, 1)), "{root}");
            assert_eq!(of(root, 0), Ok((Who::Caller, 0)), "{root}");
        }
        assert_eq!(of("1000", 1000), Ok((Who::Caller, 0)));
        for other in ["app", "1000:1000", "toor", "1:0"] {
            assert_eq!(of(other, 1000), Ok((Who::Image(other.parse().unwrap()), 0)), "{other}");
        }
        for bad in ["-1", "4294967295", "1:", "a:b:c", "x\0"] {
            assert!(matches!(of(bad, 1000), Err(NoSession::User(_))), "{bad}");
        }
    }

    #[test]
    fn a_working_directory_is_a_plain_path() {
        let of = |dir: &str| workdir(&RunConfig { working_dir: dir.into(), ..image() });
        assert_eq!((of("/srv"), of("")), (Ok("/srv".into()), Ok("/".into())));
        for bad in ["srv", "../x", "/a/../../b", ".", "/a\0"] {
            assert_eq!(of(bad), Err(NoSession::WorkDir(bad.into())));
        }
        let long = "x".repeat(1 << 20);
        assert!(of(&long).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn variables_have_an_end() {
        let of = |count| variables(&RunConfig { env: vec!["A=1".into(); count], ..image() }).map(<[String]>::len);
        assert_eq!(of(MOST_VARIABLES), Ok(MOST_VARIABLES));
        assert_eq!(of(MOST_VARIABLES + 1), Err(NoSession::Variables(MOST_VARIABLES + 1)));
    }

    #[test]
    fn signals() {
        let of = |signal: &str| {
            let mut notes = Vec::new();
            let number = stop_signal(&RunConfig { stop_signal: signal.into(), ..image() }, &mut notes);
            (number, notes.len())
        };
        assert_eq!((of(""), of("SIGQUIT"), of("37"), of("SIGNONE")), ((15, 0), (3, 0), (37, 0), (15, 1)));
    }

    #[test]
    fn ports_and_volumes_are_told_of_in_one_line() {
        assert_eq!(declared(&image(), false), None);
        let exposed_ports: Vec<String> = (0..20).map(|port| format!("{port}/tcp")).collect();
        let image = RunConfig { exposed_ports, volumes: vec!["/data".into(), "x".repeat(1 << 20)], ..image() };
        let note = declared(&image, true).unwrap();
        assert!(note.contains("7/tcp, …") && !note.contains("8/tcp") && note.contains("/data, xxx"), "{note}");
        assert!(note.contains("removed") && note.len() < 500, "{note}");
    }
}
