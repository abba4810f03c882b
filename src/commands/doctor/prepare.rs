//! `envbox doctor --cgroup`: what root does once, so that a user can make cgroups.

use std::path::{Path, PathBuf};

use crate::host::{Cgroups, Host};
use crate::limits::{Controller, OUTSIDE};
use crate::sys::process;

/// The files in which distributions have what is done at each login (pam.d(5)), the most general first.
const PAM: [&str; 5] = ["common-session", "system-login", "base-session", "postlogin", "login"];

/// Where the program goes that puts a login into its cgroup.
const PROGRAM: &str = "/usr/local/sbin/envbox-cgroup";

/// What the lines depend on.
#[derive(Debug)]
pub(super) struct Machine {
    cgroups: Cgroups,
    user: String,
    uid: u32,
    /// The process that has started this one: the user's shell, as a rule.
    shell: i32,
    /// The file of PAM's that each login goes through.
    pam: Option<PathBuf>,
}

impl Machine {
    pub(super) fn of(host: &Host) -> Self {
        Self {
            cgroups: host.cgroups(),
            user: host.user.name.clone(),
            uid: host.user.uid,
            shell: process::parent().as_raw(),
            pam: PAM.iter().map(|name| Path::new("/etc/pam.d").join(name)).find(|path| path.is_file()),
        }
    }
}

/// The lines, for `sh`.
pub(super) fn lines(machine: &Machine) -> String {
    if machine.cgroups.systemd { by_systemd(machine) } else { by_login(machine) }
}

/// The user's systemd makes the cgroups. It has to be there, and to have the controllers.
fn by_systemd(machine: &Machine) -> String {
    let Machine { cgroups, user, uid, .. } = machine;
    let Some(manager) = &cgroups.manager else {
        return format!(
            "# The systemd of {user} cannot be reached: it has to run, and to have a bus.\n\
             loginctl enable-linger {uid}\n\
             # Where there is no /run/user/{uid}/bus then, install the package dbus-user-session, or dbus-broker."
        );
    };
    let here = Controller::parse(&manager.group.controllers);
    let elsewhere = Controller::parse_version_1(&cgroups.version_1);
    if Controller::ALL.iter().all(|one| here.contains(one) || elsewhere.contains(one)) {
        return format!(
            "# Nothing is missing: the systemd of {user} makes cgroups, with all controllers of version 2."
        );
    }
    let all = Controller::ALL.map(Controller::name).join(" ");
    format!(
        "# The systemd of each user gets these controllers, from the next login after the last logout.\n\
         mkdir -p /etc/systemd/system/user@.service.d\n\
         printf '[Service]\\nDelegate={all}\\n' > /etc/systemd/system/user@.service.d/envbox.conf\n\
         systemctl daemon-reload"
    )
}

/// Each login of the user's is put into a cgroup of theirs: nobody but root can move it there.
fn by_login(machine: &Machine) -> String {
    let Machine { cgroups, user, uid, shell, pam } = machine;
    let (mount, top) = match &cgroups.mount {
        Some(mount) => (String::new(), mount.clone()),
        None if cgroups.version_1.is_empty() => mounted("/sys/fs/cgroup"),
        None => mounted("/sys/fs/cgroup/unified"),
    };
    let login = match pam {
        Some(file) => {
            let file = file.display();
            format!(
                "# Each login from now on:\n\
                 grep -q {PROGRAM} {file} || echo 'session optional pam_exec.so quiet seteuid {PROGRAM}' >> {file}"
            )
        }
        None => format!(
            "# Without PAM, what logs {user} in has to put itself there before, as this would:\n\
             # sh -c '{PROGRAM} {uid} $$ && exec su - {user}'"
        ),
    };
    format!(
        "# A cgroup for each login of {user}. There can be more users: 'in {uid} | 1234)'.\n\
         {mount}cat > {PROGRAM} <<'END'\n{}END\n\
         chmod 755 {PROGRAM}\n\
         {login}\n\
         # The shell that has asked for these lines:\n\
         {PROGRAM} {uid} {shell}",
        program(&top, *uid),
    )
}

