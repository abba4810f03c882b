//! The overlay: the kernel's own, or fuse-overlayfs.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::plan::{HostPath, Overlay};
use crate::sys::mount::{self, Attributes, Context};
use crate::sys::root::{self, Open};
use crate::sys::{self, process, system, tree};

/// The mounting side of a FUSE file system whose server is another process.
#[derive(Debug)]
pub(super) struct Fuse {
    /// `/dev/fuse`, opened in the user namespace that mounts it.
    pub(super) device: OwnedFd,
    /// Closed when it is mounted: before that the server can read nothing from the device (fuse(4), `EPERM`).
    pub(super) mounted: OwnedFd,
}

/// Mounts the overlay on its root directory, and opens the merged tree.
///
/// # Errors
/// The kernel's, with what it logged.
pub(super) fn mount(plan: &Overlay, fuse: Option<Fuse>) -> io::Result<OwnedFd> {
    adopt(plan)?;
    let merged = match fuse {
        // The device goes with it. While anybody but the server had it open, the end of the server would not be the end
        // of the mount, and whoever looked into it would wait for ever.
        Some(fuse) => mount::fuse(&fuse.device, "fuse-overlayfs", Attributes::MOUNT_ATTR_NODEV)?,
        None => kernel_mount(plan)?,
    };
    let place = root::open_absolute(&plan.root.0, Open::Path)?;
    mount::attach(&merged, &place)?;
    root::open_absolute(&plan.root.0, Open::Directory)
}

/// A new box's upper directory is still the user's. It is the root directory of what the box sees, so it gets the owner
/// and the mode that the topmost layer's has.
fn adopt(plan: &Overlay) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let upper = root::open_absolute(&plan.upper.0, Open::Directory)?;
    let Some(layer) = plan.layers.last() else { return Ok(()) };
    let (have, want) = (fs::metadata(&plan.upper.0)?, fs::metadata(&layer.0)?);
    if have.uid() == want.uid() && have.gid() == want.gid() {
        return Ok(());
    }
    // The owner last: it is what says that this has been done.
    sys::fs::set_mode(&upper, want.mode() & 0o7777)?;
    sys::fs::set_owner(&upper, want.uid(), want.gid())
}

/// The layers, topmost first, each once. An image may have a layer twice, which the kernel refuses and which is the same as
/// having it at its upper place alone: whatever it does there, it does to all below.
fn topmost_first(plan: &Overlay) -> Vec<&HostPath> {
    let mut seen = std::collections::HashSet::new();
    plan.layers.iter().rev().filter(|layer| seen.insert(&layer.0)).collect()
}

/// The host's home with another directory over it. The kernel's overlay only: what is a home's to read is on a file system
/// of the host's, and the upper directory beside the box's own.
///
/// # Errors
/// The kernel's, with what it logged, and what that means for a home.
pub(super) fn over_home(lower: &HostPath, upper: &HostPath, work: &HostPath) -> io::Result<OwnedFd> {
    let mounted = || {
        let overlay = kernel_overlay()?;
        // All are open until it is mounted: kernels before 6.5 look at the names no sooner.
        let [lower, upper, work] = [Named::new(lower)?, Named::new(upper)?, Named::new(work)?];
        lower_dirs(&overlay, std::slice::from_ref(&lower))?;
        overlay.set("upperdir", &upper.name)?;
        overlay.set("workdir", &work.name)?;
        overlay.mount(Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOSUID)
    };
    mounted().map_err(|error| {
        let why = "`home: overlay` needs a file system for the home that can be the lower layer of an overlay, without \
                   other mounts in the home: `home: private` and `home: host` do without";
        io::Error::new(error.kind(), format!("{error}: {why}"))
    })
}

fn kernel_overlay() -> io::Result<Context> {
    let overlay = Context::open("overlay")?;
    // In a user namespace the marks of whiteouts and opaque directories are `user.overlay.*` attributes; without this
    // every rename of a directory fails, new ones included (Documentation/filesystems/overlayfs.rst).
    overlay.flag("userxattr")?;
    Ok(overlay)
}

fn kernel_mount(plan: &Overlay) -> io::Result<OwnedFd> {
    let overlay = kernel_overlay()?;
    let layers: Vec<Named> = topmost_first(plan).into_iter().map(Named::new).collect::<io::Result<_>>()?;
    let (upper, work) = (Named::new(&plan.upper)?, Named::new(&plan.work)?);
    if !lower_dirs(&overlay, &layers)? {
        return old_mount(plan, &layers, &upper, &work);
    }
    overlay.set("upperdir", &upper.name)?;
    overlay.set("workdir", &work.name)?;
    if plan.volatile {
        make_volatile(&overlay, &plan.work)?;
    }
    overlay.mount(Attributes::MOUNT_ATTR_NODEV)
}

