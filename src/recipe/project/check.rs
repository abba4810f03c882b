//! Whether a recipe is one: all that can be said of it without looking at anything else.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::place::{Part, Way};
use super::words::{self, Checked};
use super::{Copied, Project, Run, needs, reach};
use crate::recipe::Fault;
use crate::recipe::Text;
use crate::recipe::settings::{self, Init, Limits};

/// What says whether something is wrong with a text.
type Check = fn(&str) -> Checked;

/// Tasks, services and variants at the most, of each.
pub(super) const MOST: usize = 256;

/// What is wrong with a recipe's variants by themselves: their names, and what has no place in one.
pub(super) fn variants(project: &Project) -> Vec<Fault> {
    let mut faults = Faults::of("", &project.written, None);
    let all = Way::ROOT.key("variants");
    if project.variants.len() > MOST {
        faults.add(&all, Part::Key, format!("there are more than {MOST} variants"));
    }
    for (name, variant) in &project.variants {
        let way = all.key(name);
        faults.key(&way, words::name(name));
        for (key, empty) in [("variants", variant.variants.is_empty()), ("include", variant.include.is_empty())] {
            if !empty {
                faults.add(&way.key(key), Part::Key, format!("a variant has no `{key}` of its own"));
            }
        }
    }
    faults.sorted()
}

/// What is wrong with a recipe, or one of its variants, when all is laid over one another.
pub(super) fn whole(project: &Project, faults: &mut Faults<'_>) {
    let root = Way::ROOT;
    match &project.from {
        Some(from) => faults.value(&root.key("from"), words::from(from.as_str())),
        None => faults.add(&root, Part::Value, "the key `from` is missing: what the box is made of".to_owned()),
    }
    let packages = root.key("packages");
    for (index, package) in project.packages.iter().enumerate() {
        faults.value(&packages.item(index), words::package(package.as_str()));
    }
    for (index, copied) in project.copy.iter().enumerate() {
        copy(&root.key("copy").item(index), copied, faults);
    }
    for (index, step) in project.setup.iter().enumerate() {
        setup(&root.key("setup").item(index), step, faults);
    }
    env(&root, &project.env, faults);
    let texts: [(&str, &Option<Text>, Check); 4] = [
        ("stop_signal", &project.stop_signal, settings::stop_signal),
        ("shell", &project.shell, words::absolute),
        ("workdir", &project.workdir, words::absolute),
        ("user", &project.user, words::user),
    ];
    for (key, text, check) in texts {
        if let Some(text) = text {
            faults.value(&root.key(key), check(text.as_str()));
        }
    }
    if let Some(Init::Program(program)) = &project.init {
        faults.value(&root.key("init"), words::absolute(program));
    }
    limits(&root.key("limits"), &project.limits, faults);
    reach::check(project, faults);
    needs::check(project, faults);
}

fn limits(way: &Way<'_>, limits: &Limits, faults: &mut Faults<'_>) {
    for little in limits.too_little() {
        let what = little.to_string();
        match little.keys {
            [key, part] => faults.add(&way.key(key).key(part), Part::Value, what),
            keys => faults.add(&way.key(keys.first().copied().unwrap_or_default()), Part::Value, what),
        }
    }
}

fn copy(way: &Way<'_>, copied: &Copied, faults: &mut Faults<'_>) {
    let from = copied.from.as_str();
    let is_url = from.contains("://");
    let checked = if is_url { words::url(from, copied.digest.is_some()) } else { words::in_project(from) };
    faults.value(&way.key("from"), checked);
    if !is_url && copied.digest.is_some() {
        let what = "`digest` is for a URL: what a file of the project has in it is known".to_owned();
        faults.add(&way.key("digest"), Part::Key, what);
    }
    faults.value(&way.key("to"), words::absolute(copied.to.as_str()));
    if let Some(mode) = &copied.mode {
        faults.value(&way.key("mode"), words::mode(mode.as_str()));
    }
}

