//! `envbox autostart`: boxes that are started when their user logs in, by the user's own systemd.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::start::LATE;
use super::system;
use crate::cli::Autostart;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::BoxName;
use crate::ui::Ui;

/// The unit that boxes are instances of (systemd.unit(5), "template units").
const TEMPLATE: &str = "envbox@.service";

/// Links to the units that are started at login.
const WANTS: &str = "default.target.wants";

/// There where systemd is the machine's init (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

pub(super) fn run(args: &Autostart, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let units = units(host);
    match &args.name {
        None => started(&units).iter().try_for_each(|name| ui.line(name.as_str()))?,
        Some(name) if args.off => off(&context, &units, name)?,
        Some(name) => on(&context, &units, name)?,
    }
    Ok(0)
}

/// The user's own units, beside envbox's own settings: `$XDG_CONFIG_HOME/systemd/user` (systemd.unit(5)).
fn units(host: &Host) -> PathBuf {
    host.dirs.config.with_file_name("systemd").join("user")
}

fn on(context: &Context<'_>, units: &Path, name: &BoxName) -> Result<()> {
    let stored = context.store.open_box(name)?;
    let program = fs::read_link("/proc/self/exe").map_err(Error::new)?;
    if !Path::new(BOOTED).is_dir() {
        let program = program.display();
        return Err(Error::new("this machine has no systemd that could start a box when you log in")
            .hint(format!("in `crontab -e`, at each start of the machine: @reboot {program} start {name}"))
            .hint(format!("in ~/.profile, at each login: {program} start --no-wait {name}")));
    }
    let wants = units.join(WANTS);
    let write = || -> io::Result<()> {
        fs::create_dir_all(&wants)?;
        fs::write(units.join(TEMPLATE), unit(&program, context.host))?;
        match symlink(units.join(TEMPLATE), wants.join(instance(name))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    write().map_err(|error| Error::new(format!("cannot write a unit to {}: {error}", units.display())))?;
    reload(context);
    context.ui.note(&format!("`{name}` is started when you log in"));
    if !system::is_one(&stored.config) {
        let linger = stored.config.linger;
        context.ui.note(&format!("it has no init, and ends where nothing has run in it for {linger} s"));
    }
    if !Path::new("/var/lib/systemd/linger").join(&context.host.user.name).exists() {
        context.ui.note("`loginctl enable-linger` starts it with the machine, and lets it run on when you log out");
    }
    Ok(())
}

fn off(context: &Context<'_>, units: &Path, name: &BoxName) -> Result<()> {
    context.ui.note(&match unlink(context, units, name)? {
        true => format!("`{name}` is not started at login any more"),
        false => format!("`{name}` was not started at login"),
    });
    Ok(())
}

/// Starts a box that has been removed at no login any more: each would have a failed unit.
///
/// # Errors
/// unlink(2)'s.
pub(super) fn forget(context: &Context<'_>, name: &BoxName) -> Result<()> {
    let units = units(context.host);
    let written = fs::read_to_string(units.join(TEMPLATE)).unwrap_or_default();
    // A box of another data directory is another one, though it has this name.
    let is_ours = written.lines().find(|line| line.starts_with("Environment=")).unwrap_or_default()
        == environment(context.host).trim_end();
    if is_ours && !written.is_empty() { unlink(context, &units, name).map(drop) } else { Ok(()) }
}

/// Removes the link to a box's unit. `false`: there was none.
fn unlink(context: &Context<'_>, units: &Path, name: &BoxName) -> Result<bool> {
    let link = units.join(WANTS).join(instance(name));
    match fs::remove_file(&link) {
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => Ok(false),
        Err(error) => Err(Error::new(format!("cannot remove {}: {error}", link.display()))),
        Ok(()) => {
            reload(context);
            Ok(true)
        }
    }
}

fn instance(name: &BoxName) -> String {
    format!("envbox@{name}.service")
}

/// The boxes that are started at login.
fn started(units: &Path) -> Vec<BoxName> {
    let entries = fs::read_dir(units.join(WANTS)).into_iter().flatten().flatten();
    let name = |file: PathBuf| {
        let name = file.file_name()?.to_str()?.strip_prefix("envbox@")?.strip_suffix(".service")?.parse().ok()?;
        Some(name)
    };
    let mut names: Vec<BoxName> = entries.filter_map(|entry| name(entry.path())).collect();
    names.sort_unstable();
    names
}

/// The unit. A cgroup of its own is delegated to it, so that a box can have limits and an init.
fn unit(program: &Path, host: &Host) -> String {
    let program = quoted(&program.display().to_string());
    format!(
        "# Written by `envbox autostart`.\n\
         [Unit]\n\
         Description=The box %i (envbox)\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         Delegate=yes\n\
         {}\
         ExecStart={program} start %i\n\
         ExecStop={program} stop %i\n\
         # A boot that takes long goes on.\n\
         SuccessExitStatus={LATE}\n\
         TimeoutStartSec=120\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        environment(host)
    )
}

/// The unit's line for the variable on which depends which boxes there are; nothing where it is not set.
fn environment(host: &Host) -> String {
    let data = host.var("XDG_DATA_HOME").and_then(|data| data.to_str());
    data.map(|data| format!("Environment={}\n", quoted(&format!("XDG_DATA_HOME={data}")))).unwrap_or_default()
}

/// A word of a unit's command line, in which `%` begins a specifier and `$` a variable (systemd.service(5), "COMMAND LINES").
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '%' | '$' => text.extend([character, character]),
            other => text.push(other),
        }
    }
    text + "\""
}

/// Lets the user's systemd know. One that is not there, as in a cron job, reads the files when it is started.
fn reload(context: &Context<'_>) {
    let Some(program) = context.host.find_program("systemctl") else { return };
    let mut command = Command::new(program);
    command.args(["--user", "daemon-reload"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_unit() {
        assert_eq!(quoted("/opt/100% $HOME \"x\" \\"), r#""/opt/100%% $$HOME \"x\" \\""#);
    }

    #[test]
    fn links_say_which_boxes_are_started() {
        let dir = tempfile::tempdir().unwrap();
        let wants = dir.path().join(WANTS);
        fs::create_dir(&wants).unwrap();
        for name in ["envbox@b.service", "envbox@a-1.service", "envbox@.service", "other.service", "envbox@a b.service"]
        {
            symlink("x", wants.join(name)).unwrap();
        }
        let names: Vec<String> = started(dir.path()).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a-1", "b"]);
    }
}
