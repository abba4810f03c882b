//! That each instruction and flag of Containerfile(5) is carried over or listed.

use super::*;

/// What the recipe says of a line, or nothing where it is listed.
const LINES: [(&str, &str); 56] = [
    ("RUN make", "run: make"),
    ("RUN [\"a\", \"b c\"]", "run: \"a 'b c'\""),
    ("RUN apt-get install -y --no-install-recommends gcc", "packages: [gcc]"),
    ("RUN apt-get install -y gcc", ""),
    ("RUN --mount=type=secret,id=x apt-get install -y --no-install-recommends gcc", ""),
    ("RUN --mount=type=cache,target=/x make", ""),
    ("RUN --mount=type=bind,target=/x make", ""),
    ("RUN --mount=type=tmpfs,target=/x make", ""),
    ("RUN --mount=type=ssh make", ""),
    ("RUN --network=none make", "- make"),
    ("RUN --security=insecure make", ""),
    ("RUN a; b", ""),
    ("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF", "#!/usr/bin/env python3"),
    ("COPY x /x", "{from: x, to: /x}"),
    ("COPY *.c /x/", "{from: a.c, to: /x/}"),
    ("COPY *.h /x/", ""),
    ("COPY --chmod=0755 x /x", "mode: \"0755\""),
    ("COPY --chmod=u+x x /x", ""),
    ("COPY --chown=a x /x", ""),
    ("COPY --exclude=y x /x", ""),
    ("COPY --parents x /x", ""),
    ("COPY --from=y x /x", ""),
    ("COPY --chmod=0700 <<EOF /x\ny\nEOF", "chmod 0700 /x"),
    ("ADD https://example.org/y /y", "from: https://example.org/y"),
    ("ADD --checksum=x https://example.org/y /y", ""),
    ("ADD --keep-git-dir=true https://example.org/y.git /y", ""),
    ("ADD --unpack=true x.tar /y", ""),
    ("ADD x.tar /y", ""),
    ("ARG A=1\nRUN make", "A: \"1\""),
    ("ARG A", ""),
    ("ENV A=1", "A: \"1\""),
    ("ENV A some words", "A: some words"),
    ("ENV A=$B", ""),
    ("WORKDIR /x", "mkdir -p /x"),
    ("WORKDIR /y/x", "workdir: /y/x"),
    ("USER x", "user: x"),
    ("USER x\nRUN make", ""),
    ("SHELL [\"/bin/bash\", \"-c\"]\nRUN make", "/bin/bash -c make"),
    ("SHELL x", ""),
    ("CMD [\"x\", \"z\"]", "run: [x, z]"),
    ("CMD x", "run: x"),
    ("CMD [\"z\"]\nENTRYPOINT [\"x\"]", "run: [x, z]"),
    ("ENTRYPOINT x", "run: x"),
    ("VOLUME /x", "{cache: x, at: /x}"),
    ("VOLUME [\"/y\"]", ""),
    ("EXPOSE 80", ""),
    ("LABEL a=b", ""),
    ("MAINTAINER x", ""),
    ("HEALTHCHECK --interval=1s CMD x", ""),
    ("HEALTHCHECK NONE", ""),
    ("STOPSIGNAL INT", ""),
    ("ONBUILD RUN x", ""),
    ("FROBNICATE x", ""),
    ("RUN", ""),
    ("COPY x", ""),
    ("VOLUME relative/../..", ""),
];

#[test]
fn each_line_is_carried_over_or_listed() {
    let options = Options { names: vec!["a.c".into(), "x".into()], ..Options::default() };
    for (text, said) in LINES {
        let draft = containerfile("Containerfile", &format!("FROM debian:12\n{text}\n"), &options).unwrap();
        let listed = draft.left.iter().any(|left| left.line > 1);
        assert!(if said.is_empty() { listed } else { draft.yaml().contains(said) }, "{text}: {}", draft.yaml());
    }
    for from in
        ["FROM --platform=x debian:12", "FROM --frobnicate=x debian:12", "FROM scratch", "LABEL x\nFROM debian:12"]
    {
        assert!(!containerfile("Containerfile", from, &options).unwrap().left.is_empty(), "{from}");
    }
}

#[test]
fn an_argument_that_nothing_asks_for_is_listed() {
    let arguments = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
    let options = Options { arguments, ..Options::default() };
    let draft = containerfile("Containerfile", "FROM debian:12\nARG A\nRUN make $A\n", &options).unwrap();
    assert_eq!(draft.left.iter().map(|left| left.what.as_str()).collect::<Vec<_>>(), ["--build-arg B"]);
}
