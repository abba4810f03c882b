//! The user's world in a box: the home, the project, what is mounted, what is shared.

use std::path::{Path, PathBuf};

use super::{BootRequest, Cause, NoBoot, home, nested};
use crate::plan::{BoxPath, HostPath, Kind, RUN_DIR, Step};
use crate::recipe::settings::Mount;
use crate::recipe::{BoxConfig, Origin};

/// A file or a directory of the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, with no link in it.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Directories that a box has of its own: with the host's in their place it would be the host.
const OWN: [&str; 15] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr",
    "/var",
];

/// Directories of which a box has all that is beneath them, too: nothing is mounted there.
const ALL_OWN: [&str; 3] = ["/proc", "/sys", RUN_DIR];

/// More of them, in which a project does not lie: its path would be taken from the image's own.
const NOT_FOR_PROJECTS: [&str; 8] = ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/sbin", "/usr"];

/// Whether it is a directory that a box has of its own.
pub(super) fn own(path: &Path) -> bool {
    OWN.iter().any(|own| Path::new(own) == path)
}

fn within(path: &Path, dirs: &[&str]) -> bool {
    dirs.iter().any(|dir| path.starts_with(dir))
}

/// Something that is put into the box's tree.
pub(super) struct Entry {
    pub(super) at: BoxPath,
    pub(super) steps: Vec<Step>,
}

/// The steps to all that is the user's own, each after what it lies in. What is outside of the home comes first, so that
/// nothing that an image has there leads into it.
pub(super) fn world(request: &BootRequest<'_>, home: &BoxPath) -> Result<Vec<Step>, NoBoot> {
    let mut entries = vec![Entry { at: home.clone(), steps: home::steps(request, home) }];
    if let (Some(origin), Some(source)) = (&request.config.project, &request.project) {
        entries.extend(project(request, origin, source)?);
    }
    for (index, (mount, source)) in request.config.mounts.iter().zip(&request.mounts).enumerate() {
        let entry = self::mount(request, mount, source.as_ref()).and_then(|entry| {
            let taken = entries.iter().any(|other| other.at == entry.at);
            if taken { Err(Cause::Taken) } else { Ok(entry) }
        });
        entries.push(entry.map_err(|cause| NoBoot::mount(request.config, index, cause))?);
    }
    let mut stores = nested::entries(request);
    // What the user has put there is theirs to have.
    stores.retain(|store| !entries.iter().any(|other| other.at == store.at));
    let covered: Vec<BoxPath> = stores.iter().map(|store| store.at.clone()).collect();
    entries.extend(stores);
    entries.sort_by(|a, b| order(a, home).cmp(&order(b, home)));
    let (places, user) = (entries.iter().map(|entry| entry.at.clone()).collect::<Vec<_>>(), request.user);
    for entry in &mut entries {
        let inside = places.iter().any(|place| *place != entry.at && entry.at.as_path().starts_with(place.as_path()));
        // What is missing on the way to a place belongs to whoever owns that it is in.
        if let Some(Step::MountPoint { owner, .. }) = entry.steps.first_mut() {
            *owner = if inside { (user.uid, user.gid) } else { (0, 0) };
        }
    }
    let shares = request.shares.iter().flat_map(|share| share.steps(user));
    let steps = entries.into_iter().flat_map(|entry| entry.steps).chain(shares);
    Ok(steps.filter(|step| !matches!(step, Step::Hide { at } if covered.contains(at))).collect())
}

fn order<'a>(entry: &'a Entry, home: &BoxPath) -> (bool, &'a Path) {
    (entry.at.as_path().starts_with(home.as_path()), entry.at.as_path())
}

impl NoBoot {
    /// What is wrong with a mount of a box's.
    pub fn mount(config: &BoxConfig, index: usize, cause: Cause) -> Self {
        let file = if config.project.is_some() { "envbox.yaml" } else { "box.yaml" };
        let at = config.mounts.get(index).map_or("", |mount| mount.at().as_str()).to_owned();
        Self::Mount { file, index, at, cause }
    }
}