fn setup(way: &Way<'_>, step: &Run, faults: &mut Faults<'_>) {
    faults.value(&way.key("run"), words::command(step.run.as_str()));
    env(way, &step.env, faults);
}

/// The variables of what is there.
pub(super) fn env(way: &Way<'_>, env: &BTreeMap<String, String>, faults: &mut Faults<'_>) {
    let all = way.key("env");
    for (name, value) in env {
        let way = all.key(name);
        faults.key(&way, words::variable(name));
        faults.value(&way, words::value(value));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let read = |_: &Path| Ok(text.to_owned());
        let loaded = Project::load(Path::new(""), Path::new("f"), &read);
        let faults = loaded.map_or_else(|faults| faults, |project| project.faults("f"));
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn everything_wrong_is_said_where_it_stands() {
        let table = [
            ("from: ../x/envbox.yaml\n", "f:1:7: `../x/envbox.yaml` is outside of the project"),
            ("packages: [gcc]\n", "f: the key `from` is missing"),
            ("from: x\npackages: [a, $(b)]\n", "f:2:15: `$(b)` is no package"),
            ("from: x\ncopy:\n- {from: ../a, to: /x}\n", "f:3:10: `../a` is outside"),
            ("from: x\ncopy: [{from: a, to: /../x}]\n", "f:2:22: `/../x` is no absolute path"),
            ("from: x\ncopy: [{from: 'http://a.test/x', to: /x}]\n", "f:2:15: `http://a.test/x` comes without TLS"),
            ("from: x\ncopy: [{from: a, to: /b, mode: 999}]\n", "f:2:32: `999` are no permission bits"),
            ("from: x\nsetup:\n  - \"a\\eb\"\n", "f:3:5: there is a character in the command that hides"),
            ("from: x\nsetup:\n  - run: x\n    env: {'': y}\n", "f:4:11: `` cannot be a variable's name"),
            ("from: x\nenv:\n  A: \"\\0\"\n", "f:3:6: a variable's value cannot have a NUL"),
            ("from: x\nuser: a b\n", "f:2:7: `a b` is not NAME"),
            ("from: x\nworkdir: src\n", "f:2:10: `src` is no absolute path"),
            ("from: x\ninit: atuo\n", "f:2:7: `atuo` is no init; `auto` is"),
            ("from: x\nlimits: {memory: 512}\n", "f:2:18: memory: 512 is too little for anything to run"),
            ("from: x\nvariants: {ci: {limits: {pids: 0}}}\n", "f:2:32: pids: 0 is too little"),
            ("from: x\nlimits:\n  io: {write: 0}\n", "f:3:15: io: write: 0 is too little"),
            ("from: x\nports: [80, '81:80', '80:8080']\n", "f:2:22: the host's TCP port 80 leads into the box twice"),
            ("from: x\nports: ['1.2.3.4:80:1', '0.0.0.0:80:1']\n", "f:2:25: the host's TCP port 80"),
            ("from: x\nnetwork: none\nports: [80]\n", "f:3:9: a box without a network has no ports"),
            ("from: x\nnetwork: host\nports: ['127.0.0.1:80:80']\n", "f:3:9: with the host's network"),
            ("from: x\nmounts:\n  - {cache: a, at: /usr/}\n", "f:3:20: nothing can be mounted at `/usr/`"),
            ("from: x\nmounts: [{cache: a, at: //proc//x}]\n", "f:2:25: nothing can be mounted at"),
            ("from: x\nmounts: [{cache: a, at: ~/}]\n", "f:2:25: nothing can be mounted at"),
            ("from: x\nmounts: [{cache: a, at: /x}, {cache: b, at: /x/}]\n", "f:2:45: a second thing is mounted"),
            ("from: x\ntasks: {Test: x}\n", "f:2:9: `Test` is no name"),
            (
                "from: x\ntasks:\n  a: {run: x, needs: [bulid]}\n  build: y\n",
                "f:3:23: there is no task `bulid`; `build` is",
            ),
            ("from: x\ntasks: {a: {run: x, services: [s]}}\n", "f:2:32: there is no service `s`"),
            ("from: x\ntasks: {a: {run: x, workdir: ../x}}\n", "f:2:30: `../x` is outside of the project"),
            ("from: x\ntasks: {a: {run: x, about: \"\\e\"}}\n", "f:2:28: `\\u{1b}` is not one line"),
            ("from: x\ntasks: {a: []}\n", "f:2:12: the command is empty"),
            (
                "from: x\ntasks:\n  a: {needs: [b]}\n  b: {needs: [c]}\n  c: {needs: [a]}\n",
                "f:3:14: the tasks need one another: a -> b -> c -> a",
            ),
            ("from: x\ntasks: {a: {needs: [a]}}\n", "f:2:20: the tasks need one another: a -> a"),
            ("from: x\nservices: {a: {run: x, stop_signal: SEGV}}\n", "f:2:37: `SEGV` is no signal"),
            ("from: x\nservices: {a: {run: x, needs: [b]}, b: {run: y, needs: [a]}}\n", "a -> b -> a"),
            ("from: x\nvariants: {ci: {packages: [-y]}}\n", "f:2:28: `-y` is no package"),
            ("from: x\nvariants: {ci: {variants: {a: {}}}}\n", "f:2:17: a variant has no `variants` of its own"),
            ("from: x\nvariants: {-ci: {}}\n", "f:2:12: `-ci` is no name"),
        ];
        let wrong = table.iter().map(|(text, expected)| (text, expected, said(text)));
        let wrong: Vec<_> =
            wrong.filter(|(_, expected, found)| found.len() != 1 || !found[0].contains(**expected)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn all_faults_are_said_at_once_in_their_order() {
        let found = said("from: x\nshell: y\ntasks: {B: x}\npackages: [;, a b]\nvariants: {ci: {user: a b}}\n");
        let places: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["f:2:8", "f:3:9", "f:4:12", "f:4:15", "f:5:23"]);
    }

    #[test]
    fn documents_that_are_meant_to_cost_are_refused() {
        let long = |word: &str, count: usize| word.repeat(count);
        let bomb = "env: &a {A: x}\nsetup:\n".to_owned() + &long("- {run: x, env: *a}\n", 5000);
        let nested =
            "&a [x,x,x,x,x,x,x,x]\n- &b [*a,*a,*a,*a,*a,*a]\n- &c [*b,*b,*b,*b,*b,*b]\n- &d [*c,*c,*c,*c,*c,*c]\n";
        let nested = format!("packages:\n- {nested}- &e [*d,*d,*d,*d,*d,*d]\n- [*e,*e,*e,*e,*e,*e]\n");
        for text in [
            bomb,
            nested,
            format!("from: {}\n", long("x", 300 << 10)),
            format!("packages: [{}]\n", long("a, ", 60_000)),
            format!("tasks: {{a: {}{}}}\n", long("[", 10_000), long("]", 10_000)),
            long("---\nfrom: x\n", 5000),
            format!("from: &a\n{}", long("  <<: *a\n", 5000)),
            format!("from: x\ntasks: {{{}}}\n", (0..300).map(|n| format!("t{n}: x, ")).collect::<String>()),
            format!("from: x\nvariants: {{{}}}\n", (0..300).map(|n| format!("v{n}: {{}}, ")).collect::<String>()),
            "from: x\nfrom: y\n".to_owned(),
            "tasks: {a: x, a: y}\n".to_owned(),
            "from: &a *a\n".to_owned(),
        ] {
            let begin = std::time::Instant::now();
            let found = said(&text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(!found[0].contains(char::is_control) && found[0].len() < 300, "{found:?}");
            assert!(begin.elapsed().as_secs() < 2, "{found:?} took {:?}", begin.elapsed());
        }
    }
}
