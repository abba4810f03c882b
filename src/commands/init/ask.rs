//! The few questions that a person is asked.

use super::source::Source;
use crate::error::Result;
use crate::import::{BASE, Draft};
use crate::recipe::Text;
use crate::recipe::project::Project;
use crate::recipe::settings::Home;
use crate::ui::Ui;

/// The ways to have a home, in the words of a recipe.
const HOMES: [(&str, Home); 5] = [
    ("project", Home::Project),
    ("host", Home::Host),
    ("private", Home::Private),
    ("overlay", Home::Overlay),
    ("none", Home::None),
];

/// What is asked of the home; `private` is the same as `project`, and taken as well.
const HOME: &str = "Which home has the box: one of its own (project), yours (host), yours with all changes kept in the box \
                    (overlay), an empty one each time (none)?";

/// Asks what the draft leaves open: the base and what was detected, the tasks, the home.
pub(super) fn adjust(draft: &mut Draft, source: &Source, ui: &Ui) -> Result<()> {
    if let Source::Detected(detected) = source {
        detection(draft, &detected.seen, ui)?;
    }
    tasks(&mut draft.recipe, ui)?;
    let is = HOMES
        .iter()
        .find(|(_, home)| *home == draft.recipe.home.unwrap_or(Home::Project))
        .map_or("project", |(word, _)| word);
    let chosen = ui.ask(HOME, is, |answer| HOMES.iter().any(|(word, _)| *word == answer))?;
    let home = HOMES.iter().find(|(word, _)| *word == chosen).map(|(_, home)| *home);
    draft.recipe.home = home.filter(|home| *home != Home::Project);
    Ok(())
}

fn detection(draft: &mut Draft, seen: &[String], ui: &Ui) -> Result<()> {
    let is_one = |answer: &str| !answer.contains(|c: char| c.is_control() || c.is_whitespace());
    let base = ui.ask("What is the box made of?", BASE, is_one)?;
    if !seen.is_empty() && !ui.approve(&format!("This was detected: {}. Take it?", seen.join(", ")), "--yes")? {
        *draft = Draft::default();
    }
    if base != BASE && !draft.recipe.packages.is_empty() {
        draft.notes.insert("packages", format!("By Debian's names; {base} may have others."));
    }
    draft.recipe.from = Some(Text::from(base));
    Ok(())
}

/// Lets the user say which tasks are kept.
fn tasks(recipe: &mut Project, ui: &Ui) -> Result<()> {
    if recipe.tasks.is_empty() {
        return Ok(());
    }
    let all = recipe.tasks.keys().cloned().collect::<Vec<_>>().join(" ");
    let words =
        |answer: &str| answer.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let known = |answer: &str| answer == "-" || words(answer).iter().all(|word| recipe.tasks.contains_key(word));
    let kept = words(&ui.ask("Which tasks (- for none)?", &all, known)?);
    recipe.tasks.retain(|name, _| kept.contains(name));
    Ok(())
}
