//! What the user typed: clap definitions and nothing else. What follows from it is `commands`' business.

mod boxes;
mod build;
mod complete;
mod create;
mod enter;
mod gc;
mod hook;
mod image;
mod init;
mod limit;
mod lock;
mod own;
mod parse;
mod project;
mod recipe;
mod run;
mod services;
mod task;
mod trust;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

pub use boxes::{List, Remove, Stop};
pub use build::Build;
pub use complete::{Candidate, Completion, Follow, Names, complete};
pub use create::{Create, Overlay, Source};
pub use enter::{Enter, Session};
pub use gc::Gc;
pub use hook::Hook;
pub use image::{
    Compression, Format, Image, ImageDf, ImageInspect, ImageList, ImageLoad, ImageName, ImagePrune, ImagePull,
    ImagePush, ImageRemove, ImageTag, ImageVerify, Save,
};
pub use init::Init;
pub use limit::{Column, Enforce, Limit, Limiting, Most, Stats, Top, View};
pub use lock::Lock;
pub use own::{Complete, Completions, Doctor, Manual, Shell};
pub use project::InProject;
pub use recipe::{Recipe, RecipeCheck, RecipeCommand, RecipeShow, RecipeWord, Schema, Search};
pub use run::{Run, Target};
pub use services::{Down, Logs, Ps, Up};
pub use task::Task;
pub use trust::{Trust, Untrust};

/// Linux environments without root and without a daemon
///
/// A box is a Linux system of its own (Debian, Alpine, …) in which you are yourself: your name, your home, your
/// terminal. Boxes need no root, no daemon and no engine, and starting one takes milliseconds.
#[derive(Debug, Parser)]
#[command(name = "envbox", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What holds for every command.
    #[command(flatten)]
    pub output: Output,
}

const EXAMPLES: &str = "\
Examples:
  envbox enter debian             a shell in Debian stable, built from its archive at first
  envbox run debian -- make       one command in a box
  envbox create alp --image alpine.tar.gz
  envbox list
  envbox doctor                   what this machine lacks, and the line that mends it

Exit status: that of the program that was run; 125 for a failure of envbox's own, 126 where the
program cannot be executed, 127 where it is not found.";

