//! A container's `volumes`.

use super::Converter;
use crate::import::document::Node;
use crate::import::{distrobox, name};
use crate::recipe::project::Project;
use crate::recipe::settings::{At, Mount, Size};

/// What a tmpfs has at the most unless it says (vagga's documentation, "Volumes").
const TMPFS: Size = Size(100 << 20);

/// Takes the volumes into the recipe, or lists them.
pub(super) fn volumes(converter: &mut Converter<'_>, recipe: &mut Project, container: &str, node: &Node) {
    if node.entries().is_empty() && !node.brief().is_empty() {
        converter.leave(node.line, &format!("{container}.volumes: {}", node.brief()), "it has no places");
    }
    for (place, volume) in node.entries() {
        match mount(converter, place, volume) {
            Ok(mount) => recipe.mounts.push(mount),
            Err(why) => converter.leave(volume.line, &format!("{place}: {}", volume.brief()), why),
        }
    }
}

fn mount(converter: &mut Converter<'_>, place: &str, volume: &Node) -> Result<Mount, String> {
    let at = At::try_from(place.to_owned()).map_err(|error| error.to_string())?;
    let bind = |options: &str| {
        let from = volume.as_str().ok_or("it names no directory")?;
        distrobox::volume(&format!("{}:{place}:{options}", host(from))).map(|(mount, _)| mount)
    };
    match volume.tag.as_deref() {
        Some("!Tmpfs") => {
            let size = volume.get("size").map_or(Ok(TMPFS), |size| size.brief().trim_end_matches('i').parse());
            let size = size.map_err(|error| format!("{error}"))?;
            converter.others(place, volume, &["size"], "a tmpfs has no such option");
            Ok(Mount::Tmpfs { size, at })
        }
        Some("!Persistent") => {
            converter.others(place, volume, &["name"], "a cache has no such option");
            Ok(Mount::Cache { name: name(&volume.get("name").map_or_else(|| place.to_owned(), Node::brief)), at })
        }
        Some("!BindRO") => bind("ro"),
        Some("!BindRW") => bind("rw"),
        _ => Err("there is no such mount in an envbox.yaml".to_owned()),
    }
}

/// A path of vagga's on the host: the project is `/work`.
fn host(from: &str) -> String {
    from.strip_prefix("/work").map_or_else(|| from.to_owned(), |rest| format!(".{rest}"))
}