/// Lets neither fsync(2) nor the end of the mount wait for the disk, where the kernel can do that (Linux 5.10). It leaves a
/// mark, so that nobody takes for whole what a crash has cut short (Documentation/filesystems/overlayfs.rst, "Volatile
/// mount"); of a mount before this one that ended well, the mark is taken away.
fn make_volatile(overlay: &Context, work: &HostPath) -> io::Result<()> {
    let removed = root::open_absolute(&work.0.join("work"), Open::Directory)
        .and_then(|dir| tree::remove(dir.as_fd(), OsStr::new("incompat")));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Older kernels refuse the word, and go on without.
    let _ = overlay.flag("volatile");
    Ok(())
}

/// A directory by a short name, however long its path is: a parameter of a file system has 255 bytes at the most, and has
/// a meaning for colons and commas.
struct Named {
    name: PathBuf,
    // What the name stands for.
    _dir: OwnedFd,
}

impl Named {
    fn new(path: &HostPath) -> io::Result<Self> {
        let dir = root::open_absolute(&path.0, Open::Path)?;
        Ok(Self { name: Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()), _dir: dir })
    }
}

/// Bytes of a parameter's value (fsconfig(2)).
const LONGEST_VALUE: usize = 255;

/// One parameter a layer, topmost first (Linux 6.8); all in one, joined by colons, before that. `false` where they are too
/// many for that.
fn lower_dirs(overlay: &Context, topmost_first: &[Named]) -> io::Result<bool> {
    let (first, rest) = topmost_first.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    if !takes_anything()? && overlay.set("lowerdir+", &first.name).is_ok() {
        return rest.iter().try_for_each(|layer| overlay.set("lowerdir+", &layer.name)).map(|()| true);
    }
    let names = joined(topmost_first.iter().map(|layer| layer.name.as_path()));
    let fits = names.len() <= LONGEST_VALUE;
    if fits { overlay.set("lowerdir", names).map(|()| true) } else { Ok(false) }
}

/// Whether the kernel's overlay takes any parameter, and looks at it only when it is mounted (before Linux 6.5). One that
/// lacks its value is refused at once by all others.
fn takes_anything() -> io::Result<bool> {
    Ok(Context::open("overlay")?.flag("lowerdir+").is_ok())
}

/// The mount of kernels before 6.8 with many layers. mount(2) takes a page of options, and attaches what it makes; a copy of
/// that is what is wanted.
fn old_mount(plan: &Overlay, topmost_first: &[Named], upper: &Named, work: &Named) -> io::Result<OwnedFd> {
    let mut options = std::ffi::OsString::from("userxattr,lowerdir=");
    options.push(joined(topmost_first.iter().map(|layer| layer.name.as_path())));
    for (key, dir) in [(",upperdir=", upper), (",workdir=", work)] {
        options.push(key);
        options.push(&dir.name);
    }
    mount::mount_at(&plan.root.0, "overlay", &options, Attributes::MOUNT_ATTR_NODEV)
}

/// Paths joined by colons, with the characters escaped that would end one.
fn joined<'a>(paths: impl Iterator<Item = &'a Path>) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let escaped = paths.map(|path| {
        path.as_os_str().as_bytes().iter().fold(Vec::new(), |mut escaped, &byte| {
            if matches!(byte, b':' | b'\\' | b',') {
                escaped.push(b'\\');
            }
            escaped.push(byte);
            escaped
        })
    });
    std::ffi::OsString::from_vec(escaped.collect::<Vec<_>>().join(&b':'))
}

/// Becomes fuse-overlayfs(1), serving the mount that was made of `device` somewhere else. It stays outside of the box's
/// pid and mount namespaces: nothing in the box can reach it, and its own end comes when the mount is gone.
///
/// # Errors
/// Returns only if it cannot be executed.
pub(super) fn serve(program: &Path, plan: &Overlay, device: OwnedFd, log: &OwnedFd) -> io::Error {
    let options = {
        let mut options = std::ffi::OsString::from("lowerdir=");
        options.push(joined(topmost_first(plan).into_iter().map(|layer| layer.0.as_path())));
        options.push(",upperdir=");
        options.push(joined(std::iter::once(plan.upper.0.as_path())));
        options.push(",workdir=");
        options.push(joined(std::iter::once(plan.work.0.as_path())));
        options
    };
    let run = || {
        crate::sys::tty::new_session()?;
        let null = root::open_absolute(Path::new("/dev/null"), Open::Read)?;
        crate::sys::tty::as_standard(&null, 0)?;
        crate::sys::tty::as_standard(log, 1)?;
        crate::sys::tty::as_standard(log, 2)?;
        // A pipe of the caller's that stayed open here would keep its reader waiting for as long as the box lives.
        process::close_rest_on_exec()?;
        // libfuse takes a descriptor that is a mounted /dev/fuse in the place of the mount point.
        let device = process::inheritable(device)?;
        let mount_point = format!("/dev/fd/{device}");
        let argv = [program.as_os_str(), "-f".as_ref(), "-o".as_ref(), &options, mount_point.as_ref()];
        let env = [("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())];
        Err(system::exec(program, &argv, &env))
    };
    match run() {
        Ok(never) => never,
        Err(error) => error,
    }
}
