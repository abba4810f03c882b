//! From a recipe's texts to plain ones: variables filled in, and every form checked.

use super::form::{FILE, Form};
use super::source::{Also, Archive, Lxc, Oci, Only, Signature, Source, Tarball};
use super::variables::Variables;
use super::{Change, Fault, Setup, Text};

/// Fills in texts. What is wrong is kept, so that all of it can be said at once.
#[derive(Debug)]
pub(super) struct Filler<'a> {
    pub(super) file: &'a str,
    pub(super) variables: Variables<'a>,
    pub(super) faults: Vec<Fault>,
}

impl Filler<'_> {
    pub(super) fn fault(&mut self, text: &Text, what: String) {
        self.faults.push(Fault { file: self.file.to_owned(), place: text.place(), what });
    }

    pub(super) fn text(&mut self, text: &Text, form: Form) -> String {
        let filled = self.variables.fill(text.as_str()).and_then(|filled| match form.check(&filled) {
            Ok(()) => Ok(filled),
            Err(what) => Err(what),
        });
        filled.unwrap_or_else(|what| {
            self.fault(text, what);
            String::new()
        })
    }

    pub(super) fn texts(&mut self, texts: &[Text], form: Form) -> Vec<String> {
        texts.iter().map(|text| self.text(text, form)).collect()
    }

    fn option(&mut self, text: Option<&Text>, form: Form) -> Option<String> {
        text.map(|text| self.text(text, form))
    }

    /// Whether a part of the recipe is for this version and this machine.
    pub(super) fn applies(&mut self, only: &Only<Text>) -> bool {
        let machine = self.variables.machine;
        let here = only.machines.is_empty() || only.machines.iter().any(|text| text.as_str() == machine);
        here && (only.versions.is_empty() || only.versions.iter().any(|text| self.is_version(text)))
    }

    fn is_version(&mut self, text: &Text) -> bool {
        match glob::Pattern::new(text.as_str()) {
            Ok(pattern) => pattern.matches(self.variables.version),
            Err(error) => {
                self.fault(text, format!("`{}` is no glob: {error}", text.as_str().escape_debug()));
                false
            }
        }
    }

    pub(super) fn source(&mut self, source: &Source<Text>) -> Source {
        match source {
            Source::Tarball(tarball) => Source::Tarball(self.tarball(tarball)),
            Source::Debian(archive) => Source::Debian(self.archive(archive)),
            Source::Oci(oci) => {
                Source::Oci(Oci { image: self.text(&oci.image, Form::Image), only: Only::everything() })
            }
            Source::Lxc(lxc) => Source::Lxc(Lxc {
                server: self.text(&lxc.server, Form::Url),
                product: self.text(&lxc.product, Form::Word),
                only: Only::everything(),
            }),
        }
    }

    fn tarball(&mut self, tarball: &Tarball<Text>) -> Tarball {
        let filled = Tarball {
            at: self.texts(&tarball.at, Form::Directory),
            file: self.text(&tarball.file, Form::Glob),
            list: self.option(tarball.list.as_ref(), Form::File),
            sums: self.option(tarball.sums.as_ref(), Form::Beside),
            signature: tarball.signature.as_ref().map(|signature| self.signature(signature)),
            digest: self.option(tarball.digest.as_ref(), Form::Digest),
            strip: tarball.strip,
            only: Only::everything(),
        };
        if filled.at.is_empty() {
            self.fault(&tarball.file, "`at` names no server".to_owned());
        }
        let listed = filled.list.is_some() || filled.sums.as_ref().is_some_and(|sums| !sums.contains(FILE));
        if filled.file.contains(['*', '?', '[']) && !listed {
            self.fault(&tarball.file, "a glob needs a `list` or `sums` that name the files there are".to_owned());
        }
        if let (Some(signature), None) = (&tarball.signature, &filled.sums)
            && signature.is_of_sums()
        {
            self.fault(&tarball.file, "the signature is of `sums`, and there are none".to_owned());
        }
        filled
    }

    fn signature(&mut self, signature: &Signature<Text>) -> Signature {
        match signature {
            Signature::Openpgp { of, file, keyring, keys } => Signature::Openpgp {
                of: *of,
                file: self.text(file, Form::Beside),
                keyring: self.keyring(keyring, keys),
                keys: self.texts(keys, Form::Fingerprint),
            },
            Signature::Clearsigned { of, keyring, keys } => Signature::Clearsigned {
                of: *of,
                keyring: self.keyring(keyring, keys),
                keys: self.texts(keys, Form::Fingerprint),
            },
            Signature::Minisign { of, file, keys } => {
                if keys.is_empty() {
                    self.fault(file, "a signature of minisign needs `keys`".to_owned());
                }
                let file = self.text(file, Form::Beside);
                Signature::Minisign { of: *of, file, keys: self.texts(keys, Form::Minisign) }
            }
        }
    }

    fn keyring(&mut self, keyring: &Text, keys: &[Text]) -> String {
        let filled = self.text(keyring, Form::Keyring);
        if filled.starts_with("https://") && keys.is_empty() {
            self.fault(
                keyring,
                "whoever has the server has a keyring that is fetched: `keys` must be named".to_owned(),
            );
        }
        filled
    }

    fn archive(&mut self, archive: &Archive<Text>) -> Archive {
        if archive.at.is_empty() {
            self.fault(&archive.suite, "`at` names no server".to_owned());
        }
        let mut also = Vec::new();
        for companion in &archive.also {
            if self.applies(&companion.only) {
                let (at, suite) = (self.texts(&companion.at, Form::Directory), self.text(&companion.suite, Form::Word));
                let snapshot = self.option(companion.snapshot.as_ref(), Form::Directory);
                also.push(Also { suite, at, snapshot, only: Only::everything() });
            }
        }
        Archive {
            at: self.texts(&archive.at, Form::Directory),
            suite: self.text(&archive.suite, Form::Word),
            components: self.texts(&archive.components, Form::Word),
            keyring: self.keyring(&archive.keyring, &archive.keys),
            keys: self.texts(&archive.keys, Form::Fingerprint),
            keyring_package: self.text(&archive.keyring_package, Form::Word),
            also,
            snapshot: self.option(archive.snapshot.as_ref(), Form::Directory),
            include: self.texts(&archive.include, Form::Word),
            only: Only::everything(),
        }
    }

    pub(super) fn change(&mut self, change: &Change<Text>) -> Change {
        match change {
            Change::Write { path, content } => {
                Change::Write { path: self.text(path, Form::Path), content: self.text(content, Form::Any) }
            }
            Change::Replace { path, line, with } => Change::Replace {
                path: self.text(path, Form::Path),
                line: self.text(line, Form::Any),
                with: self.text(with, Form::Any),
            },
        }
    }

    pub(super) fn setup(&mut self, setup: &Setup<Text>) -> Setup {
        Setup { run: self.text(&setup.run, Form::Any) }
    }
}
