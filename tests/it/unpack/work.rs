//! Work to be done as root of a user namespace, in a process of its own (`examples/in_userns.rs`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use envbox::host::Host;
use envbox::image::Digest;
use envbox::sys::process::SingleThread;
use envbox::sys::tree;
use envbox::unpack::index::{Entry, Index};
use envbox::unpack::{self, Deb, Options, Report, Root, dpkg};
use envbox::userns::{self, Identity};
use serde::{Deserialize, Serialize};

/// What is to be done, and where: with the target `root`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    Tar {
        archive: PathBuf,
        options: Options,
    },
    Debs {
        debs: Vec<PathBuf>,
        threads: NonZeroUsize,
    },
    GnuTar {
        archive: PathBuf,
    },
    /// An archive, with the index made on the way; each of its entries as text, and each difference to the index of the
    /// tree as it is.
    Indexed {
        archive: PathBuf,
        options: Options,
    },
    /// Makes a squashfs image of the target by mksquashfs(1).
    MakeSquashfs {
        image: PathBuf,
        options: Vec<String>,
    },
    /// Unpacks one, with an index, that is compared with the tree's.
    Squashfs {
        image: PathBuf,
    },
    /// Completes the target, a layer, by the layers below, topmost first.
    Adopt {
        lowers: Vec<PathBuf>,
        report: Report,
    },
    /// Mounts layers on the target, topmost first, by the kernel's overlay or by fuse-overlayfs, and lists what is there.
    Overlay {
        layers: Vec<PathBuf>,
        fuse: bool,
    },
    List,
    Remove,
    /// Locks itself in, and tries to get out: what it found, by what it tried.
    Escape,
    /// Tries to remove the target with something mounted in it: the error, and whether the mount was left alone.
    RemoveMounted,
    /// A file's attributes.
    Attributes {
        file: PathBuf,
        names: Vec<String>,
    },
}

/// What came of it: a value, or the texts of an error and its causes.
pub(crate) type Answer = Result<serde_json::Value, String>;

/// Does the work. The process has one thread.
#[allow(dead_code, reason = "the example's half; the tests only describe work")]
pub(crate) fn run(target: &Path, work: Work) -> Answer {
    let host = Host::probe().unwrap();
    let identity = Identity::of(&host).unwrap();
    let done = userns::run(&SingleThread::prove().unwrap(), &identity, |_| perform(target, work));
    done.map_err(|error| match error {
        userns::Error::Work(chain) => chain.join(": "),
        other => panic!("{other}"),
    })
}

