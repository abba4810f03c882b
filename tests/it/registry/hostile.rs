//! Registries that misbehave.

use std::sync::{Arc, Mutex};

use envbox::image::oci::{Descriptor, ParseError, media};
use envbox::image::{Digest, Published, Reference};
use envbox::source::oci::{Fault, Login};
use envbox::source::{Error, Silent, http};
use serde_json::{Value, json};

use super::{cache, fault, pull, registries};
use crate::source::server::{Answer, Asked, Server};

/// An image, and the answers of an honest registry that has it as `x:1`.
#[derive(Clone)]
struct Image {
    layer: Vec<u8>,
    config: String,
    manifest: String,
}

impl Image {
    fn new() -> Self {
        let layer: Vec<u8> = (0u32..50_000).flat_map(u32::to_le_bytes).collect();
        let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}});
        let config = config.to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": descriptor(media::CONFIG, config.as_bytes()), "layers": [descriptor(media::LAYER, &layer)],
        });
        Self { layer, config, manifest: manifest.to_string() }
    }

    fn edited(edit: impl FnOnce(&mut Value)) -> Self {
        let image = Self::new();
        let mut manifest = serde_json::from_str(&image.manifest).unwrap();
        edit(&mut manifest);
        Self { manifest: manifest.to_string(), ..image }
    }

    fn layer_path(&self) -> String {
        format!("/v2/x/blobs/{}", Digest::of(&self.layer))
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let config = format!("/v2/x/blobs/{}", Digest::of(self.config.as_bytes()));
        match &*asked.path {
            "/v2/" => Answer::Reply(200, vec![], b"{}".to_vec()),
            path if path.starts_with("/v2/x/manifests/") => manifest(&self.manifest),
            path if path == config => Answer::File(self.config.clone().into()),
            path if path == self.layer_path() => Answer::File(self.layer.clone()),
            _ => Answer::Status(404, vec![]),
        }
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(content), u64::try_from(content.len()).unwrap())
}

fn manifest(text: &str) -> Answer {
    let kind = if text.contains("\"manifests\"") { media::INDEX } else { media::MANIFEST };
    Answer::Reply(200, vec![format!("Content-Type: {kind}; charset=utf-8")], text.into())
}

fn reference(server: &Server) -> Reference {
    format!("{}/x:1", server.url("").strip_prefix("http://").unwrap()).parse().unwrap()
}

/// Pulls from a registry that answers so; nothing wrong may be left in the cache.
fn attempt(handler: impl Fn(&Image, &Asked) -> Answer + Send + Sync + 'static) -> Result<usize, Error> {
    attempt_with(Image::new(), handler)
}

fn attempt_with(
    image: Image,
    handler: impl Fn(&Image, &Asked) -> Answer + Send + Sync + 'static,
) -> Result<usize, Error> {
    let path = image.layer_path();
    let server = Server::start(move |asked| handler(&image, asked));
    let (dir, blobs) = cache();
    let result = pull(&registries(), &reference(&server), &blobs);
    for entry in std::fs::read_dir(dir.path().join("blobs/sha256")).into_iter().flatten().map(Result::unwrap) {
        let digest = Digest::of(&std::fs::read(entry.path()).unwrap());
        assert_eq!(digest.hex(), entry.file_name().to_str().unwrap());
    }
    result.map(|_| server.count(&path))
}

fn is_layer(asked: &Asked) -> bool {
    asked.path == Image::new().layer_path()
}

#[test]
fn layers_that_come_in_pieces() {
    let tries = attempt(|image, asked| match asked.before {
        0 if is_layer(asked) => Answer::Cut(image.layer.clone(), 70_000),
        1 if is_layer(asked) => Answer::Stall(image.layer.clone(), 70_000),
        2 if is_layer(asked) => Answer::Status(503, vec![]),
        3 if is_layer(asked) => Answer::Status(429, vec!["Retry-After: 1".to_owned()]),
        _ => image.answer(asked),
    });
    assert_eq!(tries.unwrap(), 5);
    // Whole ones, where a part was asked for: what is read already is read no second time.
    let tries = attempt(|image, asked| match asked.before {
        0 if is_layer(asked) => Answer::Cut(image.layer.clone(), 70_000),
        1 if is_layer(asked) => Answer::Whole(image.layer.clone()),
        _ => image.answer(asked),
    });
    assert_eq!(tries.unwrap(), 2);
    let tries = attempt(|image, asked| match asked.before {
        0 if is_layer(asked) => Answer::Cut(image.layer.clone(), 70_000),
        1 if is_layer(asked) => Answer::Status(416, vec![]),
        _ if is_layer(asked) => Answer::Whole(image.layer.clone()),
        _ => image.answer(asked),
    });
    assert_eq!(tries.unwrap(), 3);
}