fn mounted(at: &str) -> (String, PathBuf) {
    (format!("mkdir -p {at} && mount -t cgroup2 cgroup2 {at}    # at each boot\n"), at.into())
}

/// The program, as a script. The processes go to a leaf, or the controllers could not be given to boxes.
fn program(top: &Path, uid: u32) -> String {
    let prepared = Cgroups::prepared_name(0);
    let prefix = prepared.trim_end_matches('0');
    let top = top.display();
    format!(
        r#"#!/bin/sh
# Puts a process into its user's cgroup: envbox-cgroup UID PID; without them, the login that pam_exec(8) tells of.
[ "$PAM_TYPE" != close_session ] || exit 0
uid=${{1-$(id -u "$PAM_USER")}} pid=${{2-$PPID}}
case $uid in {uid}) ;; *) exit 0 ;; esac
owner=$uid:$(id -g "$uid")
top={top} dir={top}/{prefix}$uid
mkdir -p "$dir/{OUTSIDE}"
for controller in $(cat "$top/cgroup.controllers"); do
    echo "+$controller" > "$top/cgroup.subtree_control"
done 2> /dev/null
for group in "$dir" "$dir/{OUTSIDE}"; do
    chown "$owner" "$group"
    for file in $(cat /sys/kernel/cgroup/delegate); do
        [ ! -e "$group/$file" ] || chown "$owner" "$group/$file"
    done
done
echo "$pid" > "$dir/{OUTSIDE}/cgroup.procs"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Group, Manager};

    fn machine(cgroups: Cgroups) -> Machine {
        Machine { cgroups, user: "al".to_owned(), uid: 1000, shell: 77, pam: Some("/etc/pam.d/common-session".into()) }
    }

    fn with_manager(controllers: &str) -> Cgroups {
        let group = Group { controllers: controllers.to_owned(), ..Group::default() };
        Cgroups { systemd: true, manager: Some(Manager { bus: "/bus".into(), group }), ..Cgroups::default() }
    }

    #[test]
    fn systemd_hands_out_what_it_has_not_yet() {
        let text = lines(&machine(with_manager("memory pids")));
        assert!(text.contains(r"'[Service]\nDelegate=cpu cpuset memory pids io\n'"), "{text}");
        let text = lines(&machine(with_manager("cpuset cpu io memory pids misc")));
        assert!(text.starts_with("# Nothing is missing"), "{text}");
        let hybrid = Cgroups { version_1: "cpu cpuset memory".to_owned(), ..with_manager("io pids") };
        assert!(lines(&machine(hybrid)).starts_with("# Nothing is missing"));
        let text = lines(&machine(Cgroups { systemd: true, ..Cgroups::default() }));
        assert!(text.contains("\nloginctl enable-linger 1000\n"), "{text}");
    }

    #[test]
    fn without_systemd_each_login_is_placed() {
        let unified = Cgroups { mount: Some("/cg".into()), ..Cgroups::default() };
        let text = lines(&machine(unified.clone()));
        assert!(text.contains("top=/cg dir=/cg/envbox@$uid\n"), "{text}");
        assert!(text.contains(">> /etc/pam.d/common-session\n"), "{text}");
        assert!(text.ends_with("\n/usr/local/sbin/envbox-cgroup 1000 77"), "{text}");

        let text = lines(&Machine { pam: None, ..machine(unified) });
        assert!(text.contains("# sh -c '/usr/local/sbin/envbox-cgroup 1000 $$ && exec su - al'"), "{text}");
    }

    #[test]
    fn a_hierarchy_that_is_not_mounted_is_mounted_beside_the_others() {
        let text = lines(&machine(Cgroups { version_1: "memory".to_owned(), ..Cgroups::default() }));
        assert!(text.contains("mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified "), "{text}");
        let text = lines(&machine(Cgroups::default()));
        assert!(text.contains("mount -t cgroup2 cgroup2 /sys/fs/cgroup "), "{text}");
    }
}
