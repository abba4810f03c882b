//! Where an image is written to.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use crate::cli::Format;
use crate::error::{Error, Result};
use crate::pack::{self, Part};
use crate::sys::root::{self, Open};
use crate::sys::tree;
use crate::ui::Ui;

/// Where the image goes. What is there already stays until all is written.
pub(super) enum Destination {
    Stream(File),
    File { staged: PathBuf, path: PathBuf, file: File },
    Directory { staged: PathBuf, path: PathBuf },
}

impl Destination {
    /// Opens it: for a layout a directory, else a file.
    ///
    /// # Errors
    /// Where it is taken, or cannot be written.
    pub(super) fn open(output: &Path, format: Format, ui: &Ui) -> Result<Self> {
        let fail = |source: io::Error| Error::new(format!("cannot write {}: {source}", output.display()));
        let path = output.to_owned();
        if format == Format::Oci {
            let taken = fs::read_dir(output).is_ok_and(|mut found| found.next().is_some());
            if taken || output.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                return Err(Error::new(format!("{} is there already", output.display())));
            }
            if output == Path::new("-") {
                return Err(Error::new("a layout is a directory, which cannot go to standard output")
                    .hint("--format oci-archive"));
            }
            let staged = beside(output);
            fs::create_dir(&staged).map_err(fail)?;
            return Ok(Self::Directory { staged, path });
        }
        if output == Path::new("-") {
            return Ok(Self::Stream(ui.output()?));
        }
        // A pipe or a device is written to, not replaced.
        if output.metadata().is_ok_and(|found| !found.is_file()) {
            return Ok(Self::Stream(File::options().write(true).open(output).map_err(fail)?));
        }
        let staged = beside(output);
        let file = File::create(&staged).map_err(fail)?;
        Ok(Self::File { staged, path, file })
    }

    /// Writes the image, and puts it into its place.
    ///
    /// # Errors
    /// What could not be written; nothing of it is left then.
    pub(super) fn write(&self, parts: &[Part<'_>], progress: &mut dyn FnMut(u64)) -> Result<()> {
        let fail = |path: &Path| {
            let path = path.display().to_string();
            move |source| pack::Error::Output { what: path, source }
        };
        match self {
            Self::Stream(file) => pack::archive(file, parts, progress)?,
            Self::File { staged, path, file } => {
                pack::archive(file, parts, progress)?;
                file.sync_data().and_then(|()| fs::rename(staged, path)).map_err(fail(path))?;
            }
            Self::Directory { staged, path } => {
                pack::directory(staged, parts, progress)?;
                fs::rename(staged, path).map_err(fail(path))?;
            }
        }
        Ok(())
    }
}

impl Drop for Destination {
    /// Takes away what is not finished. After a success, the name is gone.
    fn drop(&mut self) {
        let (Self::File { staged, .. } | Self::Directory { staged, .. }) = self else { return };
        let parent = staged.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let (Ok(parent), Some(name)) = (root::open_absolute(parent, Open::Directory), staged.file_name()) {
            let _ = tree::remove(parent.as_fd(), name);
        }
    }
}

/// A name in the same directory that nobody else has.
fn beside(output: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(output.file_name().unwrap_or(OsStr::new("image")));
    name.push(format!(".envbox-{}", std::process::id()));
    output.with_file_name(name)
}
