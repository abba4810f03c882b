//! Each recipe that envbox carries, by each of its sources, from a site laid out like the real one to a running command.

mod family;
mod shapes;

use std::fs;

use envbox::recipe::{Catalogue, Machine, Resolved, Source};

use crate::registry::server::Registry;
use crate::source::archive::Key;
use crate::source::recipes::Sites;
use crate::support::rootfs;
use crate::support::{Run, TestEnvironment, requires};

/// What a recipe comes to here, in its default version.
fn resolved(name: &str) -> Resolved {
    let recipes = Catalogue::new([]);
    let found = recipes.find(name).unwrap();
    found.recipe.resolve(&found.version, Machine::here()).unwrap()
}

/// Makes the recipe the user's own, with all that is in it but its sources.
fn own(env: &TestEnvironment, resolved: &Resolved, sources: &[Source]) {
    let mut recipe = serde_json::to_value(resolved).unwrap();
    let fields = recipe.as_object_mut().unwrap();
    let mut take = |name: &str| fields.remove(name).unwrap();
    let (version, machine, arch) = (take("version"), take("machine"), take("arch"));
    take("sources");
    fields.insert("versions".to_owned(), serde_json::json!([{ "name": version, "default": true }]));
    fields.insert("architectures".to_owned(), serde_json::json!({ machine.as_str().unwrap(): arch }));
    fields.insert("sources".to_owned(), serde_json::json!(sources));
    let dir = env.path("config/envbox/recipes");
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("{}.yaml", resolved.name));
    fs::write(&file, recipe.to_string()).unwrap();
    env.envbox(["recipe", "check"]).arg(&file).succeeds();
}

fn registry_source(image: &str) -> Source {
    serde_json::from_value(serde_json::json!({ "oci": { "image": image } })).unwrap()
}

/// A script in a box of the recipe's that is thrown away.
fn script<'e>(env: &'e TestEnvironment, name: &str, script: &str) -> Run<'e> {
    env.envbox(["run", "--rm", name, "--", "sh", "-c", script]).env("no_proxy", "127.0.0.1")
}

/// Takes a recipe from each of its sources to a running command. Archives of packages are for [`family`].
fn by_each_source(name: &str) {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo, minisign);
    let (env, resolved, registry) = (TestEnvironment::new(), resolved(name), Registry::open());
    let mut sites = Sites::new(Key::today());
    sites.bsd = shapes::has_bsd_sums(name);
    for (number, source) in resolved.sources.iter().enumerate() {
        let release = format!("ID={name}\nVARIANT_ID={number}\n");
        let tree = shapes::rootfs(name, &release);
        let (_server, local, signed) = match source.clone() {
            Source::Debian(_) => continue,
            Source::Tarball(tarball) => {
                let signed = tarball.signature.is_some();
                let file = shapes::packed(name, &tarball.file, tree);
                let (server, local) = sites.tarball(tarball, &file).unwrap();
                (Some(server), local, signed)
            }
            Source::Lxc(lxc) => {
                let (server, local) = sites.lxc(lxc, &shapes::compressed("rootfs.tar.xz", tree.tar()));
                (Some(server), local, false)
            }
            Source::Oci(mut oci) => {
                registry.fill(&shapes::layout(tree).source("image"), &oci.image);
                oci.image = registry.reference(&oci.image).to_string();
                (None, Source::Oci(oci), false)
            }
        };
        own(&env, &resolved, &[local]);
        let ran = script(&env, name, "cat /etc/os-release").succeeds();
        assert_eq!(ran.stdout, release, "{source:?}");
        assert_eq!(ran.stderr.contains("verified: distribution's signature"), signed, "{source:?}: {}", ran.stderr);
        for (file, content) in shapes::finished(name) {
            assert_eq!(script(&env, name, &format!("cat {file}")).succeeds().stdout, *content, "{file} of {source:?}");
        }
    }
}

macro_rules! recipes {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { by_each_source(stringify!($name)); })+

        #[test]
        fn each_recipe_has_its_test() {
            let recipes = Catalogue::new([]);
            let carried: Vec<&str> = recipes.entries().map(|entry| entry.recipe.name.as_str()).collect();
            assert_eq!(carried, [$(stringify!($name)),+]);
        }
    };
}

