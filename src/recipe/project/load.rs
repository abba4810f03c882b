//! A project's recipe with all that it includes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::Written;
use super::words::{inside, normal};
use super::{Project, check};
use crate::recipe::{Fault, Place, Text, yaml};

/// Files at the most that a recipe is made of.
const MOST: usize = 32;

/// Files that include one another, at the most.
const DEEPEST: usize = 8;

/// Reads a file of the project; its path is relative to the project's root and does not leave it, but links may want to,
/// which is the reader's business. The error is why it can't be read.
pub type Reader<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

impl Project {
    /// Reads a recipe and all that it includes, each file laid under the one that includes it. A file that several include
    /// is laid once, where it comes first. `root` is what the project's root is called in faults, and `file` the recipe in
    /// it.
    ///
    /// # Errors
    /// What is wrong with the files by themselves, and with the names of variants; what contradicts itself when all is laid
    /// over one another says [`Project::environment`].
    pub fn load(root: &Path, file: &Path, read: &Reader<'_>) -> Result<Self, Vec<Fault>> {
        let mut loading = Loading { root, read, bytes: 0, known: BTreeSet::new(), open: Vec::new() };
        let text = read(file).map_err(|what| {
            let what = format!("cannot be read: {what}");
            vec![Fault { file: loading.shown(file), place: Place::default(), what }]
        })?;
        loading.known.insert(file.to_owned());
        let project = loading.file(file, text)?;
        let faults = check::variants(&project);
        if faults.is_empty() { Ok(project) } else { Err(faults) }
    }
}

struct Loading<'a> {
    root: &'a Path,
    read: &'a Reader<'a>,
    bytes: usize,
    /// All files that were begun with.
    known: BTreeSet<PathBuf>,
    /// Those that are not done with, each included by the one before.
    open: Vec<PathBuf>,
}

impl Loading<'_> {
    fn shown(&self, path: &Path) -> String {
        self.root.join(path).display().to_string()
    }

    fn file(&mut self, path: &Path, text: String) -> Result<Project, Vec<Fault>> {
        let file = self.shown(path);
        self.bytes += text.len();
        let mut project = Project::parse(&file, &text).map_err(|fault| vec![fault])?;
        project.written = vec![Written { file: file.clone(), text: Arc::from(text) }];
        self.open.push(path.to_owned());
        let mut under = Project::default();
        for include in &project.include {
            let fault = |what| vec![Fault { file: file.clone(), place: include.place(), what }];
            if let Some((path, text)) = self.included(path, include).map_err(fault)? {
                under = self.file(&path, text)?.over(under);
            }
        }
        self.open.pop();
        Ok(project.over(under))
    }

    /// The path and the text of a file that is included, unless it was already.
    fn included(&mut self, by: &Path, include: &Text) -> Result<Option<(PathBuf, String)>, String> {
        let shown = include.as_str().escape_debug();
        inside(include.as_str())?;
        let joined = by.parent().unwrap_or(Path::new("")).join(include.as_str());
        let path = normal(&joined).ok_or_else(|| format!("`{shown}` is outside of the project"))?;
        if let Some(begin) = self.open.iter().position(|open| *open == path) {
            let cycle = self.open[begin..].iter().chain([&path]).map(|path| path.display().to_string());
            let cycle: Vec<String> = cycle.map(|name| name.escape_debug().to_string()).collect();
            return Err(format!("the files include one another: {}", cycle.join(" -> ")));
        }
        if !self.known.insert(path.clone()) {
            return Ok(None);
        }
        if self.known.len() > MOST {
            return Err(format!("the recipe is made of more than {MOST} files"));
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("more than {DEEPEST} files include one another"));
        }
        let text = (self.read)(&path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
        if self.bytes + text.len() > yaml::LARGEST {
            return Err(format!("the recipe has more than {} KiB", yaml::LARGEST >> 10));
        }
        Ok(Some((path, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Project, String> {
        let read = |path: &Path| {
            let known = files.iter().find(|(name, _)| Path::new(name) == path);
            known.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
        };
        let words = |faults: Vec<Fault>| faults.iter().map(|fault| format!("{fault}\n")).collect();
        Project::load(Path::new(""), Path::new("envbox.yaml"), &read).map_err(words)
    }

    #[test]
    fn what_is_included_is_laid_under() {
        let project = load(&[
            ("envbox.yaml", "include: [ci/a.yaml, ci/b.yaml]\nfrom: debian\npackages: [d]\nenv: {B: '3'}\n"),
            ("ci/a.yaml", "include: [../c.yaml]\nfrom: alpine\npackages: [b]\nenv: {A: '1', B: '1'}\n"),
            ("ci/b.yaml", "include: [./../c.yaml]\npackages: [c]\nenv: {A: '2', B: '2'}\n"),
            ("c.yaml", "packages: [a]\n"),
        ])
        .unwrap();
        let box_of = project.environment("envbox.yaml", None).unwrap();
        assert_eq!((box_of.from.as_str(), box_of.packages.join(" ")), ("debian", "a b c d".into()));
        assert_eq!((box_of.config.env["A"].as_str(), box_of.config.env["B"].as_str()), ("2", "3"));
    }

    #[test]
    fn what_cannot_be_included_is_said_where_it_stands() {
        for (files, said) in [
            (&[("envbox.yaml", "include:\n  - x.yaml\n")][..], "envbox.yaml:2:5: `x.yaml` cannot be read: no such"),
            (&[("envbox.yaml", "include: [/etc/x.yaml]\n")], "envbox.yaml:1:11: `/etc/x.yaml` is no path in the pro"),
            (&[("envbox.yaml", "include: [a/../../x]\n")], "envbox.yaml:1:11: `a/../../x` is outside"),
            (&[("envbox.yaml", "include: ['']\n")], "envbox.yaml:1:11: "),
            (
                &[("envbox.yaml", "include: [envbox.yaml]\n")],
                "1:11: the files include one another: envbox.yaml -> envb",
            ),
            (
                &[("envbox.yaml", "include: [a/x]\n"), ("a/x", "include: [y]\n"), ("a/y", "include: [../a/x]\n")],
                "a/y:1:11: the files include one another: a/x -> a/y -> a/x",
            ),
            (&[("envbox.yaml", "include: [a]\n"), ("a", "form: x\n")], "a:1:1: there is no key `form` here; `from` is"),
            (&[("envbox.yaml", "include: [\"\\e[m\"]\n")], "1:11: `\\u{1b}[m`"),
        ] {
            let error = load(files).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn there_is_an_end_to_including() {
        let chain = |length: usize| -> Vec<(String, String)> {
            let one = |n: usize| (format!("f{n}"), format!("include: [f{}]\n", n + 1));
            (0..length).map(one).chain([("envbox.yaml".into(), "include: [f0]\n".into())]).collect()
        };
        let many: Vec<String> = (0..40).map(|n| format!("f{n}")).collect();
        let mut wide: Vec<(String, String)> = many.iter().map(|name| (name.clone(), "env: {}\n".into())).collect();
        wide.push(("envbox.yaml".into(), format!("include: [{}]\n", many.join(", "))));
        let long = format!("env: {{A: {}}}\n", "x".repeat(200 << 10));
        let large =
            vec![("envbox.yaml".into(), "include: [a, b]\n".into()), ("a".into(), long.clone()), ("b".into(), long)];
        for (files, said) in [(chain(20), "more than 8"), (wide, "more than 32"), (large, "more than 256 KiB")] {
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let error = load(&files).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
