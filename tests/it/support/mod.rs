//! What tests are made of.

pub(crate) mod boxes;
mod environment;
mod golden;
mod pty;
pub(crate) mod requirement;
pub(crate) mod rootfs;
pub(crate) mod vm;

use std::path::PathBuf;

pub(crate) use environment::{LIMIT, Run, TestEnvironment};
pub(crate) use golden::golden;
pub(crate) use pty::Pty;
pub(crate) use requirement::{only_where, requires};

/// The project's source tree: where `tests/run` has put a copy that its ordinary user can read, else where it was built.
pub(crate) fn source_dir() -> PathBuf {
    std::env::var_os("ENVBOX_SOURCE").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Where tests put what they work on: not /tmp, which may be a tmpfs; boxes usually are on a disk.
pub(crate) fn tests_dir() -> PathBuf {
    std::env::var_os("ENVBOX_TEST_DIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

/// The binary under test.
pub(crate) fn envbox() -> PathBuf {
    std::env::var_os("ENVBOX_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_envbox")), PathBuf::from)
}

/// Third-party root file systems.
pub(crate) fn fixtures() -> PathBuf {
    std::env::var_os("ENVBOX_FIXTURES").map_or_else(|| source_dir().join("../shared/fixtures"), PathBuf::from)
}
