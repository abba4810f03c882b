//! From a machine's facts to a rung.

use std::ffi::OsStr;
use std::path::Path;

use super::{Controller, Ground, NoGround, OUTSIDE, Rung};
use crate::host::{Cgroups, Group};

pub(super) fn decide(facts: &Cgroups) -> Result<Ground, NoGround> {
    let elsewhere = Controller::parse_version_1(&facts.version_1);
    let ground = |rung, group: &Group| Ground {
        rung,
        base: group.path.clone(),
        controllers: Controller::parse(&group.controllers),
        elsewhere: elsewhere.clone(),
        manager: None,
    };
    if let Some(group) = ours(&facts.own) {
        let prepared = facts.prepared.as_ref().is_some_and(|prepared| prepared.path == group.path);
        let rung = match (elsewhere.is_empty(), prepared) {
            (false, _) => Rung::Hybrid,
            (true, true) => Rung::Prepared,
            (true, false) => Rung::Own,
        };
        return Ok(ground(rung, group));
    }
    match &facts.manager {
        Some(manager) => Ok(Ground { manager: Some(manager.clone()), ..ground(Rung::UserManager, &manager.group) }),
        None => Err(reason(facts, !elsewhere.is_empty())),
    }
}

/// The group that boxes' groups can be made in: this process's own, or the one above if it has been put aside in a leaf.
fn ours(own: &[Group]) -> Option<&Group> {
    let chain = match own {
        [leaf, above @ ..] if leaf.path.ends_with(OUTSIDE) => above,
        own => own,
    };
    chain.first().filter(|group| group.writable && unit(chain).is_none_or(|unit| unit.delegated))
}

/// The innermost group that is one of systemd's units, by its name. All below it is whatever the unit has made of it; what is
/// below one that was not handed over is systemd's to change, though this user may own it, as with all of `user@.service`.
fn unit(chain: &[Group]) -> Option<&Group> {
    let is_unit = |name: &OsStr| {
        let kind = Path::new(name).extension();
        kind.is_some_and(|kind| ["scope", "service", "slice"].iter().any(|known| kind == *known))
    };
    chain.iter().find(|group| group.path.file_name().is_some_and(is_unit))
}

