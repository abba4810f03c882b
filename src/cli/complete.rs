//! What may stand next on a command line, read off the definitions.
//!
//! The scripts of the three shells only carry words to here and candidates back, so that all shells complete alike and
//! a new option needs no new script.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command, ValueHint};

use super::{ImageName, RecipeWord, Target};
use crate::recipe::BoxName;

/// What may stand in place of the last word.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Words that the definitions name.
    pub candidates: Vec<Candidate>,
    /// Names that are not known here, the likeliest first.
    pub names: Vec<Names>,
    /// As much of the value as is typed.
    pub begun: String,
    /// What stands before the value in the same word: `--variant=`, or nothing.
    pub prefix: String,
    /// What the shell itself knows best.
    pub follow: Option<Follow>,
}

/// Names that only a look at the machine tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Of boxes.
    Boxes,
    /// Of system boxes.
    Systems,
    /// Of images in the store.
    Images,
    /// Of recipes that boxes are made of.
    Recipes,
    /// Of the variants of the project here.
    Variants,
    /// Of its tasks.
    Tasks,
    /// Of its services.
    Services,
    /// Of the packages in its recipe.
    Packages,
    /// Of the directories of projects that were agreed to.
    Trusted,
}

/// The names that an argument takes which is called like this, whatever its command.
const BY_ID: [(&str, &[Names]); 10] = [
    ("variant", &[Names::Variants]),
    ("task", &[Names::Tasks]),
    ("tasks", &[Names::Tasks]),
    ("service", &[Names::Services]),
    ("services", &[Names::Services]),
    ("log", &[Names::Services, Names::Systems]),
    ("package", &[Names::Packages]),
    ("packages", &[Names::Packages]),
    ("upgrade", &[Names::Packages]),
    ("trusted", &[Names::Trusted]),
];

/// A word, and what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub value: String,
    /// One line of explanation, or nothing.
    pub help: String,
}

/// What is left to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Names of files.
    Files,
    /// Names of directories.
    Directories,
    /// A command and its arguments, which begin at the word with this index.
    Command(usize),
}

/// Completes the last of the words that follow the program's name.
pub fn complete(mut root: Command, words: &[OsString]) -> Completion {
    root.build();
    let Some((last, settled)) = words.split_last() else { return Completion::default() };
    let last = last.to_string_lossy();
    let mut place = Place { command: &root, positional: 0, option: None };
    for (index, word) in settled.iter().enumerate() {
        if let Some(begin) = place.pass(word, index) {
            return Completion { follow: Some(Follow::Command(begin)), ..Completion::default() };
        }
    }
    place.candidates(&last, settled.len())
}

/// How far the settled words lead.
struct Place<'a> {
    command: &'a Command,
    /// Positional arguments that are taken.
    positional: usize,
    /// An option that waits for its value.
    option: Option<&'a Arg>,
}

impl<'a> Place<'a> {
    /// Goes past one word. The answer is where a command line of another program begins, if it does.
    fn pass(&mut self, word: &OsStr, index: usize) -> Option<usize> {
        let word = word.to_string_lossy();
        if self.option.is_some() {
            // bash takes `--option=value` for three words.
            if word != "=" {
                self.option = None;
            }
        } else if word == "--" {
            let takes_command = |arg: &&Arg| arg.is_last_set() || arg.is_trailing_var_arg_set();
            return self.command.get_positionals().any(|arg| takes_command(&arg)).then_some(index + 1);
        } else if let Some(long) = word.strip_prefix("--") {
            self.option = self.option_named(|arg| arg.get_long() == Some(long));
        } else if let Some(shorts) = word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            self.option = self.option_named(|arg| arg.get_short().is_some_and(|short| shorts.ends_with(short)));
        } else if let Some(command) = self.command.find_subcommand(&*word) {
            self.command = command;
        } else {
            let arg = self.command.get_positionals().nth(self.positional)?;
            if arg.is_allow_hyphen_values_set() || arg.is_trailing_var_arg_set() {
                return Some(index);
            }
            self.positional += usize::from(!matches!(arg.get_action(), ArgAction::Append));
        }
        None
    }

    fn option_named(&self, named: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        self.command.get_opts().find(|arg| arg.get_action().takes_values() && named(arg))
    }

    fn candidates(&self, last: &str, index: usize) -> Completion {
        if let Some(option) = self.option {
            return value(option, last.trim_start_matches('='), index);
        }
        if let Some((long, text)) = last.strip_prefix("--").and_then(|rest| rest.split_once('=')) {
            let found = self.option_named(|arg| arg.get_long() == Some(long));
            let mut completion = found.map(|arg| value(arg, text, index)).unwrap_or_default();
            for candidate in &mut completion.candidates {
                candidate.value = format!("--{long}={}", candidate.value);
            }
            completion.prefix = format!("--{long}=");
            return completion;
        }
        if last.starts_with('-') {
            return Completion { candidates: options(self.command, last), ..Completion::default() };
        }
        if self.command.has_subcommands() {
            return Completion { candidates: subcommands(self.command, last), ..Completion::default() };
        }
        let positional = self.command.get_positionals().filter(|arg| !arg.is_last_set()).nth(self.positional);
        positional.map(|arg| value(arg, last, index)).unwrap_or_default()
    }
}

