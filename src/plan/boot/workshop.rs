//! The root in which an image is made.

use std::path::PathBuf;

use super::devices::{CONTROLS, devices};
use super::{BootPlan, account, shells};
use crate::host::User;
use crate::plan::{BoxPath, HostPath, Kind, NotABoxPath, Step};
use crate::recipe::BoxConfig;

/// A file of `/etc` for the time in which an image is made. It is a plain file, so that a program can change it for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// Its name: `hosts`, `resolv.conf`.
    pub name: &'static str,
    /// What is in it.
    pub content: Vec<u8>,
}

/// What a root in which an image is made has besides the devices and proc.
#[derive(Debug, Clone, Default)]
pub struct Workshop<'a> {
    /// What the root's own programs need to find others.
    pub provided: Vec<Provided>,
    /// The user, to be known in the root and to have a home there.
    pub user: Option<&'a User>,
    /// Directories of the host's, and where they are in the root.
    pub binds: Vec<(PathBuf, BoxPath)>,
    /// Whether root of the root is the machine's own, whom the kernel would obey.
    pub machines_root: bool,
}

impl Workshop<'_> {
    fn steps(&self) -> Result<Vec<Step>, NotABoxPath> {
        let mut steps = vec![
            Step::Bind {
                from: HostPath("/sys".into()),
                at: BoxPath::known("/sys"),
                kind: Kind::Directory,
                read_only: true,
                optional: true,
                no_links: false,
            },
            // In a box this is in memory, and what a program leaves there in the image is not seen.
            Step::Tmpfs { at: BoxPath::known("/run"), mode: 0o755 },
            Step::MakeDir { at: BoxPath::known("/run/lock"), mode: 0o1777, owner: (0, 0) },
            Step::MakeDir { at: BoxPath::known("/tmp"), mode: 0o1777, owner: (0, 0) },
        ];
        if self.machines_root {
            steps.extend(CONTROLS.map(|at| Step::ReadOnly { at: BoxPath::known(at) }));
        }
        for Provided { name, content } in &self.provided {
            let at = BoxPath::new(format!("/etc/{name}"))?;
            steps.push(Step::File { at, mode: 0o644, content: content.clone() });
        }
        if let Some(user) = self.user.filter(|user| user.uid != 0) {
            let home = BoxPath::new(&user.home)?;
            steps.push(Step::MakeDir { at: home.clone(), mode: 0o755, owner: (user.uid, user.gid) });
            steps.push(account(user, home, shells(&BoxConfig::new(String::new()), user)));
        }
        steps.extend(self.binds.iter().map(|(from, at)| Step::Bind {
            from: HostPath(from.clone()),
            at: at.clone(),
            kind: Kind::Directory,
            read_only: false,
            optional: false,
            no_links: false,
        }));
        Ok(steps)
    }
}

/// The steps to a root in which a distribution's own tools can finish it: devices, proc and, without a workshop, nothing of
/// the user's. `root` is the first of them.
///
/// # Errors
/// [`NotABoxPath`], for a home that no box can have.
pub fn bootstrap(root: Step, workshop: Option<&Workshop<'_>>) -> Result<BootPlan, NotABoxPath> {
    let mut steps = vec![root];
    steps.extend(devices());
    steps.push(Step::Proc { at: BoxPath::known("/proc") });
    steps.extend(workshop.map(Workshop::steps).transpose()?.unwrap_or_default());
    steps.push(Step::Hostname("localhost".to_owned()));
    steps.push(Step::PivotRoot);
    Ok(BootPlan::of("bootstrap", steps))
}
