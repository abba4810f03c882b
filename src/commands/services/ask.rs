//! Services of a recipe as plain data for the supervisor in the box.

use std::collections::BTreeMap;
use std::path::Path;

use crate::agent::supervise::{Ask, Caller, Probe, Ready, Spec, is_name};
use crate::commands::task;
use crate::error::{Error, Result};
use crate::host::User;
use crate::image::signal_number;
use crate::recipe::Text;
use crate::recipe::project::{self, Command, Environment, Service, order};

/// The signal that asks a program to end (signal(7)).
const SIGTERM: i32 = 15;

/// What is asked about these services; about all, if none is named.
///
/// # Errors
/// That there is no such service; a cycle; a name, a signal or a user that is none.
pub(super) fn ask(root: &Path, user: &User, environment: &Environment, names: &[String]) -> Result<Ask> {
    let all = &environment.services;
    order("service", all, names.iter().map(String::as_str), |service| &service.needs)?;
    order("service", all, all.keys().map(String::as_str), |service| &service.needs)?;
    let mut services = BTreeMap::new();
    for (name, service) in all {
        if !is_name(name) {
            return Err(Error::new(format!("`{}` cannot be a service's name", name.escape_debug())));
        }
        services.insert(name.clone(), spec(root, environment, service)?);
    }
    let caller = Caller { name: user.name.clone(), uid: user.uid, gid: user.gid, home: user.home.clone() };
    Ok(Ask { names: names.iter().cloned().collect(), services, caller })
}

fn spec(root: &Path, environment: &Environment, service: &Service) -> Result<Spec> {
    let config = &environment.config;
    let mut env = config.env.clone();
    env.extend(service.env.clone());
    let stop_signal = match &service.stop_signal {
        None => SIGTERM,
        Some(text) => signal_number(text.as_str())
            .ok_or_else(|| Error::new(format!("`{}` is no signal", text.as_str().escape_debug())))?,
    };
    let user = service.user.as_ref().map(|user| user.as_str().to_owned()).or_else(|| config.user.clone());
    let workdir = task::workdir(root, service.workdir.as_ref());
    Ok(Spec {
        run: words(&service.run),
        env,
        ready: service.ready.as_ref().map(|ready| readiness(ready, &workdir)),
        workdir,
        or_top: service.workdir.is_none() && user.is_some(),
        user,
        needs: service.needs.iter().map(|need| Text::as_str(need).to_owned()).collect(),
        restart: service.restart,
        stop_signal,
        stop_time: service.stop_time,
    })
}

fn readiness(ready: &project::Ready, workdir: &Path) -> Ready {
    let probe = match &ready.probe {
        project::Probe::Run(command) => Probe::Run(words(command)),
        project::Probe::Port(port) => Probe::Port(*port),
        project::Probe::File(path) => Probe::File(workdir.join(path)),
        project::Probe::Log(text) => Probe::Log(text.clone()),
    };
    Ready { probe, every: ready.every, within: ready.within }
}

fn words(command: &Command) -> Vec<String> {
    // A recipe is text, and so is what was made of it.
    task::words(command, &[]).into_iter().filter_map(|word| word.into_string().ok()).collect()
}