/// The project's directory at its own path, unless the home has it there already.
fn project(request: &BootRequest<'_>, origin: &Origin, source: &Source) -> Result<Option<Entry>, NoBoot> {
    let (root, home) = (&origin.root, &request.user.home);
    let place = || {
        if own(root) || within(root, &ALL_OWN) || within(root, &NOT_FOR_PROJECTS) {
            return Err(Cause::Own(root.clone()));
        }
        not_hidden(request, source)?;
        if home::shows(request.config.home, request.user, root) {
            return Ok(None);
        }
        match home.strip_prefix(root) {
            Ok(rest) if rest.as_os_str().is_empty() => Err(Cause::IsHome),
            Ok(_) => Err(Cause::AroundHome(home.clone())),
            Err(_) => Ok(Some(bound(request, source, BoxPath::new(root)?, false)?)),
        }
    };
    place().map_err(|cause| NoBoot::Project { root: root.clone(), cause })
}

fn mount(request: &BootRequest<'_>, mount: &Mount, source: Option<&Source>) -> Result<Entry, Cause> {
    let (user, at) = (request.user, mount.at().in_home(&request.user.home));
    if own(&at) || within(&at, &ALL_OWN) {
        return Err(Cause::Own(at));
    }
    if user.home.starts_with(&at) && user.home != at {
        return Err(Cause::AroundHome(user.home.clone()));
    }
    let at = BoxPath::new(at)?;
    match (mount, source) {
        (Mount::Bind { read_only, .. }, Some(source)) => {
            if source.path == Path::new("/") || source.path.starts_with("/proc") {
                return Err(Cause::Host(source.path.clone()));
            }
            bound(request, source, at, *read_only)
        }
        (Mount::Bind { from, .. }, None) => Err(Cause::Missing(from.into())),
        (Mount::Cache { .. }, source) => {
            let source = source.ok_or_else(|| Cause::Missing(at.as_path().to_owned()))?;
            Ok(Entry { steps: bind(source, &at, false, false), at })
        }
        (Mount::Tmpfs { size, .. }, _) => {
            let owner = (user.uid, user.gid);
            let place = Step::MountPoint { at: at.clone(), kind: Kind::Directory, owner };
            let scratch = Step::Scratch { at: at.clone(), mode: 0o755, owner, size: Some(size.0) };
            Ok(Entry { at, steps: vec![place, scratch] })
        }
    }
}

/// Something of the user's on the host, less what no box may see.
fn bound(request: &BootRequest<'_>, source: &Source, at: BoxPath, read_only: bool) -> Result<Entry, Cause> {
    not_hidden(request, source)?;
    let mut steps = bind(source, &at, read_only, true);
    steps.extend(hidden_in(&request.hidden, &source.path, &at));
    Ok(Entry { at, steps })
}

fn not_hidden(request: &BootRequest<'_>, source: &Source) -> Result<(), Cause> {
    let hidden = request.hidden.iter().find(|hidden| source.path.starts_with(hidden));
    hidden.map_or(Ok(()), |hidden| Err(Cause::Hidden(hidden.clone())))
}

fn bind(source: &Source, at: &BoxPath, read_only: bool, no_links: bool) -> Vec<Step> {
    let (from, kind) = (HostPath(source.path.clone()), source.kind);
    vec![
        Step::MountPoint { at: at.clone(), kind, owner: (0, 0) },
        Step::Bind { from, at: at.clone(), kind, read_only, optional: false, no_links },
    ]
}

