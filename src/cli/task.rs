//! `envbox task`

use std::ffi::OsString;

use clap::Args;

use super::{InProject, Source};

/// What `envbox task` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Task {
    /// The task; without it, the tasks are listed
    #[arg(id = "task", value_name = "NAME")]
    pub name: Option<String>,
    /// Arguments for it
    #[arg(last = true, value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
    /// Take the tasks, and the box, of this variant of the project
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// List the tasks
    #[arg(short, long, conflicts_with = "task")]
    pub list: bool,
    /// List the tasks as JSON
    #[arg(long, conflicts_with = "task")]
    pub json: bool,
    /// In a project.
    #[command(flatten)]
    pub project: InProject,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

const EXAMPLES: &str = "\
Examples:
  envbox task
  envbox task test
  envbox task test -- --nocapture parser
  envbox task --json | jq -r '.[].name'";
