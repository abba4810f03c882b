//! `envbox __complete`: what the completion scripts ask.
//!
//! A line is a candidate, with a tab and its explanation after it if there is one; or a colon and what the shell is to
//! complete by itself.

use clap::CommandFactory as _;

use super::{image, recipes};
use crate::cli::{self, Cli, Complete, Follow};
use crate::error::Result;
use crate::host::Host;
use crate::store;
use crate::ui::Ui;

pub(super) fn run(args: &Complete, host: &Host, ui: &Ui) -> Result {
    let found = cli::complete(Cli::command(), &args.words);
    let begun = args.words.last().map(|word| word.to_string_lossy()).unwrap_or_default();
    let mut text = String::new();
    for candidate in found.candidates {
        text += &format!("{}\t{}\n", candidate.value, candidate.help);
    }
    if found.boxes {
        let names = store::box_names(&host.dirs.data).into_iter().filter(|name| name.as_str().starts_with(&*begun));
        names.for_each(|name| text += &format!("{name}\t\n"));
    }
    if found.images {
        let names = image::names(&host.dirs.data).into_iter().filter(|name| name.starts_with(&*begun));
        names.for_each(|name| text += &format!("{name}\t\n"));
    }
    // Who has begun the name of a box that is there means that box.
    if found.recipes && text.is_empty() {
        let catalogue = recipes::catalogue(host, ui);
        for (word, title) in catalogue.words() {
            if word.starts_with(&*begun) {
                text += &format!("{word}\t{title}\n");
            }
        }
    }
    match found.follow {
        Some(Follow::Files) => text += ":files\n",
        Some(Follow::Directories) => text += ":directories\n",
        Some(Follow::Command(word)) => text += &format!(":command {word}\n"),
        None => {}
    }
    ui.data(text)?;
    Ok(0)
}
