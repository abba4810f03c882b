//! The file system of the view (fuse(4)): one directory of files whose content is made when it is read.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, OpenAccMode,
    OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, Request, Session, SessionACL,
};

use super::{FILES, File, Shown, Sources};
use crate::sys::poll::{self, Ready};
use crate::sys::socket;

/// What the server says to the keeper when somebody reads the averages of the load; the answer is [`Shown`] as it is now.
pub const ASK: &[u8] = b"load";

/// How long the keeper may take for that. It does nothing that takes long, and older averages are better than none.
const PATIENCE: Duration = Duration::from_millis(100);

/// For so long the kernel does not ask again for what does not change.
const VALID: Duration = Duration::from_secs(1);

/// Bytes of contents that are kept for open files. It is the keeper's memory, of which the box must not use up any amount.
const MOST_KEPT: usize = 16 << 20;

/// Files that may be open at once.
const MOST_OPEN: usize = 4096;

/// Serves the mount that was made of `device`, until it is gone. `keeper`: a socket, see [`ASK`]; what the keeper says there
/// of its own accord replaces `shown`.
///
/// # Errors
/// read(2)'s of the device; `NotConnected` where nothing is mounted any more.
pub fn serve(device: OwnedFd, keeper: OwnedFd, sources: Sources, shown: Shown) -> io::Result<()> {
    socket::set_nonblocking(&keeper)?;
    let sizes = FILES.map(|(_, _, at)| size(&sources, at));
    let view =
        View { sources, keeper, sizes, state: Mutex::new(State { shown, open: HashMap::new(), next: 1, kept: 0 }) };
    // Everybody in the box may read what everybody may read in /proc.
    Session::from_fd(view, device, SessionACL::All, Config::default())?.run()
}

struct View {
    sources: Sources,
    keeper: OwnedFd,
    /// What stat(2) says, in the order of [`FILES`].
    sizes: [u64; FILES.len()],
    state: Mutex<State>,
}

struct State {
    shown: Shown,
    /// The contents of open files. Empty until they are read.
    open: HashMap<u64, Vec<u8>>,
    next: u64,
    /// Bytes of them.
    kept: usize,
}

impl State {
    fn replace(&mut self, handle: u64, content: Vec<u8>) -> Result<&[u8], Errno> {
        let old = self.open.get_mut(&handle).ok_or(Errno::EBADF)?;
        let kept = self.kept - old.len() + content.len();
        if kept > MOST_KEPT {
            return Err(Errno::ENOMEM);
        }
        self.kept = kept;
        *old = content;
        Ok(old)
    }

    fn close(&mut self, handle: u64) {
        self.kept -= self.open.remove(&handle).map_or(0, |content| content.len());
    }
}

impl View {
    fn state(&self) -> MutexGuard<'_, State> {
        // There is one thread; had it panicked, there would be none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the keeper has said. After a question its answer is waited for.
    fn hear_keeper(&self, shown: &mut Shown, question: bool) {
        if question && socket::send(&self.keeper, ASK, &[] as &[OwnedFd]).is_ok() {
            let _ = poll::wait(&[(self.keeper.as_fd(), Ready { read: true, write: false })], Some(PATIENCE));
        }
        let mut packet = [0; 64 * 1024];
        while let Ok((length @ 1.., _)) = socket::receive(&self.keeper, &mut packet) {
            if let Ok(new) = Shown::from_bytes(&packet[..length]) {
                *shown = new;
            }
        }
    }