recipes! {
    almalinux, alpine, amazonlinux, arch, centos, chimera, debian, devuan, fedora, gentoo, kali, nixos, opensuse, rocky,
    ubuntu, void, wolfi,
}

/// A registry that nobody answers for, and one without the image, are passed over.
#[test]
fn a_registry_without_the_image_leaves_it_to_the_next_source() {
    requires!(userns, subid, overlay, fixtures, docker_registry);
    let (env, resolved, registry) = (TestEnvironment::new(), resolved("arch"), Registry::open());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lxc = resolved.sources.iter().find_map(|source| match source {
        Source::Lxc(lxc) => Some(lxc.clone()),
        _ => None,
    });
    let tree = shapes::rootfs("arch", "ID=last\n").tar();
    let (server, last) = Sites::new(Key::today()).lxc(lxc.unwrap(), &tree);
    own(
        &env,
        &resolved,
        &[registry_source(&format!("{nobody}/x")), registry_source(&registry.reference("x").to_string()), last],
    );
    let ran = script(&env, "arch", "cat /etc/os-release").succeeds();
    assert_eq!(ran.stdout, "ID=last\n");
    assert_eq!(ran.stderr.matches("trying the recipe's next source").count(), 2, "{}", ran.stderr);
    assert_eq!(server.count("/images/x"), 1);
}

/// What a recipe adds to an image is a layer like others: it is verified, and handed on.
#[test]
fn an_image_that_was_finished_goes_on_finished() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let (env, resolved, registry) = (TestEnvironment::new(), resolved("arch"), Registry::open());
    registry.fill(&shapes::layout(shapes::rootfs("arch", "")).source("image"), "x");
    own(&env, &resolved, &[registry_source(&registry.reference("x").to_string())]);
    script(&env, "arch", "true").succeeds();
    env.envbox(["image", "verify"]).succeeds();
    let saved = env.path("home/saved.tar");
    env.envbox(["image", "save", &env.images()[0], "--output"]).arg(&saved).succeeds();
    let elsewhere = TestEnvironment::new();
    let (image, found) = (format!("oci-archive:{}", saved.display()), shapes::finished("arch"));
    for (file, content) in found {
        assert_eq!(script(&elsewhere, &image, &format!("cat {file}")).succeeds().stdout, *content, "{file}");
    }
}

/// One whose image is not what its digest says ends it.
#[test]
fn an_image_that_is_altered_at_its_registry_ends_it() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let (env, resolved, registry) = (TestEnvironment::new(), resolved("wolfi"), Registry::open());
    registry.fill(&shapes::layout(shapes::rootfs("wolfi", "")).source("image"), "x");
    let blobs = registry.dir.path().join("data/docker/registry/v2/blobs/sha256");
    let files = fs::read_dir(blobs).unwrap().flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap());
    let largest = files.map(|dir| dir.unwrap().path().join("data")).max_by_key(|file| file.metadata().unwrap().len());
    let mut content = fs::read(largest.as_ref().unwrap()).unwrap();
    content[1000] ^= 1;
    fs::write(largest.unwrap(), content).unwrap();
    let image = registry.reference("x").to_string();
    own(&env, &resolved, &[registry_source(&image), registry_source(&image)]);
    let told = script(&env, "wolfi", "true").exits(125).stderr;
    assert!(told.contains("has been altered") && !told.contains("next source"), "{told}");
}

/// As they were published, by their own programs.
#[test]
fn root_filesystems_of_others() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let busybox = crate::registry::layout::Layout::busybox();
    for (image, id) in [(rootfs::alpine(), "alpine"), (rootfs::cirros(), "buildroot")] {
        assert_eq!(
            script(&env, image.to_str().unwrap(), ". /etc/os-release; echo $ID").succeeds().stdout,
            format!("{id}\n")
        );
    }
    let image = busybox.source("busybox");
    assert!(script(&env, &image, "busybox | head -n 1").succeeds().stdout.starts_with("BusyBox v"));
}
