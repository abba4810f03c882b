//! `envbox image prune`

use std::time::Duration;

use crate::cli::ImagePrune;
use crate::commands::gc;
use crate::context::Context;
use crate::error::Result;
use crate::store::Policy;

pub(super) fn run(args: &ImagePrune, context: &Context<'_>) -> Result {
    let idle = args.all.then(|| args.older_than.unwrap_or(Duration::ZERO));
    let collected = gc::collect(context, &Policy { idle, dry_run: args.dry_run, ..Policy::default() })?;
    if args.json {
        context.ui.json(&gc::Garbage::new(&collected, args.dry_run))?;
    } else {
        gc::say(context, &collected)?;
    }
    Ok(0)
}
