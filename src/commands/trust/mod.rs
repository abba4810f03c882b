//! What a project may do: shown in plain words, asked once, remembered.

mod list;
mod real;
mod show;
mod verb;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::project;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::project::Environment;
use crate::recipe::project::asks::{Ask, Place, What, asks};
use crate::store::{self, Agreed};
use crate::ui;
pub(super) use real::real;
pub(super) use verb::{trust, untrust};

/// Characters of a command that are shown.
const LONGEST: usize = 200;

/// Sees to it that the user has agreed to everything that an environment of the project in `root` asks for. Where there is
/// nothing new, nothing is said, and one small file is read. Comes before anything of the project's is fetched, built, run
/// or mounted.
///
/// # Errors
/// The user does not agree, or there is nobody to ask; the store's.
pub(super) fn ensure(context: &Context<'_>, root: &Path, environment: &Environment, yes: bool) -> Result<()> {
    agree(context, root, &whole(context, root, environment)?, yes)
}

/// The same for one that a recipe is made from, and that was read once more: it may not be what was agreed to.
///
/// # Errors
/// As [`ensure`].
pub(super) fn ensure_again(context: &Context<'_>, root: &Path, environment: &Environment) -> Result<()> {
    agree(context, root, std::slice::from_ref(environment), false)
}

fn agree(context: &Context<'_>, root: &Path, environments: &[Environment], yes: bool) -> Result<()> {
    let wanted = Wanted::new(context, root, environments)?;
    if wanted.new_asks().next().is_none() { Ok(()) } else { wanted.settle(context, yes) }
}

/// A recipe, and those that it is made from: what they ask for, it asks for.
fn whole(context: &Context<'_>, root: &Path, environment: &Environment) -> Result<Vec<Environment>> {
    let below = project::below(context.host, root, environment)?;
    Ok(std::iter::once(environment.clone()).chain(below).collect())
}

/// What a project asks for, beside what was agreed to.
struct Wanted {
    root: PathBuf,
    asks: Vec<Ask>,
    agreed: Option<Agreed>,
    known: BTreeSet<What>,
}

impl Wanted {
    /// What these environments of a project ask for, each thing once.
    fn new(context: &Context<'_>, root: &Path, environments: &[Environment]) -> Result<Self> {
        let root = canonical(root)?;
        let home = &context.host.user.home;
        let home = fs::canonicalize(home).unwrap_or_else(|_| home.clone());
        let longest = if context.ui.shows_steps() { usize::MAX } else { LONGEST };
        let place = Place { root: &root, home: &home, longest };
        let (mut found, mut seen): (Vec<Ask>, BTreeSet<What>) = (Vec::new(), BTreeSet::new());
        for environment in environments {
            for ask in asks(environment, place, |from| real(&root, &home, from))? {
                if seen.insert(ask.what.clone()) {
                    found.push(ask);
                }
            }
        }
        found.sort_by_key(|ask| ask.what.group());
        let agreed = context.store.agreed(&root).or_else(|error| match error {
            store::Error::Damaged { .. } => {
                context.ui.warning(&format!("{}; you are asked anew", texts(&error)));
                Ok(None)
            }
            error => Err(error),
        })?;
        let known = agreed.iter().flat_map(|agreed| agreed.asks.iter().cloned()).collect();
        Ok(Self { root, asks: found, agreed, known })
    }

    fn is_new(&self, ask: &Ask) -> bool {
        !ask.what.is_covered_by(&self.known)
    }

    fn new_asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.iter().filter(|ask| self.is_new(ask))
    }

    /// Shows what is new, asks, and records the answer if it is a yes.
    fn settle(&self, context: &Context<'_>, yes: bool) -> Result<()> {
        let new: Vec<&Ask> = self.new_asks().collect();
        if !yes && !context.ui.is_interactive() {
            return Err(self.nobody_to_ask(context, &new));
        }
        let question = show::question(self, &new);
        if yes {
            context.ui.note(&question);
        } else {
            context.ui.show(&question);
        }
        if !(yes || context.ui.confirm("Do you agree?", "--yes")?) {
            return Err(Error::new(format!("you have not agreed to what {} asks for", self.root.display()))
                .hint("nothing was fetched, built or run"));
        }
        let whats: Vec<What> = new.into_iter().map(|ask| ask.what.clone()).collect();
        Ok(context.store.agree(&self.root, &whats, ui::seconds(SystemTime::now()))?)
    }

    fn nobody_to_ask(&self, context: &Context<'_>, new: &[&Ask]) -> Error {
        let things = show::things(new.iter().map(|ask| &ask.what).collect::<BTreeSet<_>>().len());
        let root = self.root.display().to_string();
        let error = Error::new(format!(
            "{root} asks for {things} that you have not agreed to, and there is no terminal to ask on"
        ));
        let here = fs::canonicalize(&context.host.cwd).is_ok_and(|cwd| cwd.starts_with(&self.root));
        error.hint(if here { "envbox trust".to_owned() } else { format!("envbox trust {}", show::quoted(&root)) })
    }
}

/// A project's directory without symbolic links, which is what is agreed to.
fn canonical(root: &Path) -> Result<PathBuf> {
    fs::canonicalize(root).map_err(|error| Error::new(format!("cannot find the project {}: {error}", root.display())))
}

/// An error and its causes on one line.
fn texts(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
