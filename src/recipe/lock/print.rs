//! A lock as it is written: the same text for the same lock, and a line for each thing that changes by itself.

use std::fmt::{self, Display, Formatter};

use super::{Added, Archive, Base, Boxes, Deb, Lock, Locked};

const HEAD: &str = "\
# What envbox.yaml meant when `envbox lock` was last run: with it, everybody gets the same. Belongs into the repository.
# Written by envbox; `envbox lock --upgrade` brings it up to date.
";

/// Words that YAML takes for something else than a text.
const RESERVED: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

impl Display for Lock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}version: {}\nmachines:", self.version)?;
        for (machine, boxes) in &self.machines {
            writeln!(f, "  {}:", Scalar(machine))?;
            boxes.write(&mut Indented { to: f, by: 4, fresh: true })?;
        }
        Ok(())
    }
}

impl Boxes {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        if let Some(main) = &self.main {
            out.write_str("main:\n")?;
            main.write(&mut Indented { to: out, by: 2, fresh: true })?;
        }
        if !self.variants.is_empty() {
            out.write_str("variants:\n")?;
        }
        for (name, locked) in &self.variants {
            writeln!(out, "  {}:", Scalar(name))?;
            locked.write(&mut Indented { to: out, by: 4, fresh: true })?;
        }
        Ok(())
    }
}

impl Locked {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(out, "from: {}", Scalar(&self.from))?;
        if !self.wants.is_empty() {
            out.write_str("wants:\n")?;
        }
        self.wants.iter().try_for_each(|name| writeln!(out, "  - {}", Scalar(name)))?;
        match &self.base {
            Base::Archive(archive) => {
                out.write_str("base:\n  archive:\n")?;
                archive.write(&mut Indented { to: out, by: 4, fresh: true })?;
            }
            Base::Image(image) => writeln!(out, "base:\n  image: {}", Scalar(image))?,
            Base::Recipe(below) => {
                out.write_str("base:\n  recipe:\n")?;
                below.write(&mut Indented { to: out, by: 4, fresh: true })?;
            }
            Base::File(file) => {
                writeln!(out, "base:\n  file: {{at: {}, digest: {}}}", Scalar(&file.at), file.digest)?;
            }
        }
        match &self.packages {
            Added::Nothing => {}
            Added::Debs(added) => {
                out.write_str("packages:\n  debs:\n")?;
                debs(&mut Indented { to: out, by: 4, fresh: true }, added)?;
            }
            Added::Versions(versions) => {
                let manager = Scalar(&versions.manager);
                writeln!(out, "packages:\n  versions:\n    manager: {manager}\n    packages:")?;
                for package in &versions.packages {
                    let (name, version) = (Scalar(&package.name), Quoted(&package.version));
                    writeln!(out, "      - {{name: {name}, version: {version}}}")?;
                }
            }
        }
        if !self.downloads.is_empty() {
            out.write_str("downloads:\n")?;
        }
        let mut downloads = self.downloads.iter();
        downloads.try_for_each(|file| writeln!(out, "  - {{url: {}, digest: {}}}", Scalar(&file.url), file.digest))
    }
}

impl Archive {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(out, "title: {}\ncodename: {}", Scalar(&self.title), Scalar(&self.codename))?;
        if let Some(release) = &self.release {
            writeln!(out, "release: {}", Quoted(release))?;
        }
        let components: Vec<String> = self.components.iter().map(|name| Scalar(name).to_string()).collect();
        writeln!(out, "arch: {}\nepoch: {}", Scalar(&self.arch), self.epoch)?;
        writeln!(out, "components: [{}]", components.join(", "))?;
        if let Some(keyring) = &self.keyring {
            writeln!(out, "keyring: {}", Scalar(keyring))?;
        }
        out.write_str("sites:\n")?;
        for site in &self.sites {
            writeln!(out, "  - at: {}", Scalar(&site.at))?;
            if let Some(snapshot) = &site.snapshot {
                writeln!(out, "    snapshot: {}", Scalar(snapshot))?;
            }
            out.write_str("    suites:\n")?;
            for list in &site.suites {
                let (suite, date, digest) = (Scalar(&list.suite), Quoted(&list.date), list.inrelease);
                writeln!(out, "      - {{suite: {suite}, date: {date}, inrelease: {digest}}}")?;
            }
        }
        out.write_str("packages:\n")?;
        debs(&mut Indented { to: out, by: 2, fresh: true }, &self.packages)
    }
}

fn debs(out: &mut dyn fmt::Write, debs: &[Deb]) -> fmt::Result {
    for Deb { name, version, arch, site, file, size, digest } in debs {
        let site = if *site == 0 { String::new() } else { format!(", site: {site}") };
        let (name, version, arch, file) = (Scalar(name), Quoted(version), Scalar(arch), Scalar(file));
        writeln!(
            out,
            "- {{name: {name}, version: {version}, arch: {arch}{site}, file: {file}, size: {size}, digest: {digest}}}"
        )?;
    }
    Ok(())
}

/// A text, bare where it can be taken for nothing else.
struct Scalar<'a>(&'a str);

/// A text in quotes, which JSON and YAML have the same.
struct Quoted<'a>(&'a str);

impl Display for Scalar<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(text) = *self;
        let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._/:~@".contains(&byte))
            && !text.ends_with(':')
            && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
        if bare { f.write_str(text) } else { Quoted(text).fmt(f) }
    }
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// Lines that begin further to the right.
struct Indented<'a> {
    to: &'a mut dyn fmt::Write,
    by: usize,
    fresh: bool,
}

impl fmt::Write for Indented<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for line in text.split_inclusive('\n') {
            if self.fresh {
                write!(self.to, "{:1$}", "", self.by)?;
            }
            self.to.write_str(line)?;
            self.fresh = line.ends_with('\n');
        }
        Ok(())
    }
}
