//! Where cgroups can be made, and which limits that allows.

use super::check::Check;
use crate::host::Host;
use crate::limits::{Controller, Ground, NoGround, Rung};

/// Prints what root has to do.
const PREPARE: &str = "envbox doctor --cgroup    # prints the lines for root";

/// How a kernel is kept from giving controllers to version 1 (`kernel-parameters.txt`).
const NO_VERSION_1: &str =
    "# boot with cgroup_no_v1=all, and with systemd.unified_cgroup_hierarchy=1 where there is systemd";

pub(super) fn checks(host: &Host) -> Vec<Check> {
    rows(Ground::find(host))
}

fn rows(found: Result<Ground, NoGround>) -> Vec<Check> {
    const NAME: &str = "cgroup";
    match found {
        Ok(ground) => vec![Check::ok(NAME, rung(&ground)), controllers(&ground)],
        Err(why) => {
            let detail = format!("{why}; limits cannot be enforced, and no systemd can run in a box");
            vec![Check::warning(NAME, detail).fix(PREPARE)]
        }
    }
}

fn rung(ground: &Ground) -> String {
    let base = ground.base.display();
    match ground.rung {
        Rung::Own => format!("{base} has been handed to this process"),
        Rung::Prepared => format!("{base} has been prepared for this user"),
        Rung::Hybrid => format!("{base}, in the version 2 half of a hybrid host"),
        Rung::UserManager => format!("systemd makes one for each box, below {base}"),
    }
}

/// What cannot be enforced, and why not.
fn controllers(ground: &Ground) -> Check {
    const NAME: &str = "controllers";
    let names = |wanted: &dyn Fn(&Controller) -> bool| -> Option<String> {
        let found: Vec<&str> = Controller::ALL.iter().filter(|one| wanted(one)).map(|one| one.name()).collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    let missing = |one: &Controller| !ground.controllers.contains(one);
    let taken = names(&|one| missing(one) && ground.elsewhere.contains(one));
    let kept = names(&|one| missing(one) && !ground.elsewhere.contains(one));
    let fix = match (&taken, &kept) {
        (None, None) => return Check::ok(NAME, names(&|_| true).unwrap_or_default()),
        (Some(_), _) => NO_VERSION_1,
        (None, Some(_)) => PREPARE,
    };
    let taken = taken.map(|names| format!("{names}: this host's version 1 hierarchies have the controllers"));
    let kept = kept.map(|names| format!("{names}: not handed to this user"));
    let reasons: Vec<String> = taken.into_iter().chain(kept).collect();
    Check::warning(NAME, format!("limits that cannot be enforced: {}", reasons.join("; "))).fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controllers_row(controllers: &[Controller], elsewhere: &[Controller]) -> Check {
        let ground = Ground {
            rung: Rung::UserManager,
            base: "/cg/user@1.service".into(),
            controllers: controllers.to_vec(),
            elsewhere: elsewhere.to_vec(),
            manager: None,
        };
        let [rung, controllers] = <[Check; 2]>::try_from(rows(Ok(ground))).unwrap();
        assert_eq!(rung.detail, "systemd makes one for each box, below /cg/user@1.service");
        controllers
    }

    #[test]
    fn each_limit_that_cannot_be_enforced_is_named_with_the_reason() {
        let all = controllers_row(&Controller::ALL, &[]);
        assert_eq!(all, Check::ok("controllers", "cpu, cpuset, memory, pids, io"));

        let some = controllers_row(&[Controller::Memory, Controller::Pids], &[]);
        assert_eq!(some.detail, "limits that cannot be enforced: cpu, cpuset, io: not handed to this user");
        assert_eq!(some.fix.unwrap(), PREPARE);

        let hybrid = controllers_row(&[Controller::Io], &[Controller::Cpu, Controller::Memory, Controller::Cpuset]);
        assert_eq!(
            hybrid.detail,
            "limits that cannot be enforced: cpu, cpuset, memory: this host's version 1 hierarchies have the \
             controllers; pids: not handed to this user"
        );
        assert_eq!(hybrid.fix.unwrap(), NO_VERSION_1);
    }

    #[test]
    fn without_a_cgroup_the_reason_and_the_remedy_are_shown() {
        let rows = rows(Err(NoGround::NotWritable("/cg/x".into())));
        assert!(rows[0].detail.starts_with("/cg/x may not be written to"), "{}", rows[0].detail);
        assert_eq!(rows[0].fix.as_deref(), Some(PREPARE));
    }
}
