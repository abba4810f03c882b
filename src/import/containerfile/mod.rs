//! Containerfiles, also known as Dockerfiles (Containerfile(5)).

mod apt;
mod convert;
mod copy;
mod expand;
mod lex;
mod run;
mod stages;

use std::collections::BTreeMap;

use super::{Draft, Error, Left};

/// What else than the file there is to say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stage to make, by its name or number; the last if it is not given.
    pub target: Option<String>,
    /// Values of `ARG`s.
    pub arguments: BTreeMap<String, String>,
    /// Where the paths of `COPY` begin, relative to the project: empty, or with a `/` at its end.
    pub context: String,
    /// The names of what is in the project's root, which patterns are compared with.
    pub names: Vec<String>,
}

/// The recipe that makes what a Containerfile makes.
///
/// # Errors
/// The text is no Containerfile, or has no such stage.
pub fn containerfile(file: &str, text: &str, options: &Options) -> Result<Draft, Error> {
    let instructions = lex::lex(file, text)?;
    let chosen = stages::choose(file, &instructions, options)?;
    let mut converter = convert::Converter::new(file, options, chosen.globals);
    converter.draft.left.extend(chosen.left);
    converter.base(&chosen.image, chosen.from);
    for instruction in chosen.instructions {
        converter.instruction(instruction);
    }
    for name in options.arguments.keys().filter(|name| !converter.asked.contains(*name)) {
        let why = "no `ARG` of what is made has this name";
        converter.draft.left.push(Left::new(file, 0, &format!("--build-arg {name}"), why));
    }
    Ok(converter.finish())
}

impl Left {
    /// An instruction that was not carried over.
    fn instruction(file: &str, instruction: &lex::Instruction, why: impl Into<String>) -> Self {
        Self::new(file, instruction.line, &format!("{} {}", instruction.word, instruction.all), why)
    }
}

#[cfg(test)]
mod tests;
