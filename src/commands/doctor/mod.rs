//! `envbox doctor`: each requirement tried out, and the line that mends what is missing.

mod cgroup;
mod check;
mod identity;
mod machine;
mod namespaces;
mod packages;
mod prepare;
mod storage;

use check::{Check, State};

use crate::cli::Doctor;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::sys::process::SingleThread;
use crate::ui::{Table, Ui};

/// Exit status where something is missing that envbox cannot do without.
const EXIT_MISSING: u8 = 1;

pub(super) fn run(args: &Doctor, host: &Host, ui: &Ui) -> Result {
    if args.cgroup {
        ui.line(&prepare::lines(&prepare::Machine::of(host)))?;
        return Ok(0);
    }
    let checks = examine(host)?;
    if args.json {
        ui.json(&checks)?;
    } else {
        show(&checks, ui)?;
    }
    let missing = checks.iter().any(|check| check.state == State::Missing);
    Ok(if missing { EXIT_MISSING } else { 0 })
}

fn examine(host: &Host) -> Result<Vec<Check>> {
    let proof = SingleThread::prove().map_err(Error::new)?;
    let mut checks = namespaces::checks(&proof);
    checks.extend(identity::checks(&proof, host));
    checks.extend(storage::checks(&proof, host));
    checks.extend(cgroup::checks(host));
    checks.push(machine::tun());
    Ok(checks)
}

fn show(checks: &[Check], ui: &Ui) -> Result<()> {
    let mut table = Table::new(&["CHECK", "STATE", "FOUND"]);
    for check in checks {
        table.row([check.name.into(), check.state.cell(), check.detail.as_str().into()]);
    }
    ui.table(&table)?;
    for check in checks {
        if let Some(fix) = &check.fix {
            ui.line(&format!("\nTo mend `{}`:\n    {}", check.name, fix.replace('\n', "\n    ")))?;
        }
    }
    Ok(())
}
