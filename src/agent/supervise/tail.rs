//! Showing logs: the last lines, and what is added to them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::log::file_name;
use super::stamp::{self, has_stamp};
use super::{Error, place};
use crate::sys::fs;
use crate::sys::poll::{self, Ready, Watch};
use crate::ui::Ui;

/// Bytes of a line that are shown in one go.
const LONGEST: u64 = 64 << 10;
/// Bytes at the end of a log in which the last lines are looked for.
const END: u64 = 1 << 20;

/// What is shown of logs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// How many lines of each; all without it.
    pub(super) lines: Option<usize>,
    /// Whether to go on with what is added.
    pub(super) follow: bool,
    /// Whether each line is shown with its time.
    pub(super) times: bool,
}

/// Shows the logs of these services, each line with the name of its service before it if there are several.
pub(super) fn show(ui: &Ui, names: &[String], wish: Wish) -> Result<u8, Error> {
    let fail = |source| Error::Failed { what: "show the logs", source };
    let dir = place::logs().map_err(fail)?;
    // Before anything is read, so that nothing is missed.
    let watch = wish.follow.then(|| watch(&dir)).transpose().map_err(fail)?;
    let print = |name: &str, line: &[u8]| {
        let line = if wish.times || !has_stamp(line) { line } else { &line[stamp::LENGTH..] };
        let mut bytes = if names.len() > 1 { format!("{name} | ").into_bytes() } else { Vec::new() };
        bytes.extend_from_slice(line);
        ui.data(bytes).map_err(|_| Error::NobodyReads)
    };
    let mut logs = BTreeMap::new();
    for name in names {
        let (lines, log) = begin(&dir, name, wish.lines).map_err(fail)?;
        lines.iter().try_for_each(|line| print(name, line))?;
        logs.insert(name, log);
    }
    let Some(watch) = watch else { return Ok(0) };
    loop {
        poll::wait(&[(watch.as_fd(), Ready { read: true, write: false })], None).map_err(fail)?;
        watch.changes().map_err(fail)?;
        for (name, log) in &mut logs {
            let mut more = true;
            while more {
                let lines;
                (lines, more) = log.added(&dir, name).map_err(fail)?;
                lines.iter().try_for_each(|line| print(name, line))?;
            }
        }
    }
}

fn watch(dir: &OwnedFd) -> io::Result<Watch> {
    use std::os::fd::AsRawFd as _;
    let watch = Watch::new()?;
    watch.add_written(Path::new(&format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd())))?;
    Ok(watch)
}

/// A log, read up to some place.
#[derive(Debug)]
struct Followed {
    file: Option<(File, u64)>,
    /// A line whose end has not come.
    begun: Vec<u8>,
}

impl Followed {
    /// Whole lines that were added since, and whether there may be more of them.
    fn added(&mut self, dir: &OwnedFd, name: &str) -> io::Result<(Vec<Vec<u8>>, bool)> {
        let mut bytes = std::mem::take(&mut self.begun);
        let mut more = match &mut self.file {
            Some((file, _)) => read_on(file, &mut bytes)?,
            None => false,
        };
        // Another file may have been begun meanwhile. Its name is looked up after the end of this one was seen.
        if let (false, Some(now)) = (more, open(dir, name, false)?) {
            let inode = now.metadata()?.ino();
            if self.file.as_ref().is_none_or(|(_, known)| *known != inode) {
                if let Some((file, _)) = &mut self.file {
                    read_on(file, &mut bytes)?;
                }
                self.file = Some((now, inode));
                more = true;
            }
        }
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.last().is_some_and(|line| !line.ends_with(b"\n")) {
            self.begun = lines.pop().unwrap_or_default();
        }
        Ok((lines, more))
    }
}

/// Some of what there is to read, so that a log that is written faster than it is shown does not fill the memory; whether
/// there may be more.
fn read_on(file: &mut File, bytes: &mut Vec<u8>) -> io::Result<bool> {
    Ok(file.take(END).read_to_end(bytes)? > 0)
}

fn open(dir: &OwnedFd, name: &str, old: bool) -> io::Result<Option<File>> {
    match fs::open_file(dir, &file_name(name, old)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// The lines to begin with, and the log from there on. All lines are those of both files; the last ones are looked for at the
/// end of the newer.
fn begin(dir: &OwnedFd, name: &str, last: Option<usize>) -> io::Result<(Vec<Vec<u8>>, Followed)> {
    let mut lines = Vec::new();
    if let (None, Some(mut old)) = (last, open(dir, name, true)?) {
        lines.extend(read_lines(&mut old)?);
    }
    let Some(mut file) = open(dir, name, false)? else {
        return Ok((lines, Followed { file: None, begun: Vec::new() }));
    };
    let found = file.metadata()?;
    if let Some(last) = last {
        let skipped = found.len().saturating_sub(END);
        file.seek(SeekFrom::Start(skipped))?;
        let mut all = read_lines(&mut file)?;
        // Of the first one, only the end may be there.
        all.drain(..usize::from(skipped > 0 && !all.is_empty()));
        lines.extend(all.drain(all.len().saturating_sub(last)..));
    } else {
        lines.extend(read_lines(&mut file)?);
    }
    Ok((lines, Followed { file: Some((file, found.ino())), begun: Vec::new() }))
}

/// All lines from where the file is, which is no more than a log can have.
fn read_lines(file: &mut File) -> io::Result<Vec<Vec<u8>>> {
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// The last lines of a log as text, without their times. A log that cannot be read has none.
pub(super) fn last_lines(name: &str, count: usize) -> Vec<String> {
    let found = place::logs().and_then(|dir| begin(&dir, name, Some(count)));
    let text = |line: Vec<u8>| {
        let line = if has_stamp(&line) { &line[stamp::LENGTH..] } else { &line };
        String::from_utf8_lossy(line).trim_end_matches('\n').to_owned()
    };
    found.map(|(lines, _)| lines.into_iter().map(text).collect()).unwrap_or_default()
}
