//! From what is written to what is meant: files and variants laid over one another.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::{Environment, Project, check};
use crate::recipe::fault::{self, instead};
use crate::recipe::settings::{Home, Io, Limits, Network};
use crate::recipe::{BoxConfig, Fault, Text};

impl Project {
    /// This recipe over another: single values go before those of the other, maps before its entries of the same name, and
    /// lists come after its lists.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self {
            include: Vec::new(),
            from: self.from.or(under.from),
            packages: after(under.packages, self.packages),
            copy: after(under.copy, self.copy),
            setup: after(under.setup, self.setup),
            env: before(self.env, under.env),
            home: self.home.or(under.home),
            share: after(under.share, self.share),
            mounts: after(under.mounts, self.mounts),
            network: self.network.or(under.network),
            ports: after(under.ports, self.ports),
            limits: limits(&self.limits, &under.limits),
            init: self.init.or(under.init),
            nesting: self.nesting.or(under.nesting),
            stop_signal: self.stop_signal.or(under.stop_signal),
            shell: self.shell.or(under.shell),
            workdir: self.workdir.or(under.workdir),
            user: self.user.or(under.user),
            tasks: before(self.tasks, under.tasks),
            services: before(self.services, under.services),
            variants: before(self.variants, under.variants),
            written: after(under.written, self.written),
        }
    }

    /// All that is wrong with the recipe and its variants, each fault once. `file` is what the recipe is called in them. A
    /// recipe that has variants need not be a box itself: it may leave `from` to them.
    pub fn faults(&self, file: &str) -> Vec<Fault> {
        let all = self.variants.keys().map(|name| Some(name.as_str()));
        let itself = (self.from.is_some() || self.variants.is_empty()).then_some(None);
        let mut found: Vec<Fault> =
            itself.into_iter().chain(all).filter_map(|name| self.environment(file, name).err()).flatten().collect();
        fault::sort(&mut found);
        found
    }

    /// The box that the recipe or one of its variants describes. What is included has been laid under it. `file` is what the
    /// recipe is called in faults.
    ///
    /// # Errors
    /// All that is wrong with it; that there is no such variant.
    pub fn environment(&self, file: &str, variant: Option<&str>) -> Result<Environment, Vec<Fault>> {
        let fault = |what| vec![Fault { file: file.to_owned(), place: crate::recipe::Place::default(), what }];
        let mut whole = self.clone();
        let variants = std::mem::take(&mut whole.variants);
        if let Some(name) = variant {
            let names = || variants.keys().map(String::as_str);
            let laid = variants.get(name).ok_or_else(|| {
                fault(format!("there is no variant `{}`{}", name.escape_debug(), instead(name, names())))
            })?;
            whole = laid.clone().over(whole);
        }
        if variant.is_none() && whole.from.is_none() && !variants.is_empty() {
            let names: Vec<String> = variants.keys().map(|name| format!("`{}`", name.escape_debug())).collect();
            let what = format!("the recipe itself is no box, without `from`; its variants are: {}", names.join(", "));
            return Err(fault(what));
        }
        let mut faults = Faults::of(file, &self.written, variant);
        check::whole(&whole, &mut faults);
        let faults = faults.sorted();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(whole.meant(variant))
    }

    /// What a recipe without faults comes to.
    fn meant(self, variant: Option<&str>) -> Environment {
        let from = self.from.as_ref().map_or("", Text::as_str).to_owned();
        let texts = |texts: Vec<Text>| {
            let mut all: Vec<String> = Vec::new();
            for text in texts {
                if !all.iter().any(|known| known == text.as_str()) {
                    all.push(text.as_str().to_owned());
                }
            }
            all
        };
        let text = |text: Option<Text>| text.map(|text| text.as_str().to_owned());
        let mut config = BoxConfig::new(from.clone());
        config.env = self.env;
        config.home = self.home.unwrap_or(Home::Project);
        config.share = self.share;
        config.mounts = self.mounts;
        // Ports that lead somewhere need a network of the box's own.
        let usual = if self.ports.is_empty() { Network::Host } else { Network::Private };
        config.network = self.network.unwrap_or(usual);
        config.ports = self.ports;
        config.limits = self.limits;
        config.init = self.init.unwrap_or_default();
        config.nesting = self.nesting.unwrap_or(true);
        config.stop_signal = text(self.stop_signal);
        config.shell = text(self.shell).map(Into::into);
        config.workdir = text(self.workdir).map(Into::into);
        config.user = text(self.user);
        Environment {
            variant: variant.map(str::to_owned),
            from,
            packages: texts(self.packages),
            copy: self.copy,
            setup: self.setup,
            config,
            tasks: self.tasks,
            services: self.services,
        }
    }
}