fn value(arg: &Arg, begun: &str, index: usize) -> Completion {
    let either = is::<Target>(arg);
    let hint = arg.get_value_hint();
    let candidates = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).map(|value| {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        Candidate { value: value.get_name().to_owned(), help: sentence(&help) }
    });
    Completion {
        candidates: candidates.filter(|candidate| candidate.value.starts_with(begun)).collect(),
        names: names(arg),
        begun: begun.to_owned(),
        prefix: String::new(),
        follow: match hint {
            ValueHint::FilePath => Some(Follow::Files),
            ValueHint::DirPath => Some(Follow::Directories),
            ValueHint::CommandName | ValueHint::CommandWithArguments => Some(Follow::Command(index)),
            ValueHint::Other => None,
            _ => either.then_some(Follow::Files),
        },
    }
}

fn is<T: 'static>(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<T>()
}

fn names(arg: &Arg) -> Vec<Names> {
    let new_box = is::<BoxName>(arg) && arg.get_value_hint() == ValueHint::Other;
    if is::<Target>(arg) {
        vec![Names::Variants, Names::Boxes, Names::Images, Names::Recipes]
    } else if new_box {
        // A box that is not there yet is a variant's, or made of the recipe of its name.
        vec![Names::Variants, Names::Recipes]
    } else if is::<BoxName>(arg) {
        vec![Names::Boxes]
    } else if is::<RecipeWord>(arg) {
        vec![Names::Recipes]
    } else if is::<ImageName>(arg) {
        vec![Names::Images]
    } else if matches!(arg.get_long(), Some("image" | "system")) {
        vec![Names::Images, Names::Recipes]
    } else {
        BY_ID.iter().filter(|(id, _)| arg.get_id() == id).flat_map(|(_, names)| *names).copied().collect()
    }
}

fn options(command: &Command, begun: &str) -> Vec<Candidate> {
    let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let long = visible.filter_map(|arg| Some((arg, format!("--{}", arg.get_long()?))));
    long.filter(|(_, long)| long.starts_with(begun))
        .map(|(arg, value)| Candidate {
            value,
            help: sentence(&arg.get_help().map(ToString::to_string).unwrap_or_default()),
        })
        .collect()
}

fn subcommands(command: &Command, begun: &str) -> Vec<Candidate> {
    let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
    visible
        .filter(|command| command.get_name().starts_with(begun))
        .map(|command| Candidate {
            value: command.get_name().to_owned(),
            help: sentence(&command.get_about().map(ToString::to_string).unwrap_or_default()),
        })
        .collect()
}