fn reason(facts: &Cgroups, version_1: bool) -> NoGround {
    let Some(mount) = &facts.mount else {
        return if version_1 { NoGround::VersionOne } else { NoGround::NotMounted };
    };
    match (facts.own.first(), &facts.prepared) {
        (_, Some(prepared)) if prepared.writable => NoGround::NotPlaced(prepared.path.clone()),
        (None, _) => NoGround::NotShown(mount.clone()),
        (Some(own), _) if own.writable => NoGround::NotDelegated(own.path.clone()),
        (Some(own), _) => NoGround::NotWritable(own.path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::host::Manager;

    const UNITS: &str = "user.slice/user-1000.slice/user@1000.service";

    /// A group of the mount `/cg`: writable with a `w`, handed over with a `d`.
    fn group(path: &str, how: &str, controllers: &str) -> Group {
        Group {
            path: Path::new("/cg").join(path),
            writable: how.contains('w'),
            delegated: how.contains('d'),
            controllers: controllers.to_owned(),
        }
    }

    fn facts(own: &[Group]) -> Cgroups {
        Cgroups { mount: Some("/cg".into()), own: own.to_vec(), ..Cgroups::default() }
    }

    /// Debian 12's user manager, as a login session and all else of the user finds it.
    fn with_manager(own: &[Group]) -> Cgroups {
        let manager = Manager { bus: "/run/user/1000/bus".into(), group: group(UNITS, "wd", "cpu memory pids") };
        Cgroups { systemd: true, manager: Some(manager), ..facts(own) }
    }

    fn outcome(facts: &Cgroups) -> (Rung, String, Vec<Controller>) {
        let ground = decide(facts).unwrap();
        (ground.rung, ground.base.display().to_string(), ground.controllers)
    }

    #[test]
    fn a_login_asks_the_users_systemd() {
        let session = group("user.slice/user-1000.slice/session-3.scope", "", "cpu memory pids");
        let (rung, base, controllers) = outcome(&with_manager(from_ref(&session)));
        assert_eq!((rung, base), (Rung::UserManager, format!("/cg/{UNITS}")));
        assert_eq!(controllers, [Controller::Cpu, Controller::Memory, Controller::Pids]);
        let path = session.path.clone();
        assert_eq!(decide(&facts(&[session])), Err(NoGround::NotWritable(path)));
    }

    #[test]
    fn a_scope_that_systemd_has_kept_is_not_ours_though_we_may_write_to_it() {
        let terminal = group(&format!("{UNITS}/app.slice/vte-spawn-1f.scope"), "w", "memory pids");
        let own = [terminal.clone(), group(&format!("{UNITS}/app.slice"), "w", "memory"), group(UNITS, "wd", "memory")];
        assert_eq!(outcome(&with_manager(&own)).0, Rung::UserManager);
        assert_eq!(decide(&facts(&own)), Err(NoGround::NotDelegated(terminal.path)));
        // Nor is what a program has made in it.
        let below = group(&format!("{UNITS}/app.slice/vte-spawn-1f.scope/x"), "w", "");
        let own = [vec![below.clone()], own.to_vec()].concat();
        assert_eq!(decide(&facts(&own)), Err(NoGround::NotDelegated(below.path)));
    }

    #[test]
    fn a_scope_that_systemd_has_handed_over_is_ours() {
        let scope = group(&format!("{UNITS}/app.slice/run-r1.scope"), "wd", "cpu memory pids");
        assert_eq!(
            outcome(&with_manager(from_ref(&scope))),
            (Rung::Own, scope.path.display().to_string(), vec![Controller::Cpu, Controller::Memory, Controller::Pids])
        );
        let aside = group(&format!("{UNITS}/app.slice/run-r1.scope/{OUTSIDE}"), "w", "cpu memory pids");
        assert_eq!(outcome(&with_manager(&[aside, scope.clone()])).1, scope.path.display().to_string());
    }

    #[test]
    fn in_a_box_its_payload_is_ours() {
        let (rung, base, controllers) = outcome(&facts(&[group("", "w", "cpuset cpu io memory hugetlb pids")]));
        assert_eq!((rung, &*base), (Rung::Own, "/cg/"));
        assert_eq!(controllers, Controller::ALL);
        // Its user has none, since it belongs to its root.
        assert_eq!(decide(&facts(&[group("", "", "cpu")])), Err(NoGround::NotWritable("/cg/".into())));
    }

    #[test]
    fn a_prepared_group_counts_with_the_login_in_it() {
        let prepared = group("envbox@1000", "w", "memory");
        let leaf = group(&format!("envbox@1000/{OUTSIDE}"), "w", "memory");
        let inside = Cgroups { prepared: Some(prepared.clone()), ..facts(&[leaf, prepared.clone()]) };
        assert_eq!(outcome(&inside), (Rung::Prepared, "/cg/envbox@1000".to_owned(), vec![Controller::Memory]));
        let outside = Cgroups { prepared: Some(prepared.clone()), ..facts(&[group("", "", "memory")]) };
        assert_eq!(decide(&outside), Err(NoGround::NotPlaced(prepared.path)));
    }

    #[test]
    fn a_hybrid_host_says_where_its_controllers_are() {
        let hybrid =
            |own: Group| Cgroups { version_1: "pids blkio memory devices cpu cpuacct".to_owned(), ..facts(&[own]) };
        let ground = decide(&hybrid(group("x", "w", "hugetlb"))).unwrap();
        assert_eq!((ground.rung, ground.controllers), (Rung::Hybrid, vec![]));
        assert_eq!(ground.elsewhere, [Controller::Cpu, Controller::Memory, Controller::Pids, Controller::Io]);
        assert_eq!(decide(&hybrid(group("", "", ""))), Err(NoGround::NotWritable("/cg/".into())));
    }

    #[test]
    fn without_a_hierarchy_of_version_2_the_reason_is_told() {
        let legacy = Cgroups { version_1: "memory cpu".to_owned(), ..Cgroups::default() };
        assert_eq!(decide(&legacy), Err(NoGround::VersionOne));
        assert_eq!(decide(&Cgroups::default()), Err(NoGround::NotMounted));
        assert_eq!(decide(&facts(&[])), Err(NoGround::NotShown("/cg".into())));
    }
}