/// Options of every command that shape what is printed.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Show each step as it is carried out
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print nothing but data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Use colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true)]
    pub color: Colour,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is a dumb one.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a shell in a box; the box is created if need be
    ///
    /// Where there is no box of that name, it is created from the recipe of that name. In it you have your own name,
    /// home, working directory and environment, and `sudo` without a password. The box lives on for a minute after the
    /// last session has ended, so that the next `enter` takes a few milliseconds.
    ///
    /// In a project, a directory with an `envbox.yaml` or one below it, the box is that of the project, or of the variant
    /// that is named. It is built if need be. Another image, as of another branch, is another box; each stays as it is.
    Enter(Enter),
    /// Run one command in a box, or in a new box of an image
    ///
    /// The exit status is the command's. Standard input, output and error are passed through byte for byte, so it works
    /// in a pipe; the command has a terminal only where envbox has one. In a project the box is the project's, as with
    /// `enter`.
    ///
    /// Without a command it is the image's own that runs: its entry point, in its working directory and as its user. An
    /// image whose command would be root does not get that unasked: it runs as you, unless you say `--user root`.
    Run(Run),
    /// Run a task of the project, or list them
    ///
    /// What it needs comes first, each task once, and a task that fails ends it. All run in the project's box, begun in
    /// the project's directory. The exit status is the task's, and so are the terminal and standard input. Services that a
    /// task asks for are brought up before, and stay up: `envbox down` ends them.
    ///
    /// Arguments are added to the task's command. In a command line that has `$@`, `$1` or their like, they are what these
    /// stand for.
    Task(Task),
    /// Bring the project's services up, and wait until they are ready
    ///
    /// Each is started when those it needs are ready. They run in the project's box until `envbox down`, or until the box is
    /// stopped; what they print goes to their logs. Services that are up already stay as they are, unless their definition
    /// has changed. Ctrl-C ends the waiting, and not the services. The exit status is 0 if all are ready, and 1 if not.
    Up(Up),
    /// End the project's services, and those that need them
    Down(Down),
    /// Show how the project's services are
    Ps(Ps),
    /// Show what the project's services have printed
    Logs(Logs),
    /// Create a box
    ///
    /// Fetches and unpacks the image unless it is there already: a second box of the same image costs a few milliseconds
    /// and next to no space. Nothing is started; `envbox enter` does that. In a project, the box is the project's where no
    /// other is named.
    Create(Create),
    /// Make an envbox.yaml for the project in this directory
    ///
    /// From what its files say it needs (Cargo.toml, package.json, pyproject.toml, go.mod, …), or from what others have it
    /// described by: a Containerfile, devcontainer.json, distrobox.ini or vagga.yaml. What cannot be carried over is listed
    /// line by line, and stands at the end of the file as well. Nothing is run or fetched, and no file outside of the
    /// directory is read. On a terminal it asks before it writes.
    Init(Init),
    /// Build the image of the project that you are in
    ///
    /// The project is the nearest directory upward with an `envbox.yaml`. Its packages, each thing that it copies and each
    /// step of its setup are layers; those that are there, from whatever project, are not made again.
    Build(Build),
    /// List the boxes
    #[command(visible_alias = "ls")]
    List(List),
    /// Stop boxes: end everything that runs in them
    ///
    /// The programs in the box are asked to end, and killed if they have not after the given time. What the box has on
    /// disk stays. Without a name, in a project: all of its boxes that run.
    Stop(Stop),
    /// Remove boxes and everything in them
    ///
    /// Asks first. Your home is not part of a box, and stays. Without a name, in a project: all of its boxes.
    Rm(Remove),
    /// Show what a box may use of the machine, or change it
    ///
    /// What is changed is written to box.yaml, and a box that runs is changed as well, as far as that goes. Of each limit it
    /// is said what enforces it on this machine: the box's control group, for all of it, or else the next best there is for
    /// each process. The box of a project has the limits of its recipe: it can be given others until it stops.
    Limit(Limit),
    /// Show what boxes that run use of the machine
    ///
    /// Processors' time (now, and in all), memory, swap, processes, what was read and written, what had to wait, and what
    /// was killed or refused because of a limit. Without a control group that counts it, it is the sum over the box's processes.
    Stats(Stats),
    /// Watch what boxes that run use of the machine
    Top(Top),
    /// Write down exactly what a project's boxes are made of: envbox.lock
    ///
    /// Everybody who has the lock gets the same packages, whatever day it is. What is in it already stays as it is while the
    /// recipe asks for the same. A lock that is not of its recipe is an error wherever a box is made.
    Lock(Lock),
    /// Look after the images in the store
    #[command(subcommand)]
    Image(Image),
    /// Remove what nothing needs: layers, images, downloads, old agents
    ///
    /// What a box, a name or another envbox at work needs stays. Without options that is what is left over: layers of no
    /// image, images of no name and no box, downloads and package caches that were not used for 30 days, half ones that nobody has gone
    /// on with for a week; and of projects, the boxes that are not what the recipe says now, or whose directory is gone, if
    /// they were not used for 30 days.
    Gc(Gc),
    /// List the distributions that boxes can be made of
    ///
    /// Those whose name, title or versions have the word in them, else those nearest to it. Your own recipes are the files
    /// `recipes/*.yaml` beside your settings, and go before those that envbox carries.
    Search(Search),
    /// Look at recipes, and check your own
    Recipe(Recipe),
    /// Print the JSON Schema of a project's `envbox.yaml`
    ///
    /// With it, editors complete and check the file while it is written.
    Schema(Schema),
    /// Show what a project asks for, and agree to it
    ///
    /// The recipe of a project runs nothing and reaches nothing beyond it until you have seen what it asks for and agreed.
    /// That is remembered for this directory, and asked again only where a recipe asks for more.
    Trust(Trust),
    /// Take back what you have agreed to for a project
    ///
    /// It asks again at the next use. Its boxes stay as they are; `envbox rm` removes them.
    Untrust(Untrust),
    /// Check what this machine offers, and show how to mend what it lacks
    ///
    /// Each requirement is tried out rather than looked up. Exits with 1 where something is missing that envbox cannot
    /// do without.
    Doctor(Doctor),
    /// Print what makes a shell's prompt offer the box of a project
    ///
    /// On `cd` into a project a line says that it has a box, once per project and shell. Nothing of the project's is read,
    /// and no program is started.
    Hook(Hook),
    /// Print the completion script of a shell
    Completions(Completions),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Manual(Manual),
    /// Print what may stand next on a command line
    #[command(name = "__complete", hide = true)]
    Complete(Complete),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