fn after<T>(mut under: Vec<T>, over: Vec<T>) -> Vec<T> {
    under.extend(over);
    under
}

fn before<T>(over: BTreeMap<String, T>, mut under: BTreeMap<String, T>) -> BTreeMap<String, T> {
    under.extend(over);
    under
}

fn limits(over: &Limits, under: &Limits) -> Limits {
    Limits {
        memory: over.memory.or(under.memory),
        swap: over.swap.or(under.swap),
        cpus: over.cpus.or(under.cpus),
        cpuset: over.cpuset.clone().or_else(|| under.cpuset.clone()),
        pids: over.pids.or(under.pids),
        io: Io { read: over.io.read.or(under.io.read), write: over.io.write.or(under.io.write) },
        nofile: over.nofile.or(under.nofile),
        view: over.view.or(under.view),
        enforce: over.enforce.or(under.enforce),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = "\
from: debian:12
packages: [gcc, make]
setup:
  - make install
  - {run: curl x, network: host, as: user}
env: {A: '1', B: '2'}
mounts: [{cache: cargo, at: ~/.cargo}]
ports: ['8080:80', 53]
limits: {memory: 4G, cpus: 1.5}
tasks: {test: cargo test, lint: [cargo, clippy], all: {needs: [test, lint]}}
services: {db: {run: postgres, ready: {port: 5432}}}
variants:
  ci: {packages: [git, gcc], env: {B: '3'}, home: none}
";

    #[test]
    fn a_variant_is_laid_over_the_recipe() {
        let project = Project::parse("envbox.yaml", RECIPE).unwrap();
        let main = project.environment("envbox.yaml", None).unwrap();
        assert_eq!((main.from.as_str(), main.packages.len(), main.setup.len()), ("debian:12", 2, 2));
        let ci = project.environment("envbox.yaml", Some("ci")).unwrap();
        assert_eq!(ci.packages, ["gcc", "make", "git"]);
        assert_eq!((ci.config.env["A"].as_str(), ci.config.env["B"].as_str()), ("1", "3"));
        assert_eq!((main.config.home, ci.config.home), (Home::Project, Home::None));
        let wrong = project.environment("envbox.yaml", Some("ic")).unwrap_err();
        assert!(wrong[0].to_string().contains("`ci` is"), "{}", wrong[0]);
    }

    #[test]
    fn a_recipe_may_leave_all_to_its_variants() {
        let project =
            Project::parse("envbox.yaml", "variants: {a: {from: debian:12}, b: {from: alpine:3.20}}\n").unwrap();
        assert_eq!(project.faults("envbox.yaml"), []);
        let fault = project.environment("envbox.yaml", None).unwrap_err();
        assert!(fault[0].to_string().contains("its variants are: `a`, `b`"), "{}", fault[0]);
    }

    #[test]
    fn faults_have_their_place() {
        for (text, place, word) in [
            ("from: debian\npackges: [a]\n", "2:1", "`packages` is"),
            ("from: debian\nports:\n  - 80:x\n", "3:5", "not a port"),
            ("from: debian\nhome: hots\n", "2:7", "`host` is"),
            ("from: debian\nfrom: x\n", "2:1", "from"),
        ] {
            let fault = Project::parse("envbox.yaml", text).unwrap_err().to_string();
            assert!(fault.contains(place) && fault.contains(word), "{fault}");
        }
    }
}