/// The hidden directories that lie under a bound one, where the box would see them.
pub(super) fn hidden_in(hidden: &[PathBuf], from: &Path, at: &BoxPath) -> Vec<Step> {
    let inside = hidden.iter().filter_map(|path| path.strip_prefix(from).ok());
    inside.filter_map(|rest| BoxPath::new(at.as_path().join(rest)).ok()).map(|at| Step::Hide { at }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::User;
    use crate::plan::BootPlan;

    /// The plan of a box with this configuration, from the home on. Each mount is of a directory of its name.
    fn plan(yaml: &str) -> Result<String, NoBoot> {
        let (name, user) = ("b".parse().unwrap(), User::example());
        let config = BoxConfig::parse(&format!("from: x\n{yaml}")).unwrap();
        let source = |path: &str| Source { path: path.into(), kind: Kind::Directory };
        let mounts = config.mounts.iter().map(|mount| match mount {
            Mount::Bind { from, .. } => Some(source(from)),
            Mount::Cache { name, .. } => Some(source(&format!("/home/al/.data/volumes/{name}"))),
            Mount::Tmpfs { .. } => None,
        });
        let plan = BootPlan::new(&BootRequest {
            name: &name,
            config: &config,
            user: &user,
            machines_root: false,
            layers: vec!["/l".into()],
            upper: "/u".into(),
            work: "/w".into(),
            root: "/r".into(),
            fuse: false,
            home: ["/hu".into(), "/hw".into()],
            hidden: vec!["/home/al/.data".into()],
            nested: None,
            project: config.project.as_ref().map(|origin| Source { path: origin.root.clone(), kind: Kind::Directory }),
            mounts: mounts.collect(),
            shares: &[],
            agent: "/a".into(),
            changes: &[],
            init: None,
            group: false,
        })?
        .to_string();
        let (_, rest) = plan.split_once("sudo      for al\n").unwrap();
        Ok(rest.split_once("pivot_root").unwrap().0.to_owned())
    }

    #[test]
    fn a_plain_box_has_the_home_and_nothing_else() {
        assert_eq!(plan("").unwrap(), "bind      /home/al  (from /home/al, rw)\nhide      /home/al/.data\n");
    }

    #[test]
    fn what_lies_in_something_comes_after_it_and_what_is_outside_of_the_home_before() {
        let yaml = "home: private\nproject: {root: /home/al/p}\nmounts: [{tmpfs: 1M, at: /home/al/p/t}, \
                    {cache: c, at: ~/.c}, {bind: /srv/x, at: /x/y}, {bind: /home/al, at: /x}]";
        assert_eq!(
            plan(yaml).unwrap(),
            "place     /x  (directory, 0:0, if missing)\n\
             bind      /x  (from /home/al, rw)\n\
             hide      /x/.data\n\
             place     /x/y  (directory, 1000:1000, if missing)\n\
             bind      /x/y  (from /srv/x, rw)\n\
             home      /home/al  (the box's own, 1000:1000; if missing, from /etc/skel)\n\
             place     /home/al/.c  (directory, 1000:1000, if missing)\n\
             bind      /home/al/.c  (from /home/al/.data/volumes/c, rw)\n\
             place     /home/al/p  (directory, 1000:1000, if missing)\n\
             bind      /home/al/p  (from /home/al/p, rw)\n\
             place     /home/al/p/t  (directory, 1000:1000, if missing)\n\
             tmpfs     /home/al/p/t  (mode 0755, 1000:1000, at most 1M)\n"
        );
    }

    #[test]
    fn a_project_in_the_home_is_there_already() {
        let home = "bind      /home/al  (from /home/al, rw)\nhide      /home/al/.data\n";
        assert_eq!(plan("project: {root: /home/al/p}").unwrap(), home);
        assert_eq!(plan("project: {root: /home/al}").unwrap(), home);
        let elsewhere = plan("project: {root: /home/alice/p}").unwrap();
        assert!(elsewhere.contains("bind      /home/alice/p  (from /home/alice/p, rw)\n"), "{elsewhere}");
    }

    #[test]
    fn places_that_are_the_boxs_own() {
        for root in ["/", "/usr/src", "/etc", "/proc/1", "/home", "/home/al/.data/envbox"] {
            for home in ["private", "host"] {
                let fault = plan(&format!("home: {home}\nproject: {{root: {root}}}"));
                assert!(matches!(fault, Err(NoBoot::Project { .. })), "{root}: {fault:?}");
            }
        }
        for at in ["/proc", "/sys/x", "/run", "/run/envbox/x", "/dev", "/home", "~"] {
            let fault = plan(&format!("mounts: [{{tmpfs: 1M, at: '{at}'}}]"));
            assert!(matches!(fault, Err(NoBoot::Mount { file: "box.yaml", index: 0, .. })), "{at}: {fault:?}");
        }
    }
}