#[test]
fn layers_that_are_not_what_was_promised() {
    let altered = attempt(|image, asked| {
        let mut layer = image.layer.clone();
        layer[100_000] ^= 1;
        if is_layer(asked) { Answer::File(layer) } else { image.answer(asked) }
    });
    assert!(matches!(altered, Err(Error::Digest { .. })), "{altered:?}");
    let longer = attempt(|image, asked| {
        let length = image.layer.len() + 1;
        if is_layer(asked) { Answer::Length(image.layer.clone(), length) } else { image.answer(asked) }
    });
    let Err(Error::Fetch { source, .. }) = longer else { panic!("{longer:?}") };
    assert!(matches!(*source, http::Fault::Length { .. }));
    let endless = attempt(|image, asked| if is_layer(asked) { Answer::Endless } else { image.answer(asked) });
    let Err(Error::Fetch { source, .. }) = endless else { panic!("{endless:?}") };
    assert!(matches!(*source, http::Fault::TooLarge(200_000)));
}

#[test]
fn documents_without_end() {
    let endless = fault(attempt(|_, asked| match &*asked.path {
        "/v2/x/manifests/1" => Answer::Endless,
        _ => Answer::Reply(200, vec![], vec![]),
    }));
    assert!(matches!(endless, Fault::Http { source: http::Fault::TooLarge(_), .. }), "{endless:?}");
    let endless = fault(attempt(|image, asked| match &*asked.path {
        path if path.contains("/blobs/") => Answer::Endless,
        _ => image.answer(asked),
    }));
    assert!(matches!(endless, Fault::Http { source: http::Fault::TooLarge(_), .. }), "{endless:?}");
    let token = fault(attempt(|_, asked| match &*asked.path {
        path if path.starts_with("/token") => Answer::Endless,
        _ => {
            let challenge =
                format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
            Answer::Status(401, vec![challenge])
        }
    }));
    assert!(matches!(token, Fault::Http { source: http::Fault::TooLarge(_), .. }), "{token:?}");
}

#[test]
fn documents_that_are_altered() {
    let said = format!("Docker-Content-Digest: {}", Digest::of(b"other"));
    let wrong = attempt(move |image, asked| match &*asked.path {
        "/v2/x/manifests/1" => Answer::Reply(200, vec![said.clone()], image.manifest.clone().into()),
        _ => image.answer(asked),
    });
    assert!(matches!(wrong, Err(Error::Digest { .. })), "{wrong:?}");
    let config = attempt(|image, asked| match &*asked.path {
        path if path.contains("/blobs/") => Answer::File(image.config.replace("amd64", "arm64").into()),
        _ => image.answer(asked),
    });
    assert!(matches!(config, Err(Error::Digest { .. })), "{config:?}");
    let shorter = fault(attempt(|image, asked| match &*asked.path {
        path if path.contains("/blobs/") => Answer::File(b"{}".to_vec()),
        _ => image.answer(asked),
    }));
    assert!(matches!(shorter, Fault::Size { actual: 2, .. }), "{shorter:?}");
}

#[test]
fn manifests_that_make_no_sense() {
    let refused = |edit: fn(&mut Value)| fault(attempt_with(Image::edited(edit), Image::answer));
    let parse = |fault| match fault {
        Fault::Document { source, .. } => source,
        other => panic!("{other:?}"),
    };
    let both = refused(|manifest| manifest["manifests"] = json!([]));
    assert_eq!(parse(both), ParseError::Ambiguous);
    let old = refused(|manifest| manifest["schemaVersion"] = json!(1));
    assert_eq!(parse(old), ParseError::Schema1);
    let lying = refused(|manifest| manifest["mediaType"] = json!(media::INDEX));
    assert!(matches!(parse(lying), ParseError::Type { .. }));
    for (path, value) in [
        ("/layers/0/size", json!(-1)),
        ("/layers/0/size", json!(1e300)),
        ("/layers/0/digest", json!("sha256:../../../../etc/passwd")),
        ("/config/digest", json!("sha256:")),
    ] {
        let image = Image::edited(|manifest| *manifest.pointer_mut(path).unwrap() = value.clone());
        let refused = fault(attempt_with(image, Image::answer));
        assert!(matches!(parse(refused), ParseError::Json(_)), "{path} {value}");
    }
    let huge = refused(|manifest| manifest["layers"][0]["size"] = json!(u64::MAX));
    assert!(matches!(huge, Fault::TooLarge { .. }), "{huge:?}");
    let huge = refused(|manifest| manifest["config"]["size"] = json!(1u64 << 40));
    assert!(matches!(huge, Fault::TooLarge { .. }), "{huge:?}");
    let more = refused(|manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"].as_array_mut().unwrap().push(layer);
    });
    assert!(matches!(more, Fault::Layers { layers: 2, diff_ids: 1 }), "{more:?}");
}

