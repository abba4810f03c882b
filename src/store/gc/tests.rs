//! What is collected, and what is not.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::image::{Image, LayerRecord, Provenance};
use crate::recipe::BoxConfig;
use crate::store::{ImageLease, Lease};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("envbox")).unwrap();
    (dir, store)
}

fn layer(store: &Store, content: &str) -> Lease {
    let digest = Digest::of(content.as_bytes());
    if let Some(lease) = store.lease(&digest).unwrap() {
        return lease;
    }
    let staging = store.stage().unwrap();
    fs::create_dir(staging.layer().unwrap()).unwrap();
    let record = LayerRecord { diff_id: None, blob: None, size: Some(10), made: serde_json::Value::Null };
    store.commit_layer(&staging, &digest, &record).unwrap()
}

fn image(store: &Store, name: &str, layers: &[&str]) -> ImageLease {
    let leases: Vec<Lease> = layers.iter().map(|content| layer(store, content)).collect();
    let provenance = Provenance { origin: name.into(), trust: String::new(), title: String::new() };
    let image = Image::new(leases.iter().map(Lease::layer).collect(), provenance);
    let lock = store.lock_name(name, || {}).unwrap();
    store.commit_image(&lock, &image, &leases).unwrap()
}

fn collect(store: &Store) -> (usize, usize, usize) {
    let found = store.collect(&Policy::default()).unwrap();
    (found.images.len(), found.layers.len(), found.busy)
}

const ANY_AGE: Policy = Policy { idle: Some(Duration::ZERO), only: None, without: BTreeSet::new(), dry_run: false };

#[test]
fn what_is_needed_stays_and_the_rest_goes() {
    let (_dir, store) = store();
    let [a, b] = [image(&store, "a", &["base", "a"]), image(&store, "b", &["base", "b"])].map(|it| it.digest());
    drop(layer(&store, "nobody's"));
    let dry = store.collect(&Policy { dry_run: true, ..Policy::default() }).unwrap();
    assert_eq!((dry.layers, dry.size), (vec![Digest::of(b"nobody's")], 10));
    assert_eq!(collect(&store), (0, 1, 0));
    assert_eq!(collect(&store), (0, 0, 0));
    assert!(store.untag("a").unwrap() && !store.untag("a").unwrap());
    let others = Policy { only: Some(BTreeSet::from([b])), ..Policy::default() };
    assert_eq!(store.collect(&others).unwrap().images, []);
    assert_eq!(store.collect(&Policy::default()).unwrap().images, [(a, vec![])]);
    assert_eq!(store.layers().unwrap().len(), 2);
    assert!(store.lease_image(&b).unwrap().is_some());
    assert_eq!(store.abandoned().unwrap().len(), 2, "to be deleted by the sweep");
    let all = store.collect(&ANY_AGE).unwrap();
    assert_eq!((all.images, all.layers.len()), (vec![(b, vec!["b".to_owned()])], 2));
    assert_eq!(fs::read_dir(store.data.join("refs")).unwrap().count(), 0);
}

#[test]
fn what_is_leased_or_boxed_stays() {
    let (_dir, store) = store();
    let lease = layer(&store, "unpacked just now");
    let leased = image(&store, "x", &["x"]);
    store.untag("x").unwrap();
    assert_eq!(collect(&store), (0, 0, 2));
    drop(lease);
    assert_eq!(collect(&store), (0, 1, 1));
    let name: BoxName = "b".parse().unwrap();
    store.create_box(&name, &BoxConfig::new("x".into()), &leased).unwrap();
    drop(leased);
    let found = store.collect(&ANY_AGE).unwrap();
    assert_eq!((found.images.len(), found.layers.len(), found.busy), (0, 0, 0));
    let without_it = Policy { without: BTreeSet::from([name.clone()]), dry_run: true, ..ANY_AGE };
    let found = store.collect(&without_it).unwrap();
    assert_eq!((found.images.len(), found.layers.len()), (1, 1), "as it will be");
    store.open_box(&name).unwrap();
    drop(store.remove_box(&name).unwrap());
    assert_eq!(collect(&store), (1, 1, 0));
}

#[test]
fn what_cannot_be_read_may_need_anything() {
    let (_dir, store) = store();
    let [a, b] = [image(&store, "a", &["a"]), image(&store, "b", &["b"])].map(|image| image.digest());
    let name: BoxName = "box".parse().unwrap();
    store.create_box(&name, &BoxConfig::new("a".into()), &store.lease_image(&a).unwrap().unwrap()).unwrap();
    store.untag("a").unwrap();
    let name_of_b = store.data.join("refs").join(Digest::of(b"b").hex());
    for damaged in [store.box_dir(&name).join("image"), name_of_b] {
        let whole = fs::read(&damaged).unwrap();
        fs::write(&damaged, "sha256:").unwrap();
        let found = store.collect(&ANY_AGE).unwrap();
        assert_eq!((found.images.len(), found.layers.len(), found.unreadable.len()), (0, 0, 1));
        fs::write(&damaged, whole).unwrap();
    }
    // An image whose file is damaged does not say which layers it needs; if nothing needs it, it goes.
    fs::write(store.image_file(&b), "{}").unwrap();
    drop(layer(&store, "nobody's"));
    let found = store.collect(&Policy::default()).unwrap();
    assert_eq!((found.images.len(), found.layers.len(), found.unreadable.len()), (0, 0, 1));
    assert!(matches!(store.resolve("b"), Err(Error::Damaged { .. })));
    store.untag("b").unwrap();
    assert_eq!(collect(&store), (1, 2, 0));
}

/// Images that share layers are made, boxed, used and dropped by four threads while two collect whatever they can.
#[test]
fn nothing_goes_that_is_being_taken_into_use() {
    let (_dir, store) = store();
    let over = AtomicBool::new(false);
    let work = |thread: usize| {
        for round in 0..60 {
            let name = format!("image{}", (thread + round) % 3);
            let leased = match store.resolve(&name).unwrap() {
                Some(leased) => leased,
                None => image(&store, &name, &["base", "middle", &name]),
            };
            let boxed: BoxName = format!("b{thread}-{round}").parse().unwrap();
            store.create_box(&boxed, &BoxConfig::new(name.clone()), &leased).unwrap();
            drop(leased);
            let opened = store.open_box(&boxed).unwrap();
            assert!(opened.paths.layers.iter().all(|layer| layer.is_dir()), "{opened:?}");
            drop(store.remove_box(&boxed).unwrap());
            if round % 5 == 0 {
                store.untag(&name).unwrap();
            }
        }
    };
    let (mut images, mut layers) = (0, 0);
    std::thread::scope(|scope| {
        let collector = || {
            let mut sum = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let found = store.collect(&ANY_AGE).unwrap();
                sum = (sum.0 + found.images.len(), sum.1 + found.layers.len());
            }
            sum
        };
        let collectors = [scope.spawn(collector), scope.spawn(collector)];
        let workers: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
        let worked: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        for collector in collectors {
            let sum = collector.join().unwrap();
            (images, layers) = (images + sum.0, layers + sum.1);
        }
        assert!(worked.into_iter().all(|worked| worked.is_ok()));
    });
    assert!(images > 10 && layers > 10, "{images} images and {layers} layers: there was no race");
}
