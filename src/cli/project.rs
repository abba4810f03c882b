//! What all verbs take that may make the box of a project.

use clap::Args;

/// How the box of a project is made ready.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "In a project")]
pub struct InProject {
    /// Answer yes to every question, that for leave to do what the project's recipe asks for included
    #[arg(short, long)]
    pub yes: bool,
    /// Take exactly what `envbox.lock` names, and nothing where there is none
    #[arg(long)]
    pub locked: bool,
}
