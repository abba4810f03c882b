//! Which of a Containerfile's stages is made, and of what.

use super::Options;
use super::expand::{Values, one};
use super::lex::Instruction;
use crate::import::{Error, Left};

/// The stage that is made, with all stages that it goes on from.
pub(super) struct Chosen<'a> {
    /// The `FROM` that names the image.
    pub(super) from: &'a Instruction,
    /// The image.
    pub(super) image: String,
    /// What follows it, in order.
    pub(super) instructions: Vec<&'a Instruction>,
    /// Arguments from before the first stage.
    pub(super) globals: Values,
    /// Stages that are not made.
    pub(super) left: Vec<Left>,
}

struct Stage<'a> {
    from: &'a Instruction,
    image: String,
    name: Option<String>,
    instructions: Vec<&'a Instruction>,
}

pub(super) fn choose<'a>(file: &str, all: &'a [Instruction], options: &Options) -> Result<Chosen<'a>, Error> {
    let first = all.iter().position(|instruction| instruction.word == "FROM").unwrap_or(all.len());
    let (before, after) = all.split_at(first);
    let globals = globals(before, options);
    let stages = stages(after, &globals);
    let empty = |what: &str| Error::Empty { file: file.to_owned(), what: what.to_owned() };
    let last = stages.len().checked_sub(1).ok_or_else(|| empty("there is no `FROM` in it"))?;
    let chosen = match &options.target {
        None => last,
        Some(target) => find(&stages, target, stages.len())
            .ok_or_else(|| empty(&format!("there is no stage `{}`", target.escape_debug())))?,
    };
    let mut chain = vec![chosen];
    // A stage can only go on from one above it, so this ends.
    while let Some(under) = chain.last().and_then(|at| find(&stages, &stages[*at].image, *at)) {
        chain.push(under);
    }
    chain.reverse();
    let mut left: Vec<Left> = before
        .iter()
        .filter(|one| one.word != "ARG")
        .map(|one| Left::instruction(file, one, "it stands before the first `FROM`"))
        .collect();
    for (_, stage) in stages.iter().enumerate().filter(|(at, _)| !chain.contains(at)) {
        left.push(Left::instruction(file, stage.from, "a stage of its own: an envbox.yaml makes one image"));
    }
    let bottom = &stages[chain[0]];
    let instructions = chain.iter().flat_map(|at| stages[*at].instructions.iter().copied()).collect();
    Ok(Chosen { from: bottom.from, image: bottom.image.clone(), instructions, globals, left })
}

fn globals(before: &[Instruction], options: &Options) -> Values {
    let mut globals = Values::new();
    for argument in before.iter().filter(|instruction| instruction.word == "ARG") {
        for word in super::expand::words(&argument.rest, &globals, argument.escape) {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            let given = options.arguments.get(name).map_or(value, String::as_str).to_owned();
            globals.insert(name.to_owned(), given);
        }
    }
    globals
}

fn stages<'a>(after: &'a [Instruction], globals: &Values) -> Vec<Stage<'a>> {
    let mut stages: Vec<Stage<'a>> = Vec::new();
    for instruction in after {
        if instruction.word != "FROM" {
            // The slice begins with a `FROM`.
            stages.last_mut().into_iter().for_each(|stage| stage.instructions.push(instruction));
            continue;
        }
        let words: Vec<&str> = instruction.rest.split_whitespace().collect();
        let image = one(words.first().copied().unwrap_or_default(), globals, instruction.escape);
        let name = match words.get(1..) {
            Some([word, name]) if word.eq_ignore_ascii_case("as") => Some((*name).to_ascii_lowercase()),
            _ => None,
        };
        stages.push(Stage { from: instruction, image, name, instructions: Vec::new() });
    }
    stages
}

/// The stage of a name or number among the first `below`: of two of one name the later.
fn find(stages: &[Stage<'_>], word: &str, below: usize) -> Option<usize> {
    let name = word.to_ascii_lowercase();
    let named = stages[..below].iter().rposition(|stage| stage.name.as_deref() == Some(&name));
    named.or_else(|| word.parse::<usize>().ok().filter(|number| *number < below))
}
