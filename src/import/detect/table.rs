//! Kinds of projects, by the file that every one of that kind has.

use super::{Kind, node, python, rust};

const NOTHING: Kind = Kind { file: "", title: "", packages: &[], cache: None, tasks: &[], more: None };

/// In the order in which they are looked for: of two of one title the first counts.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        file: "Cargo.toml",
        title: "Rust",
        packages: &["gcc", "libc6-dev"],
        cache: Some(("cargo", "~/.cargo/registry")),
        tasks: &[("build", "cargo build"), ("test", "cargo test")],
        more: Some(rust::more),
    },
    Kind { file: "package.json", title: "Node.js", packages: &["nodejs"], more: Some(node::more), ..NOTHING },
    Kind {
        file: "deno.json",
        title: "Deno",
        packages: &["ca-certificates", "curl", "unzip"],
        cache: Some(("deno", "~/.cache/deno")),
        tasks: &[("test", "deno test")],
        more: Some(node::deno),
    },
    python_kind("pyproject.toml"),
    python_kind("requirements.txt"),
    python_kind("setup.py"),
    python_kind("Pipfile"),
    Kind {
        file: "go.mod",
        title: "Go",
        packages: &["ca-certificates", "golang-go", "gcc", "libc6-dev"],
        cache: Some(("go", "~/go/pkg/mod")),
        tasks: &[("build", "go build ./..."), ("test", "go test ./...")],
        more: None,
    },
    Kind {
        file: "Gemfile",
        title: "Ruby",
        packages: &["ruby", "ruby-dev", "bundler", "build-essential"],
        cache: Some(("gem", "~/.local/share/gem")),
        tasks: &[("install", "bundle install"), ("test", "bundle exec rake test")],
        more: None,
    },
    Kind {
        file: "composer.json",
        title: "PHP",
        packages: &["php-cli", "php-mbstring", "php-xml", "composer", "unzip"],
        cache: Some(("composer", "~/.cache/composer")),
        tasks: &[("install", "composer install"), ("test", "vendor/bin/phpunit")],
        more: None,
    },
    Kind {
        file: "pom.xml",
        title: "Java",
        packages: &["default-jdk-headless", "maven"],
        cache: Some(("maven", "~/.m2")),
        tasks: &[("build", "mvn package"), ("test", "mvn test")],
        more: None,
    },
    gradle("build.gradle"),
    gradle("build.gradle.kts"),
    Kind {
        file: "mix.exs",
        title: "Elixir",
        packages: &["elixir", "erlang-dev", "ca-certificates", "git"],
        cache: Some(("hex", "~/.hex")),
        tasks: &[("install", "mix deps.get"), ("build", "mix compile"), ("test", "mix test")],
        more: None,
    },
    Kind {
        file: "stack.yaml",
        title: "Haskell",
        packages: &["haskell-stack", "ghc", "libgmp-dev", "ca-certificates"],
        cache: Some(("stack", "~/.stack")),
        tasks: &[("build", "stack build --system-ghc"), ("test", "stack test --system-ghc")],
        more: None,
    },
    Kind {
        file: "*.cabal",
        title: "Haskell",
        packages: &["cabal-install", "ghc", "libgmp-dev", "ca-certificates"],
        cache: Some(("cabal", "~/.cabal")),
        tasks: &[("build", "cabal build"), ("test", "cabal test")],
        more: None,
    },
    Kind {
        file: "dune-project",
        title: "OCaml",
        packages: &["ocaml", "ocaml-dune", "opam"],
        cache: Some(("opam", "~/.opam")),
        tasks: &[("build", "dune build"), ("test", "dune test")],
        more: None,
    },
    Kind {
        file: "CMakeLists.txt",
        title: "CMake",
        packages: &["build-essential", "cmake", "ninja-build", "pkg-config"],
        cache: None,
        tasks: &[
            ("build", "cmake -G Ninja -B build && cmake --build build"),
            ("test", "ctest --test-dir build --output-on-failure"),
        ],
        more: None,
    },
    Kind {
        file: "meson.build",
        title: "Meson",
        packages: &["build-essential", "meson", "pkg-config"],
        cache: None,
        tasks: &[
            ("build", "{ [ -d build ] || meson setup build; } && meson compile -C build"),
            ("test", "meson test -C build"),
        ],
        more: None,
    },
    Kind {
        file: "configure.ac",
        title: "Autotools",
        packages: &["build-essential", "autoconf", "automake", "libtool", "pkg-config"],
        cache: None,
        tasks: &[("build", "autoreconf --install && ./configure && make"), ("test", "make check")],
        more: None,
    },
    make("Makefile"),
    make("GNUmakefile"),
];

const fn python_kind(file: &'static str) -> Kind {
    Kind {
        file,
        title: "Python",
        packages: &["python3", "python3-venv", "python3-dev", "gcc", "libc6-dev"],
        cache: Some(("pip", "~/.cache/pip")),
        tasks: &[],
        more: Some(python::more),
    }
}

const fn gradle(file: &'static str) -> Kind {
    Kind {
        file,
        title: "Java",
        packages: &["default-jdk-headless", "gradle"],
        cache: Some(("gradle", "~/.gradle")),
        tasks: &[("build", "gradle build"), ("test", "gradle test")],
        more: None,
    }
}

const fn make(file: &'static str) -> Kind {
    Kind { file, title: "make", packages: &["make"], more: Some(super::databases::makefile), ..NOTHING }
}
