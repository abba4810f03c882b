//! That each key of vagga's is carried over or listed (its documentation: config, commands, build steps, volumes).

use super::*;

const BASE: &str = "containers:\n  a:\n    setup:\n    - !Ubuntu noble\n";

/// What the recipe says of a piece, or nothing where it is listed.
#[track_caller]
fn look(text: &str, piece: &str, said: &str) {
    let draft = vagga("vagga.yaml", text).unwrap();
    let line = text.lines().position(|line| line.contains(piece)).unwrap() as u64 + 1;
    let listed = draft.left.iter().any(|left| left.line == line || left.what.contains(piece));
    let is = if said.is_empty() { listed } else { draft.yaml().contains(said) };
    assert!(is, "{piece}: {}", draft.yaml());
}

#[test]
fn keys_of_a_container() {
    for (piece, said) in [
        ("environ: {A: 1}", "A: \"1\""),
        ("environ: {B: [1]}", ""),
        ("environ: x", ""),
        ("environ-file: /etc/x", ""),
        ("uids: [0-1]", ""),
        ("gids: [0-1]", ""),
        ("resolv-conf-path: /x", ""),
        ("hosts-file-path: /x", ""),
        ("auto-clean: true", ""),
        ("image-cache-url: https://x", ""),
        ("data-dirs: [/x]", ""),
        ("default-shell: /bin/x", ""),
        ("description: words", ""),
        ("frobnicate: 1", ""),
        ("volumes: x", ""),
    ] {
        look(&format!("{BASE}    {piece}\n"), piece, said);
    }
}

#[test]
fn volumes_of_a_container() {
    for (piece, said) in [
        ("/v: !Tmpfs {size: 10Mi}", "{tmpfs: 10M, at: /v}"),
        ("/v: !Tmpfs {mode: 1}", ""),
        ("/v: !Tmpfs {subdirs: {}}", ""),
        ("/v: !Tmpfs {size: x}", ""),
        ("/v: !VaggaBin", ""),
        ("/v: !BindRW /work/x", "{bind: ./x, at: /v}"),
        ("/v: !BindRO /work/x", "read_only: true"),
        ("/v: !BindRO [x]", ""),
        ("/v: !CacheDir x", ""),
        ("/v: !Empty", ""),
        ("/v: !Snapshot", ""),
        ("/v: !Container x", ""),
        ("/v: !Persistent {name: x}", "{cache: x, at: /v}"),
        ("/v: !Persistent {name: x, init-command: y}", ""),
        ("relative: !Tmpfs {}", ""),
    ] {
        look(&format!("{BASE}    volumes:\n      {piece}\n"), piece, said);
    }
}

