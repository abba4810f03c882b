//! `envbox search` and `envbox recipe`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueHint};

/// What `envbox search` takes.
#[derive(Debug, Args)]
#[command(after_long_help = SEARCH_EXAMPLES)]
pub struct Search {
    /// Part of a name, a title or a version; without it, all
    #[arg(value_hint = ValueHint::Other)]
    pub word: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const SEARCH_EXAMPLES: &str = "\
Examples:
  envbox search
  envbox search noble
  envbox search --json | jq -r '.[].name'";

/// What `envbox recipe` takes.
#[derive(Debug, Args)]
#[command(after_long_help = RECIPE_EXAMPLES)]
pub struct Recipe {
    /// What to do with recipes.
    #[command(subcommand)]
    pub command: RecipeCommand,
}

/// The verbs of `envbox recipe`.
#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Print what a recipe comes to on this machine, with its URLs
    Show(RecipeShow),
    /// Check recipes: every version on every architecture
    ///
    /// Prints what is wrong with them, each with its line and column, and exits with 1 if there is anything.
    Check(RecipeCheck),
}

/// What `envbox recipe show` takes.
#[derive(Debug, Args)]
pub struct RecipeShow {
    /// A recipe, with a version if need be (`alpine:3.20`), or a file
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub recipe: RecipeWord,
    /// Another machine than this one
    #[arg(long, value_name = "MACHINE")]
    pub machine: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `envbox recipe check` takes.
#[derive(Debug, Args)]
pub struct RecipeCheck {
    /// Files of recipes; the project's `envbox.yaml` if none is given
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// What `envbox schema` takes.
#[derive(Debug, Args)]
#[command(after_long_help = SCHEMA_EXAMPLES)]
pub struct Schema {
    /// That of a box's `box.yaml` instead
    #[arg(long = "box")]
    pub of_box: bool,
}

const SCHEMA_EXAMPLES: &str = "\
Examples:
  envbox schema > envbox.schema.json
and, for editors, as the first line of an envbox.yaml:
  # yaml-language-server: $schema=envbox.schema.json";

/// A recipe by one of its names, or a file with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeWord(pub String);

impl FromStr for RecipeWord {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

const RECIPE_EXAMPLES: &str = "\
Examples:
  envbox recipe show ubuntu:noble
  envbox recipe show alpine --machine aarch64
  envbox recipe check ~/.config/envbox/recipes/*.yaml";