fn perform(target: &Path, work: Work) -> Result<serde_json::Value, unpack::Error> {
    let value = match work {
        Work::Tar { archive, options } => {
            let archive = File::open(archive).unwrap();
            let root = Root::confine(target)?;
            serde_json::to_value(unpack::tar(&root, archive, &options, &mut |_| {})?)
        }
        Work::Debs { debs, threads } => {
            let open = |path: &PathBuf| Deb { package: path.display().to_string(), file: File::open(path).unwrap() };
            let debs: Vec<Deb> = debs.iter().map(open).collect();
            let root = Root::confine(target)?;
            let unpacked = unpack::debs(&root, debs.into_iter(), threads, &|_| {})?;
            dpkg::write_database(&root, &unpacked, "amd64")?;
            serde_json::to_value(unpacked.iter().map(|package| package.package().to_owned()).collect::<Vec<_>>())
        }
        Work::GnuTar { archive } => {
            let options = ["--numeric-owner", "--same-owner", "-p", "--xattrs", "--xattrs-include=*"];
            // Its status says nothing: it cannot make device nodes either.
            Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(target).args(options).output().unwrap();
            serde_json::to_value(())
        }
        Work::Indexed { archive, options } => {
            let archive = File::open(archive).unwrap();
            let root = Root::confine(target)?;
            let made = unpack::tar(&root, archive, &Options { index: true, ..options }, &mut |_| {})?.files.unwrap();
            let mut written = Vec::new();
            made.to_writer(&mut written).unwrap();
            let made = Index::from_reader(&written[..]).unwrap();
            let scanned = Index::scan(File::open("/").unwrap())?;
            let differences: Vec<_> = made.diff(&scanned).map(|change| format!("{change:?}")).collect();
            serde_json::to_value((made.iter().map(|entry| line(&entry)).collect::<Vec<_>>(), differences))
        }
        Work::MakeSquashfs { image, options } => {
            let made = Command::new("mksquashfs").arg(target).arg(image).args(options).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            serde_json::to_value(())
        }
        Work::Squashfs { image } => {
            let image = File::open(image).unwrap();
            let root = Root::confine(target)?;
            let options = Options { index: true, ..Options::default() };
            let report = unpack::squashfs(&root, image, &options, &mut |_| {})?;
            assert_eq!(report.files, Some(Index::scan(File::open("/").unwrap())?));
            serde_json::to_value(report)
        }
        Work::Adopt { lowers, report } => {
            let lowers: Vec<_> = lowers.iter().map(|layer| envbox::sys::fs::open_dir(layer).unwrap()).collect();
            serde_json::to_value(unpack::adopt(File::open(target).unwrap().as_fd(), &lowers, &report)?)
        }
        Work::Overlay { layers, fuse } => serde_json::to_value(overlay(target, &layers, fuse)),
        Work::List => serde_json::to_value(list(target)),
        Work::Escape => {
            let handle = File::open(target.parent().unwrap()).unwrap();
            let root = Root::confine(target)?;
            let within: Vec<_> = fs::read_dir("/").unwrap().map(|entry| entry.unwrap().path()).collect();
            let outside = fs::read_dir(target.parent().unwrap()).is_ok();
            let up = fs::read_dir("/../../..").unwrap().count();
            // A directory opened before is the way out of a chroot; Landlock closes it.
            let left_open = envbox::sys::fs::open_child(&handle, "outside".as_ref()).is_ok();
            serde_json::to_value((within, outside, up, left_open && root.landlocked()))
        }
        Work::RemoveMounted => {
            let (mounted, parent) = (target.join("a/mounted"), File::open(target.parent().unwrap()).unwrap());
            fs::create_dir_all(&mounted).unwrap();
            assert!(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mounted).status().unwrap().success());
            fs::write(mounted.join("file"), "x").unwrap();
            let error = tree::remove(parent.as_fd(), target.file_name().unwrap()).unwrap_err();
            let usage = tree::usage(parent.as_fd(), target.file_name().unwrap()).unwrap_err();
            serde_json::to_value((error.to_string(), usage.to_string(), mounted.join("file").exists()))
        }
        Work::Attributes { file, names } => {
            let file = File::open(target.join(file)).unwrap();
            let get = |name: &String| envbox::sys::xattr::get(&file, name.as_ref()).ok();
            serde_json::to_value(names.iter().map(get).collect::<Vec<_>>())
        }
        Work::Remove => {
            let parent = File::open(target.parent().unwrap()).unwrap();
            tree::remove(parent.as_fd(), target.file_name().unwrap()).unwrap();
            serde_json::to_value(())
        }
    };
    Ok(value.unwrap())
}

/// An overlay of these layers, listed.
fn overlay(target: &Path, layers: &[PathBuf], fuse: bool) -> BTreeMap<String, String> {
    let layers: Vec<_> = layers.iter().map(|layer| layer.display().to_string()).collect();
    let lower = format!("lowerdir={}", layers.join(":"));
    let mut command = if fuse { Command::new("fuse-overlayfs") } else { Command::new("mount") };
    if fuse {
        command.args(["-o", &lower]).arg(target);
    } else {
        command.args(["-t", "overlay", "none", "-o", &format!("userxattr,{lower}")]).arg(target);
    }
    let mounted = command.output().unwrap();
    assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
    let found = list(target);
    assert!(Command::new("umount").arg(target).status().unwrap().success());
    found
}

fn line(entry: &Entry<'_>) -> String {
    let Entry { path, kind, mode, uid, gid, modified, size, content, attributes } = entry;
    let (content, attributes) = (*content != 0, *attributes != 0);
    let name = String::from_utf8_lossy(path);
    format!("{name} {kind:?} {mode:o} {uid}:{gid} {}.{} {size} {content} {attributes}", modified.0, modified.1)
}

/// Everything beneath a directory: by name, what it is, whose and from when.
pub(crate) fn list(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        let status = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
        let content = if status.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            pending.sort_by(|a, b| b.cmp(a));
            String::new()
        } else if status.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if status.is_file() && status.len() < 1 << 30 {
            let first = names.entry(status.ino()).or_insert_with(|| name.clone());
            format!("{} {} = {first}", status.len(), Digest::of(&fs::read(&path).unwrap()).short())
        } else {
            status.len().to_string()
        };
        let (uid, gid, mode) = (status.uid(), status.gid(), status.mode());
        let line = format!("{mode:06o} {uid}:{gid} {}.{:09} {content}", status.mtime(), status.mtime_nsec());
        found.insert(name, line);
    }
    found
}