/// Each manifest that is asked for is one more index, of which the next is the only entry.
#[test]
fn indexes_of_indexes() {
    let mut texts = vec![Image::new().manifest];
    for _ in 0..10 {
        let inner = descriptor(media::INDEX, texts[0].as_bytes());
        texts.insert(0, json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": [inner]}).to_string());
    }
    let deep = fault(attempt(move |image, asked| {
        let named = |text: &&String| asked.path.ends_with(&Digest::of(text.as_bytes()).to_string());
        match texts.iter().find(named) {
            Some(text) => manifest(text),
            None if asked.path.ends_with("/1") => manifest(&texts[0]),
            None => image.answer(asked),
        }
    }));
    assert!(matches!(deep, Fault::Deep(_)), "{deep:?}");
}

#[test]
fn a_login_goes_to_the_registry_and_to_nobody_else() {
    let image = Image::new();
    let heard: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let (record, content) = (heard.clone(), image.layer.clone());
    let cdn = Server::start(move |asked| {
        record.lock().unwrap().push(asked.header("authorization").map(str::to_owned));
        Answer::File(content.clone())
    });
    let elsewhere = cdn.url("/signed?by=somebody");
    let honest = image.clone();
    let registry = Server::start(move |asked| match asked.header("authorization") {
        None => Answer::Status(401, vec!["WWW-Authenticate: Basic realm=\"x\"".to_owned()]),
        Some(login) => {
            assert_eq!(login, "Basic YWw6c2VjcmV0");
            if is_layer(asked) { Answer::redirect(&elsewhere) } else { honest.answer(asked) }
        }
    });
    let (_dir, blobs) = cache();
    let login = Login::Password { user: "al".into(), secret: "secret".into() };
    let (_, layers) = pull(&registries().with_login(login), &reference(&registry), &blobs).unwrap();
    assert_eq!(layers, [image.layer]);
    assert_eq!(*heard.lock().unwrap(), [None]);
}

#[test]
fn a_token_that_expires_on_the_way() {
    let image = Image::new();
    let (honest, tokens) = (image.clone(), Arc::new(Mutex::new(0)));
    let given = tokens.clone();
    let registry = Server::start(move |asked| {
        if asked.path.starts_with("/token") {
            *given.lock().unwrap() += 1;
            let token = format!("token-{}", given.lock().unwrap());
            return Answer::Reply(200, vec![], json!({"access_token": token}).to_string().into());
        }
        let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
        match (asked.header("authorization"), asked.before) {
            (None, _) => Answer::Status(401, vec![challenge]),
            (Some(_), 0) if is_layer(asked) => Answer::Cut(honest.layer.clone(), 70_000),
            (Some("Bearer token-1"), _) if is_layer(asked) => Answer::Status(401, vec![challenge]),
            _ => honest.answer(asked),
        }
    });
    let (_dir, blobs) = cache();
    let (_, layers) = pull(&registries(), &reference(&registry), &blobs).unwrap();
    assert_eq!((layers, *tokens.lock().unwrap()), (vec![image.layer], 2));
}

#[test]
fn limits_are_explained() {
    let limited = attempt(|_, asked| match &*asked.path {
        "/v2/" => Answer::Status(200, vec![]),
        _ => Answer::Reply(
            429,
            vec!["Retry-After: 7200".to_owned(), "ratelimit-limit: 100;w=21600".to_owned()],
            br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached\u001b[2J your limit"}]}"#.to_vec(),
        ),
    });
    let error = limited.unwrap_err();
    let hint = error.hint().unwrap();
    assert!(hint.contains("in 2 h") && hint.contains("podman login") && hint.contains("mirror"), "{hint}");
    let text = fault(Err::<(), _>(error)).to_string();
    assert!(text.contains("100 in 6 h") && text.contains("You have reached\\u{1b}[2J"), "{text}");
}

#[test]
fn https_is_not_given_up_for_a_host_that_is_not_this_one() {
    // An address that nobody has (RFC 5737); the connection is refused or goes nowhere, and http is not tried.
    let quick = std::time::Duration::from_millis(200);
    let limits = http::Limits { connect: quick, tries: 1, ..http::Limits::default() };
    let client = http::Client::default().with_limits(limits);
    let registries = envbox::source::oci::Registries::new(client, envbox::source::oci::Settings::default());
    let (_dir, blobs) = cache();
    let unreachable = fault(pull(&registries, &"192.0.2.1:5000/x".parse().unwrap(), &blobs));
    let Fault::Http { url, .. } = unreachable else { panic!("{unreachable:?}") };
    assert!(url.starts_with("https://192.0.2.1:5000/"), "{url}");
}

/// A registry that takes uploads as `handler` says; `None` is what an honest one says.
fn upload(handler: impl Fn(&Asked, &str) -> Option<Answer> + Send + Sync + 'static) -> (Result<Digest, Error>, Server) {
    let server = Server::start(move |asked| {
        let here = format!("http://{}", asked.header("host").unwrap());
        if let Some(answer) = handler(asked, &here) {
            return answer;
        }
        match (&*asked.method, asked.path.contains("/uploads/")) {
            ("GET", _) => Answer::Status(200, vec![]),
            ("HEAD", _) => Answer::Status(404, vec![]),
            ("POST", _) => Answer::Status(202, vec![format!("Location: {here}/v2/x/blobs/uploads/1?state=a")]),
            ("PATCH", _) => Answer::Status(202, vec!["Location: /v2/x/blobs/uploads/1?state=b".to_owned()]),
            _ => Answer::Status(201, vec![]),
        }
    });
    let image = Image::new();
    let path = tempfile::NamedTempFile::new().unwrap();
    let content = vec![b'x'; 20_000_000];
    std::fs::write(path.path(), &content).unwrap();
    let blob = (descriptor(media::LAYER, &content), std::fs::File::open(path.path()).unwrap());
    let published =
        Published { manifest: image.manifest, media_type: media::MANIFEST.to_owned(), config: image.config };
    let repository = registries().open(&reference(&server)).unwrap();
    (repository.push(&published, [blob], None, &Silent), server)
}

#[test]
fn an_upload_in_pieces_where_it_is_not_taken_whole() {
    let pieces: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = pieces.clone();
    let (result, _server) = upload(move |asked, _| {
        if asked.method == "PATCH" {
            let length = asked.header("content-length").unwrap();
            seen.lock().unwrap().push(format!("{} of {length}", asked.header("content-range").unwrap()));
        }
        let whole = asked.method == "PUT" && asked.body.len() > 1_000_000;
        assert!(asked.method != "PUT" || !asked.path.contains("uploads") || asked.path.contains("&digest=sha256%3A"));
        whole.then(|| Answer::Status(413, vec![]))
    });
    result.unwrap();
    assert_eq!(*pieces.lock().unwrap(), ["0-16777215 of 16777216", "16777216-19999999 of 3222784"]);
}

#[test]
fn an_upload_is_tried_again_but_not_for_ever() {
    let busy = |asked: &Asked| asked.method == "PUT" && asked.path.contains("/uploads/1");
    let (result, server) =
        upload(move |asked, _| (busy(asked) && asked.before == 0).then(|| Answer::Status(503, vec![])));
    result.unwrap();
    assert!(server.count("/v2/x/blobs/uploads/") >= 3, "two for the layer, one for the config");
    let (result, server) = upload(move |asked, _| busy(asked).then(|| Answer::Status(503, vec![])));
    assert!(matches!(fault(result), Fault::Answer { status: 503, .. }));
    assert_eq!(server.count("/v2/x/blobs/uploads/"), 5);
}

#[test]
fn an_upload_that_is_sent_nowhere() {
    let begun = |location: Option<&'static str>| {
        let headers = location.map(|to| format!("Location: {to}")).into_iter().collect::<Vec<_>>();
        upload(move |asked, _| (asked.method == "POST").then(|| Answer::Status(202, headers.clone()))).0
    };
    for location in [None, Some("http://["), Some("file:///etc/passwd")] {
        let refused = fault(begun(location));
        assert!(matches!(refused, Fault::Protocol { .. }), "{location:?}: {refused:?}");
    }
}