#[test]
fn steps_of_a_container() {
    for (piece, said) in [
        ("!Ubuntu jammy", "from: ubuntu:jammy"),
        ("!UbuntuRelease {codename: jammy}", "from: ubuntu:jammy"),
        ("!UbuntuRelease {version: 22.04, minimal: true}", ""),
        ("!AptTrust {}", ""),
        ("!UbuntuRepo {url: x}", ""),
        ("!UbuntuPPA x/y", ""),
        ("!UbuntuUniverse", ""),
        ("!Alpine v3.20", "from: alpine:3.20"),
        ("!AlpineRepo {url: x}", ""),
        ("!Repo x", ""),
        ("!Install [x]", "packages: [x]"),
        ("!Install [[x]]", ""),
        ("!BuildDeps [x]", ""),
        ("!Sh make", "run: make"),
        ("!Sh [x]", ""),
        ("!Cmd [a, b]", "run: a b"),
        ("!Cmd x", ""),
        ("!RunAs {script: x}", ""),
        ("!Download {url: https://example.org/y, path: /y}", "from: https://example.org/y"),
        ("!Download {url: https://example.org/y, path: /y, mode: 1}", ""),
        ("!Tar {url: x}", ""),
        ("!TarInstall {url: x}", ""),
        ("!Unzip {url: x}", ""),
        ("!Git {url: x}", ""),
        ("!GitInstall {url: x}", ""),
        ("!GitDescribe {}", ""),
        ("!Text {/x: y}", "cat > /x"),
        ("!Text {/x: [y]}", ""),
        ("!Text x", ""),
        ("!Copy {source: /work/x, path: /x}", "{from: x, to: /x}"),
        ("!Copy {source: /work/x, path: /x, umask: 1}", ""),
        ("!Copy {source: /etc/x, path: /x}", ""),
        ("!Remove /x", "rm -rf /x"),
        ("!EnsureDir /x", "mkdir -p /x"),
        ("!EmptyDir /x", "mkdir -p /x"),
        ("!EmptyDir", ""),
        ("!CacheDirs {/x: y}", ""),
        ("!Env {A: x}", "A: x"),
        ("!Env {A: [x]}", ""),
        ("!Depends x", ""),
        ("!Container nowhere", ""),
        ("!SubConfig {path: x}", ""),
        ("!Build x", ""),
        ("!NpmConfig {}", ""),
        ("!NpmInstall [x]", "npm install --global x"),
        ("!NpmInstall []", ""),
        ("!NpmDependencies", ""),
        ("!YarnDependencies", ""),
        ("!PipConfig {}", ""),
        ("!Py2Install [x]", ""),
        ("!Py3Install [x]", "pip3 install --break-system-packages x"),
        ("!Py3Requirements x", ""),
        ("!ComposerInstall [x]", "composer global require x"),
        ("!ComposerDependencies", ""),
        ("!GemInstall [x]", "gem install x"),
        ("!GemBundle", ""),
        ("!Frobnicate x", ""),
        ("untagged", ""),
    ] {
        look(&format!("{BASE}    - {piece}\n"), piece, said);
    }
}

#[test]
fn commands_of_a_file() {
    for (piece, said) in [
        ("work-dir: x", "workdir: x"),
        ("work-dir: [x]", ""),
        ("description: words", "about: words"),
        ("environ: {A: x}", "env: {A: x}"),
        ("environ: {A: [x]}", ""),
        ("banner: x", ""),
        ("epilog: x", ""),
        ("aliases: [x]", ""),
        ("group: x", ""),
        ("tags: [x]", ""),
        ("prerequisites: [x]", ""),
        ("options: x", ""),
        ("expect-inotify-limit: 1", ""),
        ("symlink-name: x", ""),
        ("isolate-network: true", ""),
        ("accepts-arguments: true", ""),
        ("volumes: {}", ""),
        ("write-mode: x", ""),
        ("user-id: 1", ""),
        ("external-user-id: 1", ""),
        ("group-id: 1", ""),
        ("supplementary-gids: [1]", ""),
        ("pass-tcp-socket: x", ""),
        ("pid1mode: x", ""),
    ] {
        look(&format!("{BASE}commands:\n  x: !Command\n    container: a\n    run: x\n    {piece}\n"), piece, said);
        let child = format!(
            "commands:\n  x: !Supervise\n    children:\n      y: !Command\n        container: a\n        run: x\n        {piece}\n"
        );
        let said = if piece.starts_with("description") { "" } else { said };
        look(&format!("{BASE}{child}"), piece, said);
    }
    for piece in ["x: !CapsuleCommand {}", "x: !Supervise {mode: x}", "x: !Command {run: x}", "x: {container: a}"] {
        look(&format!("{BASE}commands:\n  {piece}\n"), piece, "");
    }
    for piece in ["minimum-vagga: v0.8", "mixins: [x]", "frobnicate: 1"] {
        look(&format!("{piece}\n{BASE}"), piece, "");
    }
}

#[test]
fn boxes_of_several_containers_stand_alone() {
    let text = "containers:\n  a:\n    setup: [!Ubuntu noble, !Install [gcc]]\n  A:\n    setup: [!Alpine v3.20]\ncommands:\n  x: {container: A, run: y}\n";
    let draft = vagga("vagga.yaml", text).unwrap();
    assert!(draft.recipe.from.is_none() && draft.recipe.packages.is_empty());
    let alpine = &draft.recipe.variants["a-2"];
    assert!(alpine.packages.is_empty() && alpine.tasks.contains_key("x") && draft.left.is_empty(), "{draft:?}");
}
