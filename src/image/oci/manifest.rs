//! Manifests and indexes, told apart without a doubt.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Descriptor, media};

/// What a reference, or an entry of an index, leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// A list of manifests, each for a platform, or of further lists.
    Index(Index),
}

/// The manifest of an image: its config, and its layers, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// What the document says of itself; OCI leaves it free to be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// What the document says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The entries.
    pub manifests: Vec<Descriptor>,
}

/// A document is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is no JSON, or lacks something, or a digest or size in it is none.
    #[error("{0}")]
    Json(String),
    /// It is of Docker's first kind, which has no digests of layers.
    #[error("it is of Docker's schema 1, which was given up in 2017")]
    Schema1,
    /// It is of no known schema.
    #[error("its schema version is not 2")]
    Schema,
    /// It can be read as a manifest and as an index (CVE-2021-41190).
    #[error("it is a manifest and an index at once")]
    Ambiguous,
    /// What it is, and what it was said to be, differ.
    #[error("it was announced as `{announced}` and is {actual}")]
    Type {
        /// By the server, or by the descriptor that led here, or by itself.
        announced: String,
        /// What it looks like.
        actual: &'static str,
    },
    /// It is a manifest of something else: a signature, a chart, a module.
    #[error("it is not an image of files: {0}")]
    Artifact(String),
}

impl Document {
    /// The largest that is read (distribution-spec asks for 4 MiB at least).
    pub const LARGEST: u64 = 4 << 20;

    /// Parses a document. `announced` is the media type by which it came, if any; parameters in it do not matter.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(bytes: &[u8], announced: Option<&str>) -> Result<Self, ParseError> {
        let json = |error: serde_json::Error| ParseError::Json(error.to_string());
        let value: Value = serde_json::from_slice(bytes).map_err(json)?;
        match value.get("schemaVersion").and_then(Value::as_u64) {
            Some(2) => {}
            Some(1) => return Err(ParseError::Schema1),
            _ => return Err(ParseError::Schema),
        }
        let has = |key: &str| value.get(key).is_some();
        let index = has("manifests");
        if index && (has("layers") || has("config") || has("fsLayers")) {
            return Err(ParseError::Ambiguous);
        }
        let own = value.get("mediaType").and_then(Value::as_str);
        let known: fn(&str) -> bool = if index { media::is_index } else { media::is_manifest };
        let announced = announced.and_then(|text| text.split(';').next()).map(str::trim);
        // A layout or a plain web server may know no better than that it is JSON.
        let telling = announced.filter(|text| !matches!(*text, "application/json" | "application/octet-stream"));
        if let Some(wrong) = own.into_iter().chain(telling).find(|text| !known(text)) {
            let actual = if index { "an index" } else { "a manifest" };
            return Err(ParseError::Type { announced: wrong.chars().take(80).collect(), actual });
        }
        // From the text, not from the value: of a key that is there twice, the value keeps only the last.
        if index {
            return serde_json::from_slice(bytes).map(Self::Index).map_err(json);
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(json)?;
        manifest.check()?;
        Ok(Self::Manifest(manifest))
    }
}

impl Manifest {
    fn check(&self) -> Result<(), ParseError> {
        let other = |descriptor: &Descriptor| ParseError::Artifact(descriptor.media_type.chars().take(80).collect());
        if !media::is_config(&self.config.media_type) {
            return Err(other(&self.config));
        }
        self.layers.iter().find(|layer| !media::is_layer(&layer.media_type)).map_or(Ok(()), |layer| Err(other(layer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    fn manifest() -> Value {
        let digest = Digest::of(b"x");
        serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media::MANIFEST,
            "config": {"mediaType": media::CONFIG, "digest": digest, "size": 2},
            "layers": [{"mediaType": media::LAYER_GZIP, "digest": digest, "size": 3}],
        })
    }

    fn parse(value: &Value, announced: Option<&str>) -> Result<Document, ParseError> {
        Document::parse(value.to_string().as_bytes(), announced)
    }

    #[test]
    fn a_manifest_and_an_index() {
        assert!(matches!(parse(&manifest(), Some(media::MANIFEST)), Ok(Document::Manifest(_))));
        let index = serde_json::json!({"schemaVersion": 2, "manifests": []});
        assert!(matches!(parse(&index, Some("application/vnd.oci.image.index.v1+json; x=y")), Ok(Document::Index(_))));
    }

    #[test]
    fn nothing_is_two_things_at_once() {
        let mut both = manifest();
        both["manifests"] = serde_json::json!([]);
        assert_eq!(parse(&both, None), Err(ParseError::Ambiguous));
        assert!(matches!(parse(&manifest(), Some(media::INDEX)), Err(ParseError::Type { .. })));
        let mut lying = manifest();
        lying["mediaType"] = media::INDEX.into();
        assert!(matches!(parse(&lying, None), Err(ParseError::Type { .. })));
        let twice = manifest().to_string().replacen('{', r#"{"layers":[],"#, 1);
        assert!(matches!(Document::parse(twice.as_bytes(), None), Err(ParseError::Json(_))));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(parse(&serde_json::json!({"schemaVersion": 1}), None), Err(ParseError::Schema1));
        assert_eq!(parse(&serde_json::json!([]), None), Err(ParseError::Schema));
        for (path, bad) in [
            ("/layers/0/size", serde_json::json!(-1)),
            ("/layers/0/size", serde_json::json!(1e30)),
            ("/layers/0/digest", "sha256:../../etc/passwd".into()),
            ("/config/digest", "sha512:00".into()),
        ] {
            let mut value = manifest();
            *value.pointer_mut(path).unwrap() = bad;
            assert!(matches!(parse(&value, None), Err(ParseError::Json(_))), "{path}");
        }
        let mut chart = manifest();
        chart["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json".into();
        assert!(matches!(parse(&chart, None), Err(ParseError::Artifact(_))));
    }
}
