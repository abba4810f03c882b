//! That each key of `devcontainer.json` is carried over or listed (the specification's metadata reference).

use super::*;

/// What the recipe says of a key, or nothing where it is listed.
const KEYS: [(&str, &str); 62] = [
    (r#""image": "alpine:3.20""#, "from: alpine:3.20"),
    (r#""build": {"context": "."}"#, ""),
    (r#""build": {"dockerfile": "D"}"#, "from: debian:12"),
    (r#""build": {"dockerfile": "D", "args": {"A": [1]}}"#, ""),
    (r#""build": {"dockerfile": "D", "args": {"A": "${localEnv:X}"}}"#, ""),
    (r#""build": {"dockerfile": "D", "args": {"A": "x"}}"#, ""),
    (r#""build": {"dockerfile": "D", "target": 1}"#, "from: debian:12"),
    (r#""build": {"dockerfile": "D", "target": [1]}"#, ""),
    (r#""build": {"dockerfile": "D", "options": ["--x"]}"#, ""),
    (r#""build": {"dockerfile": "D", "cacheFrom": "x"}"#, ""),
    (r#""build": {"dockerfile": "D", "frobnicate": "x"}"#, ""),
    (r#""build": {"dockerfile": "E", "cacheFrom": "x"}"#, ""),
    (r#""build": {"dockerfile": "D", "context": "../.."}"#, ""),
    (r#""dockerFile": "D""#, "from: debian:12"),
    (r#""context": "..""#, ""),
    (r#""dockerComposeFile": "x""#, ""),
    (r#""service": "x""#, ""),
    (r#""runServices": ["x"]"#, ""),
    (r#""name": "Orders""#, "# Orders."),
    (r#""features": {"ghcr.io/devcontainers/features/git:1": {}}"#, "packages: [git]"),
    (r#""features": {"ghcr.io/x/y:1": {}}"#, ""),
    (r#""features": ["x"]"#, ""),
    (r#""overrideFeatureInstallOrder": ["x"]"#, ""),
    (r#""secrets": {"X": {}}"#, ""),
    (r#""customizations": {}"#, ""),
    (r#""forwardPorts": [3000]"#, "ports: [\"3000:3000\"]"),
    (r#""forwardPorts": ["db:1"]"#, ""),
    (r#""portsAttributes": {"1": {"label": "x"}}"#, ""),
    (r#""otherPortsAttributes": {}"#, ""),
    (r#""containerUser": "x""#, ""),
    (r#""remoteUser": "root""#, "user: root"),
    (r#""remoteUser": "x""#, ""),
    (r#""updateRemoteUserUID": true"#, ""),
    (r#""containerEnv": {"A": "x"}"#, "A: x"),
    (r#""containerEnv": {"A": ["x"]}"#, ""),
    (r#""remoteEnv": {"A": null}"#, ""),
    (r#""remoteEnv": "x""#, ""),
    (r#""userEnvProbe": "none""#, ""),
    (r#""mounts": ["source=x,target=/x,type=volume"]"#, "{cache: x, at: /x}"),
    (r#""mounts": ["source=x,target=/x,type=volume,consistency=cached"]"#, ""),
    (r#""init": true"#, ""),
    (r#""privileged": true"#, ""),
    (r#""capAdd": ["X"]"#, ""),
    (r#""securityOpt": ["x"]"#, ""),
    (r#""runArgs": ["--rm"]"#, ""),
    (r#""runArgs": ["--init"]"#, ""),
    (r#""runArgs": ["--user", "x"]"#, ""),
    (r#""runArgs": [["x"]]"#, ""),
    (r#""appPort": 80"#, "ports: [\"80:80\"]"),
    (r#""workspaceMount": "x""#, ""),
    (r#""workspaceFolder": "x""#, ""),
    (r#""overrideCommand": true"#, ""),
    (r#""shutdownAction": "none""#, ""),
    (r#""hostRequirements": {"cpus": 2}"#, "limits: {cpus: 2}"),
    (r#""hostRequirements": {"gpu": true}"#, ""),
    (r#""initializeCommand": "x""#, ""),
    (r#""postCreateCommand": "make x""#, "setup: make x"),
    (r#""postCreateCommand": null"#, ""),
    (r#""postCreateCommand": {"a": [["x"]]}"#, ""),
    (r#""postStartCommand": "x""#, ""),
    (r#""waitFor": "x""#, ""),
    (r#""frobnicate": 1"#, ""),
];

#[test]
fn each_key_is_carried_over_or_listed() {
    let read = |path: &str| (path == "D").then(|| "FROM debian:12\n".to_owned());
    for (key, said) in KEYS {
        let image = if key.contains("image") || key.contains("ockerfile") || key.contains("dockerFile") {
            String::new()
        } else {
            ",\n\"image\": \"debian:12\"".to_owned()
        };
        let draft =
            devcontainer("devcontainer.json", &format!("{{\n{key}{image}\n}}"), &read).unwrap_or_else(|error| {
                assert!(key.contains("target"), "{key}: {error}");
                Draft::default()
            });
        // A target that is not there is an error.
        if draft.recipe.from.is_none() {
            continue;
        }
        let is = if said.is_empty() { !draft.left.is_empty() } else { draft.yaml().contains(said) };
        assert!(is, "{key}: {}", draft.yaml());
    }
}

#[test]
fn one_command_does_not_end_anothers() {
    let text = r#"{"image": "debian:12", "onCreateCommand": "a || b", "postCreateCommand": ["c", "d e"]}"#;
    let draft = devcontainer("devcontainer.json", text, &|_| None).unwrap();
    let Some(Command::Line(line)) = &draft.recipe.tasks["setup"].run else { panic!("{draft:?}") };
    assert_eq!(line, "(\na || b\n) && c 'd e'");
}
