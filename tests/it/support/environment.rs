//! A user with an envbox of their own.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, thread};

use tempfile::TempDir;

use super::{envbox, tests_dir};

/// A home and XDG directories of its own, on a real file system, and an environment with nothing else in it. What is
/// left of it goes when it is dropped: boxes through the binary, files of subordinate owners inside a user namespace.
#[derive(Debug)]
pub(crate) struct TestEnvironment {
    root: TempDir,
}

/// Directories of [`TestEnvironment`], and the variables that name them.
const DIRS: [(&str, &str); 5] = [
    ("HOME", "home"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_CACHE_HOME", "cache"),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_RUNTIME_DIR", "run"),
];

/// Seconds that a command may take: one that hangs is a failure (status 124), not a test that never ends.
pub(crate) const LIMIT: &str = "300";

impl TestEnvironment {
    /// A user who has never run envbox.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("envbox-it-").tempdir_in(tests_dir()).unwrap();
        for (_, dir) in DIRS {
            DirBuilder::new().mode(0o700).create(root.path().join(dir)).unwrap();
        }
        Self { root }
    }

    /// A path under the environment's own directory: `home/x`, `data/envbox/boxes`, …
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A command in this environment, begun in its home.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .envs(DIRS.map(|(name, dir)| (name, self.path(dir))))
            .current_dir(self.path("home"));
        command
    }

    /// The binary under test with these arguments.
    pub(crate) fn envbox<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run<'_> {
        let mut command = self.command("timeout");
        command.args(["--foreground", LIMIT]).arg(envbox()).args(args);
        Run { environment: self, command, stdin: Vec::new() }
    }

    /// The text with what differs between machines and runs replaced.
    pub(crate) fn normalise(&self, text: &str) -> String {
        text.replace(&*self.root.path().to_string_lossy(), "$ENV").replace(&*envbox().to_string_lossy(), "$ENVBOX")
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        let boxes = fs::read_dir(self.path("data/envbox/boxes"));
        if boxes.is_ok_and(|mut boxes| boxes.next().is_some()) {
            let removed = self.envbox(["rm", "--all", "--yes", "--force"]).output();
            if !removed.status.success() && !thread::panicking() {
                panic!("the boxes cannot be removed: {}", removed.stderr);
            }
        }
        let _ = deletion(self.root.path()).stderr(Stdio::null()).status();
    }
}

/// The command that deletes a tree with files of subordinate ids, which only a user namespace lets their owner delete. As
/// root this is the plain command with nothing around it.
pub(super) fn deletion(tree: &Path) -> Command {
    let in_userns = ["unshare", "--user", "--map-root-user", "--map-auto"];
    let root = rustix::process::geteuid().is_root();
    let delete = ["rm", "-rf", "--one-file-system", "--"];
    let words: Vec<_> = in_userns.iter().filter(|_| !root).chain(&delete).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(tree);
    command
}

/// A run of the binary, to be.
#[must_use]
pub(crate) struct Run<'a> {
    environment: &'a TestEnvironment,
    command: Command,
    stdin: Vec<u8>,
}

/// What came of a run; text is normalised.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: std::process::ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Standard output, byte for byte.
    pub(crate) bytes: Vec<u8>,
}

impl Run<'_> {
    /// What it reads; without this, nothing.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.command.arg(word);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command.args(words);
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Begins in another directory.
    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it.
    pub(crate) fn output(mut self) -> Outcome {
        let pipes = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Written beside the reading, or both sides could wait for room in a pipe; one that does not read is no failure.
        let writer = thread::spawn(move || drop(stdin.write_all(&self.stdin)));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes: &[u8]| self.environment.normalise(&String::from_utf8_lossy(bytes));
        Outcome { status, stdout: text(&stdout), stderr: text(&stderr), bytes: stdout }
    }

    /// Runs it and expects success. The result is its standard output.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Outcome {
        self.exits(0)
    }

    /// Runs it and expects this exit status.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Outcome {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let outcome = self.output();
        assert_eq!(outcome.status.code(), Some(status), "envbox {shown}: {outcome:#?}");
        outcome
    }
}
