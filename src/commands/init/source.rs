//! What the recipe is made from.

use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{Files, last};
use crate::cli::Init as Args;
use crate::error::{Error, Result};
use crate::import::{self, Detected, Draft, containerfile};
use crate::ui::Ui;

/// Files that others describe an environment by, in the order in which they are offered.
const KNOWN: [&str; 7] = [
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    "Containerfile",
    "Dockerfile",
    "distrobox.ini",
    "vagga.yaml",
    ".devcontainer/Dockerfile",
];

/// What the recipe is made from.
pub(super) enum Source {
    /// What the project's files say.
    Detected(Box<Detected>),
    /// A file that describes an environment.
    File(PathBuf),
}

impl Source {
    /// What was asked for, else what the user chooses, else what is detected; a file where nothing is.
    pub(super) fn choose(args: &Args, files: &Files<'_>, asks: bool, ui: &Ui) -> Result<Self> {
        if let Some(file) = &args.from {
            return Ok(Self::File(file.clone()));
        }
        if args.target.is_some() || !args.arguments.is_empty() {
            return Err(Error::new("`--target` and `--build-arg` are of a Containerfile, which `--from` names"));
        }
        let detected = import::detect(&files.names, &|path| files.try_read(path));
        let found: Vec<&str> = KNOWN.into_iter().filter(|path| files.has(path)).collect();
        let Some(first) = found.first() else { return Ok(Self::Detected(Box::new(detected))) };
        if asks {
            let seen = if detected.seen.is_empty() { "nothing".to_owned() } else { detected.seen.join(", ") };
            let mut options = vec![("detected", seen.as_str())];
            options.extend(found.iter().map(|path| (*path, "carried over")));
            return match ui.choose("Make it from what?", &options)? {
                Some(0) => Ok(Self::Detected(Box::new(detected))),
                Some(number) => Ok(Self::File(found[number - 1].into())),
                None => Err(Error::new("nothing was written")),
            };
        }
        if detected.seen.is_empty() {
            return Ok(Self::File(first.into()));
        }
        ui.note(&format!("there is {} as well: envbox init --from {first}", found.join(", ")));
        Ok(Self::Detected(Box::new(detected)))
    }

    /// The draft of it.
    pub(super) fn draft(&self, args: &Args, files: &Files<'_>) -> Result<Draft> {
        match self {
            Self::Detected(detected) => Ok(detected.draft.clone()),
            Self::File(path) => of_file(path, args, files),
        }
    }
}

fn of_file(path: &Path, args: &Args, files: &Files<'_>) -> Result<Draft> {
    let failed = |error| Error::new(format!("cannot read {}: {error}", path.display()));
    let text = files.read(path).map_err(failed)?;
    let (file, name) = (path.to_string_lossy(), last(path));
    let file = file.trim_start_matches("./");
    let read = |path: &str| files.try_read(path);
    let is_containerfile = name.contains("containerfile") || name.contains("dockerfile");
    if !is_containerfile && (args.target.is_some() || !args.arguments.is_empty()) {
        return Err(Error::new(format!("{file} is no Containerfile, of which `--target` and `--build-arg` are")));
    }
    let made = match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
        _ if is_containerfile => {
            let arguments = args.arguments.iter().cloned().collect();
            let options = containerfile::Options {
                target: args.target.clone(),
                arguments,
                context: String::new(),
                names: files.names.clone(),
            };
            containerfile::containerfile(file, &text, &options)
        }
        Some("json") => import::devcontainer(file, &text, &read),
        Some("ini") => import::distrobox(file, &text),
        Some("yaml" | "yml") => import::vagga(file, &text),
        _ => {
            return Err(Error::new(format!("{} is of no kind that is known by its name", path.display()))
                .hint("a Containerfile, a devcontainer.json, a distrobox.ini or a vagga.yaml"));
        }
    };
    made.map_err(Error::new)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detected(detected) if detected.seen.is_empty() => {
                f.write_str("nothing: no kind of project was recognised")
            }
            Self::Detected(detected) => f.write_str(&detected.seen.join(", ")),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