    /// Makes a file's content anew when it is read from its beginning, as proc does: programs keep such files open, and go back
    /// to the beginning for the news (lseek(2)).
    fn read(&self, inode: INodeNo, handle: u64, from: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let file = file_of(inode).ok_or(Errno::EISDIR)?;
        let mut state = self.state();
        let unread = state.open.get(&handle).ok_or(Errno::EBADF)?.is_empty();
        if from == 0 || unread {
            self.hear_keeper(&mut state.shown, file == File::Loadavg);
            let content = self.sources.content(file, &state.shown).map_err(Errno::from)?;
            state.replace(handle, content.into_bytes())?;
        }
        let content = state.open.get(&handle).ok_or(Errno::EBADF)?;
        let begin = usize::try_from(from).unwrap_or(usize::MAX).min(content.len());
        let end = begin.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(content.len());
        Ok(content[begin..end].to_vec())
    }
}

/// The number of the first file; the directory has the one before it.
const FIRST: u64 = INodeNo::ROOT.0 + 1;

fn index_of(inode: INodeNo) -> Option<usize> {
    let index = usize::try_from(inode.0.checked_sub(FIRST)?).ok()?;
    (index < FILES.len()).then_some(index)
}

fn file_of(inode: INodeNo) -> Option<File> {
    index_of(inode).map(|index| FILES[index].0)
}

fn entries() -> impl Iterator<Item = (INodeNo, &'static str)> {
    (FIRST..).map(INodeNo).zip(FILES.iter().map(|(_, name, _)| *name))
}

/// Bytes of a page of memory.
const PAGE: u64 = 4096;

/// More than a file will ever have, in whole pages, as sysfs does it. With no size at all, as in proc, sendfile(2) would find
/// the file empty; with too small a one, so would programs that read no more than that.
fn size(sources: &Sources, at: &str) -> u64 {
    let machine = at.strip_prefix("/proc/").and_then(|name| sources.host(name).ok()).map_or(0, |text| text.len());
    u64::try_from(machine).unwrap_or(0).next_multiple_of(PAGE) + PAGE
}

impl View {
    /// Of this moment, as proc has them.
    fn attributes(&self, inode: INodeNo) -> Option<FileAttr> {
        let (kind, perm, size) = match index_of(inode) {
            Some(index) => (FileType::RegularFile, 0o444, self.sizes[index]),
            None if inode == INodeNo::ROOT => (FileType::Directory, 0o555, 0),
            None => return None,
        };
        let now = SystemTime::now();
        Some(FileAttr {
            ino: inode,
            size,
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
            crtime: now,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            // wc and tail go by a file's size only where it has more than one block.
            blksize: u32::try_from(size.next_power_of_two()).unwrap_or(4096).max(4096),
            flags: 0,
        })
    }
}

impl Filesystem for View {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = entries().find(|(_, known)| parent == INodeNo::ROOT && name == *known);
        match found.and_then(|(inode, _)| self.attributes(inode)) {
            Some(attributes) => reply.entry(&VALID, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(inode) {
            Some(attributes) => reply.attr(&VALID, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if file_of(inode).is_none() {
            return reply.error(Errno::ENOENT);
        }
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            return reply.error(Errno::EACCES);
        }
        let mut state = self.state();
        if state.open.len() >= MOST_OPEN {
            return reply.error(Errno::ENFILE);
        }
        let handle = state.next;
        state.next += 1;
        state.open.insert(handle, Vec::new());
        // Else the kernel would keep what it has read for the next one.
        reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if owner.is_none() {
            // The kernel, to have pages that it could give away (sendfile(2)). They would be old for whoever comes next; the
            // caller is to use read(2) then.
            return reply.error(Errno::EINVAL);
        }
        match View::read(self, inode, handle.0, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.state().close(handle.0);
        reply.ok();
    }

    fn readdir(&self, _: &Request, inode: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if inode != INodeNo::ROOT {
            return reply.error(Errno::ENOTDIR);
        }
        let dots = [".", ".."].map(|name| (INodeNo::ROOT, FileType::Directory, name));
        let files = entries().map(|(inode, name)| (inode, FileType::RegularFile, name));
        let all = (1..).zip(dots.into_iter().chain(files));
        for (next, (inode, kind, name)) in all.skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(inode, next, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}