/// The first line: an explanation stands beside its word.
fn sentence(help: &str) -> String {
    help.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn of(line: &str) -> Completion {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        complete(crate::cli::Cli::command(), &words)
    }

    fn words(line: &str) -> Vec<String> {
        of(line).candidates.into_iter().map(|candidate| candidate.value).collect()
    }

    fn has(line: &str, names: Names) -> bool {
        of(line).names.contains(&names)
    }

    #[test]
    fn names_of_a_project_where_one_may_stand() {
        for line in ["enter ", "run ", "create ", "trust --variant "] {
            assert!(has(line, Names::Variants), "{line}");
        }
        for (line, begun, prefix) in [
            ("trust --variant=c", "c", "--variant="),
            ("trust --variant = c", "c", ""),
            ("trust --variant =", "", ""),
            ("enter ci", "ci", ""),
        ] {
            let found = of(line);
            assert_eq!((&*found.begun, &*found.prefix), (begun, prefix), "{line}");
        }
        assert!(has("untrust ", Names::Trusted) && !has("trust ", Names::Trusted));
        assert_eq!(of("trust ").follow, Some(Follow::Directories));
        assert_eq!(words("hook f"), ["fish"]);
        // Arguments of commands that are yet to be.
        let command = |id| Command::new("envbox").arg(Arg::new(id));
        for (id, names) in BY_ID {
            assert_eq!(complete(command(id), &["".into()]).names, names, "{id}");
        }
    }

    #[test]
    fn subcommands_but_not_the_hidden_ones() {
        assert_eq!(words("s"), ["start", "stop", "stats", "search", "schema"]);
        assert!(words("").contains(&"enter".to_owned()));
        assert!(!words("").iter().any(|word| word.starts_with('_') || word == "manual"));
        assert_eq!(words("--color never doc"), ["doctor"], "an option's value is not a subcommand");
    }

    #[test]
    fn names_of_boxes_where_one_may_stand() {
        for line in [
            "enter ",
            "stop ",
            "start a ",
            "restart ",
            "console ",
            "autostart ",
            "rm a b ",
            "rm --yes ",
            "ls -v ; enter ",
            "run ",
        ] {
            let line = line.rsplit("; ").next().unwrap();
            assert!(has(line, Names::Boxes), "{line}");
        }
        for line in ["create ", "enter deb ", "list ", "completions ", "enter --mirror "] {
            assert!(!has(line, Names::Boxes), "{line}");
        }
    }

    #[test]
    fn names_of_images_where_one_may_stand() {
        for line in [
            "enter ",
            "run ",
            "create x --image ",
            "create x --system ",
            "image inspect ",
            "image rm a ",
            "image tag ",
            "image verify ",
        ] {
            assert!(has(line, Names::Images), "{line}");
        }
        for line in ["image tag a ", "image list ", "rm "] {
            assert!(!has(line, Names::Images), "{line}");
        }
    }

    #[test]
    fn names_of_recipes_where_one_may_stand() {
        for line in ["enter ", "run ", "create ", "create x --image ", "create x --system ", "recipe show "] {
            assert!(has(line, Names::Recipes), "{line}");
        }
        for line in ["stop ", "rm ", "list ", "recipe check ", "enter -- "] {
            assert!(!has(line, Names::Recipes), "{line}");
        }
        assert_eq!(words("recipe "), ["show", "check"]);
    }

    #[test]
    fn names_of_a_project() {
        for (line, names) in [
            ("task ", Names::Tasks),
            ("up ", Names::Services),
            ("up db ", Names::Services),
            ("down ", Names::Services),
            ("ps ", Names::Services),
            ("logs -f ", Names::Services),
            ("logs ", Names::Systems),
            ("task --variant ", Names::Variants),
            ("build ", Names::Variants),
        ] {
            assert!(has(line, names), "{line}");
        }
    }

    #[test]
    fn options_and_their_values() {
        assert_eq!(words("enter --dry"), ["--dry-run"]);
        assert_eq!(words("enter --overlay "), ["kernel", "fuse", "auto"]);
        assert_eq!(words("enter --overlay=f"), ["--overlay=fuse"]);
        assert_eq!(words("enter --overlay = f"), ["fuse"], "as bash splits it");
        assert_eq!(words("completions z"), ["zsh"]);
        assert!(words("enter -").contains(&"--verbose".to_owned()), "global options too");
    }

    #[test]
    fn what_the_shell_knows_best() {
        assert_eq!(of("create x --image ").follow, Some(Follow::Files));
        assert_eq!(of("create x -i ").follow, Some(Follow::Files));
        assert_eq!(of("enter --workdir ").follow, Some(Follow::Directories));
        assert_eq!(of("run deb ").follow, Some(Follow::Command(2)));
        assert_eq!(of("run deb -- ls -").follow, Some(Follow::Command(3)));
        assert_eq!(of("run deb ls --al").follow, Some(Follow::Command(2)));
        assert_eq!(of("enter -- top ").follow, Some(Follow::Command(2)));
    }
}
