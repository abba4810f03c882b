//! `envbox image`: one file a verb.

mod catalogue;
mod destination;
mod df;
mod inspect;
mod list;
mod load;
mod prune;
mod pull;
mod push;
mod remove;
mod repair;
mod save;
mod tag;
mod verify;

use crate::cli;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::ui::Ui;

pub(super) use catalogue::names;

pub(super) fn run(verb: &cli::Image, host: &Host, ui: &Ui) -> Result {
    let context = &Context::open(host, ui)?;
    match verb {
        cli::Image::List(args) => list::run(args, context),
        cli::Image::Inspect(args) => inspect::run(args, context),
        cli::Image::Rm(args) => remove::run(args, context),
        cli::Image::Tag(args) => tag::run(args, context),
        cli::Image::Pull(args) => pull::run(args, context),
        cli::Image::Push(args) => push::run(args, context),
        cli::Image::Load(args) => load::run(args, context),
        cli::Image::Save(args) => save::run(args, context),
        cli::Image::Verify(args) => verify::run(args, context),
        cli::Image::Df(args) => df::run(args, context),
        cli::Image::Prune(args) => prune::run(args, context),
    }
}
