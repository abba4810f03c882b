//! Projects: which recipe is found, which box is meant by it, and what becomes of its boxes.

mod boxes;
mod found;
mod hostile;
mod settings;
mod swapped;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::rootfs::Rootfs;
use crate::support::{Run, TestEnvironment};

/// A project in the environment's home, with BusyBox as `a.tar`, and with another file in it as `b.tar`.
pub(crate) struct Project {
    pub(crate) env: TestEnvironment,
    pub(crate) root: PathBuf,
}

impl Project {
    /// A project in the directory `hello` of the home.
    pub(crate) fn new(recipe: &str) -> Self {
        Self::at("home/hello", recipe)
    }

    pub(crate) fn at(dir: &str, recipe: &str) -> Self {
        let env = TestEnvironment::new();
        let root = env.path(dir);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a.tar"), Rootfs::busybox().file("marker", 0o644, b"a\n").tar()).unwrap();
        let project = Self { env, root };
        project.write(recipe);
        project
    }

    /// Adds the second image.
    pub(crate) fn with_b(self) -> Self {
        fs::write(self.root.join("b.tar"), Rootfs::busybox().file("marker", 0o644, b"b\n").tar()).unwrap();
        self
    }

    /// Writes the recipe anew.
    pub(crate) fn write(&self, recipe: &str) {
        fs::write(self.root.join("envbox.yaml"), recipe).unwrap();
    }

    /// The binary, begun in the project. Whatever it asks is agreed to.
    pub(crate) fn envbox(&self, words: &[&str]) -> Run<'_> {
        self.env.envbox(words).dir(&self.root)
    }

    /// A script in the project's box.
    fn sh(&self, script: &str) -> Run<'_> {
        self.envbox(&["run", "--yes", "--", "sh", "-c", script])
    }

    fn boxes(&self) -> Vec<Value> {
        serde_json::from_slice(&self.env.envbox(["list", "--json"]).succeeds().bytes).unwrap()
    }

    /// The names of the boxes.
    pub(crate) fn names(&self) -> Vec<String> {
        self.boxes().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The only box's `box.yaml`.
    fn box_yaml(&self) -> PathBuf {
        let names = self.names();
        assert_eq!(names.len(), 1, "{names:?}");
        self.env.path(&format!("data/envbox/boxes/{}/box.yaml", names[0]))
    }

    fn path(&self) -> &Path {
        &self.root
    }
}
