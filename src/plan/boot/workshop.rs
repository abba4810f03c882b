//! The root in which an image is made.

use std::path::{Path, PathBuf};

use super::devices::{CONTROLS, devices};
use super::{BootPlan, account, shells};
use crate::host::User;
use crate::plan::{BoxPath, HostPath, Kind, NotABoxPath, RUN_DIR, Step};
use crate::recipe::BoxConfig;

/// What a root in which an image is made has besides the devices and proc.
#[derive(Debug, Clone, Default)]
pub struct Workshop<'a> {
    /// `/etc/resolv.conf` and `/etc/hosts`, by those names; nothing of the root's own is changed for them for good
    /// ([`is_provided`]).
    pub provided: Vec<(&'static str, Vec<u8>)>,
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
        for (name, content) in &self.provided {
            let target = Path::new(RUN_DIR).join(name);
            let at = BoxPath::known(target.clone());
            steps.push(Step::File { at, mode: 0o644, content: content.clone() });
            steps.push(Step::Symlink { at: BoxPath::known(Path::new("/etc").join(name)), target });
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

/// Whether a link was made for a file that was provided while an image was made, and has no place in the image.
pub fn is_provided(target: &Path) -> bool {
    target.starts_with(RUN_DIR)
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
