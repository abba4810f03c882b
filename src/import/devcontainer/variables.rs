//! `${localEnv:NAME}` and what else stands for something in a `devcontainer.json`.

/// A text with what is known put in place.
pub(super) struct Replaced {
    /// The text.
    pub(super) text: String,
    /// What could not be, and why.
    pub(super) unknown: Vec<String>,
}

/// What is the project's directory, from where tasks begin.
const HERE: [&str; 2] = ["containerWorkspaceFolder", "localWorkspaceFolder"];

/// Puts in place what is known.
pub(super) fn replaced(text: &str) -> Replaced {
    let mut found = Replaced { text: String::new(), unknown: Vec::new() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        found.text.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            found.text.push_str("${");
            rest = after;
            continue;
        };
        let (kind, name) = inside.split_once(':').unwrap_or((inside, ""));
        let (name, default) = name.split_once(':').unwrap_or((name, ""));
        match kind {
            kind if HERE.contains(&kind) => found.text.push('.'),
            "localWorkspaceFolderBasename" | "containerWorkspaceFolderBasename" => {
                found.text.push('.');
                found.unknown.push(format!("`${{{inside}}}` is taken to be the project's directory"));
            }
            "localEnv" | "env" if name == "HOME" => found.text.push('~'),
            "localEnv" | "env" => {
                found.text.push_str(default);
                found.unknown.push(format!(
                    "`{name}` of the host's environment is not known to a recipe; `{default}` stands for it"
                ));
            }
            "containerEnv" if name == "PATH" => {
                found.text.push_str("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
                found.unknown.push("PATH is taken to be the usual one".to_owned());
            }
            "containerEnv" => {
                found.text.push_str(default);
                found
                    .unknown
                    .push(format!("`{name}` of the image is not known to a recipe; `{default}` stands for it"));
            }
            "devcontainerId" => {
                found.unknown.push("`${devcontainerId}` is left out: caches are the project's own anyway".to_owned());
            }
            // The shell's own.
            _ => found.text.push_str(&format!("${{{inside}}}")),
        }
        rest = after;
    }
    found.text.push_str(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn what_is_known_is_put_in_place() {
        for (text, filled, unknown) in [
            ("${containerWorkspaceFolder}/bin", "./bin", 0),
            ("${localEnv:HOME}/.cache", "~/.cache", 0),
            ("${localEnv:X:y}z", "yz", 1),
            ("x-${devcontainerId}", "x-", 1),
            ("${SHELL} ${", "${SHELL} ${", 0),
        ] {
            let found = replaced(text);
            assert_eq!((found.text.as_str(), found.unknown.len()), (filled, unknown), "{text}");
        }
    }
}
