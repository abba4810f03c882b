//! One version of a distribution on one machine.

use serde::Serialize;

use super::fill::Filler;
use super::form::{FILE, Form};
use super::variables::Variables;
use super::{Change, Fault, Machine, Packages, Recipe, Setup, Source, System, Version};

/// A recipe for one version and one machine, with nothing left to fill in but `${file}` ([`with_file`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The recipe's name.
    pub name: String,
    /// For people: `Alpine Linux 3.23`.
    pub title: String,
    /// The version's name.
    pub version: String,
    /// The machine, as [`Machine`] names it.
    pub machine: String,
    /// What the distribution calls the machine.
    pub arch: String,
    /// Where it comes from, the best first; never empty.
    pub sources: Vec<Source>,
    /// How its package manager is called.
    pub packages: Packages,
    /// Shells, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shells: Vec<String>,
    /// The program that is process 1 of a system box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// What makes a system box of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// What to change in files of the tree, as soon as it is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Change>,
    /// What to run in it, as root of the box, before it is used for the first time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<Setup>,
}

/// A recipe does not say how to get a version on a machine.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The distribution is not for this machine.
    #[error("{title} is not made for {machine}, but for {}", there.join(", "))]
    NoMachine {
        /// The distribution.
        title: String,
        /// The machine.
        machine: String,
        /// Those that it is made for.
        there: Vec<String>,
    },
    /// It is, but not in this version.
    #[error("{title} {version} is not made for {machine}")]
    NoSource {
        /// The distribution.
        title: String,
        /// The version.
        version: String,
        /// The machine.
        machine: String,
    },
    /// The recipe is faulty.
    #[error("the recipe is faulty")]
    Faulty(#[source] Fault),
}

impl Recipe {
    /// What the recipe says of a version, on a machine by its name ([`Machine::here`]).
    ///
    /// # Errors
    /// [`ResolveError`]. That of a fault is met only with versions that the recipe does not list: it was checked with the
    /// others when it was read.
    pub fn resolve(&self, version: &Version, machine: &str) -> Result<Resolved, ResolveError> {
        let (resolved, faults) = self.fill(self.name.as_str(), version, machine)?;
        if let Some(fault) = faults.into_iter().next() {
            return Err(ResolveError::Faulty(fault));
        }
        if resolved.sources.is_empty() {
            let (title, machine) = (self.title.clone(), machine.to_owned());
            return Err(ResolveError::NoSource { title, version: resolved.version, machine });
        }
        Ok(resolved)
    }

    pub(super) fn fill(
        &self,
        file: &str,
        version: &Version,
        machine: &str,
    ) -> Result<(Resolved, Vec<Fault>), ResolveError> {
        let known = Machine::named(machine).and_then(|machine| Some((machine, self.architectures.get(machine.name)?)));
        let (machine, architecture) = known.ok_or_else(|| ResolveError::NoMachine {
            title: self.title.clone(),
            machine: machine.to_owned(),
            there: self.architectures.keys().cloned().collect(),
        })?;
        let variables = Variables::new(self, version, machine, architecture);
        let mut filler = Filler { file, variables, faults: Vec::new() };
        let mut sources = Vec::new();
        for source in &self.sources {
            if filler.applies(source.only()) {
                sources.push(filler.source(source));
            }
        }
        let arch = architecture.variables.get("arch").map(|arch| filler.text(arch, Form::Word)).unwrap_or_default();
        let resolved = Resolved {
            name: self.name.as_str().to_owned(),
            title: format!("{} {}", self.title, version.name.as_str()),
            version: version.name.as_str().to_owned(),
            machine: machine.name.to_owned(),
            arch,
            sources,
            packages: self.packages.clone(),
            shells: filler.texts(&self.shells, Form::Path),
            init: self.init.as_ref().map(|init| filler.text(init, Form::Path)),
            system: self.system.clone(),
            files: self.files.iter().map(|change| filler.change(change)).collect(),
            setup: self.setup.iter().map(|setup| filler.setup(setup)).collect(),
        };
        Ok((resolved, filler.faults))
    }
}

/// Fills in the name of the file that was chosen, in what stands beside it: `${file}.sha256`.
pub fn with_file(text: &str, file: &str) -> String {
    text.replace(FILE, file)
}
