//! `envbox build`: a project's recipe becomes an image of layers.

mod copies;
mod failures;
mod layers;
mod packages;
mod steps;

use std::fs;
use std::path::PathBuf;

use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, envbox};

/// A project of BusyBox, in a home of its own.
pub(crate) struct Project {
    pub(crate) env: TestEnvironment,
}

/// The first line of every recipe here.
const FROM: &str = "from: ./rootfs.tar\n";

impl Project {
    /// With this recipe, after its first line.
    pub(crate) fn new(recipe: &str) -> Self {
        let project = Self { env: TestEnvironment::new() };
        fs::create_dir(project.path("")).unwrap();
        fs::write(project.path("rootfs.tar"), Rootfs::busybox().tar()).unwrap();
        project.recipe(recipe);
        project
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.env.path("home/project").join(path)
    }

    pub(crate) fn recipe(&self, recipe: &str) {
        fs::write(self.path("envbox.yaml"), format!("{FROM}{recipe}")).unwrap();
    }

    pub(crate) fn build(&self) -> crate::support::Run<'_> {
        self.env.envbox(["build", "--yes"]).dir(self.path(""))
    }

    /// The same, to be started by hand.
    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = self.env.command(envbox());
        command.args(["build", "--yes"]).current_dir(self.path("")).stdin(std::process::Stdio::null());
        command
    }

    /// Builds, and says which steps were carried out: the words after `run: `.
    #[track_caller]
    pub(crate) fn ran(&self) -> Vec<String> {
        ran(&self.build().succeeds().stderr)
    }

    /// The digest of the image, which is built if need be.
    #[track_caller]
    pub(crate) fn image(&self, options: &[&str]) -> String {
        let built = self.build().args(["--json"]).args(options).succeeds().stdout;
        let built: serde_json::Value = serde_json::from_str(&built).unwrap();
        built["image"].as_str().unwrap().to_owned()
    }

    /// What a script prints in a new box of the image.
    #[track_caller]
    pub(crate) fn sh(&self, image: &str, script: &str) -> String {
        self.env.envbox(["run", "--rm", image, "--", "sh", "-c", script]).succeeds().stdout
    }
}

/// The steps that were carried out, by what a build has said.
pub(crate) fn ran(said: &str) -> Vec<String> {
    let done = said.lines().filter_map(|line| line.split_once(": done in")).map(|(step, _)| step);
    done.map(|step| step.split_once("] ").map_or(step, |(_, step)| step).to_owned()).collect()
}
