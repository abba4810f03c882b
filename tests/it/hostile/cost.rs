//! What an image may cost: memory above all.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use std::{fs, process};

use envbox::image::Digest;
use tar::EntryType;

use super::Victim;
use super::doors::{ALL, Blob, Door};
use crate::support::{envbox, requires};
use crate::unpack::archives::{archive, dir, entry, file, with};

/// KiB that all processes of a command may have in memory at once.
const MEMORY: u64 = 200 << 10;

/// Runs envbox: its status, what it says on standard error, and the KiB that it and all its children had in memory at most,
/// each at its own highest.
fn measured(victim: &Victim, words: &[&str]) -> (Option<i32>, String, u64) {
    let mut command = victim.env.command(envbox());
    let child = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let waiting = thread::spawn(move || child.wait_with_output().unwrap());
    let mut most = 0;
    while !waiting.is_finished() {
        most = most.max(memory_of(pid));
        thread::sleep(Duration::from_millis(5));
    }
    let process::Output { status, stderr, .. } = waiting.join().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned(), most)
}

/// The peaks (proc_pid_status(5), `VmHWM`) of a process and all beneath it, added up.
fn memory_of(root: u32) -> u64 {
    let mut found: HashMap<u32, (u32, u64)> = HashMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        if let (Some(parent), Some(peak)) = (field("PPid:"), field("VmHWM:")) {
            found.insert(pid, (u32::try_from(parent).unwrap(), peak));
        }
    }
    let is_beneath = |mut pid: u32| {
        for _ in 0..found.len() {
            match found.get(&pid) {
                _ if pid == root => return true,
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    found.iter().filter(|(pid, _)| is_beneath(**pid)).map(|(_, (_, peak))| peak).sum()
}

/// Expects that an image ends in a box, or in an error that says this, and that it takes no more memory than it may.
#[track_caller]
fn costs(door: Door, victim: &Victim, layers: Vec<Blob>, refused: Option<&str>, what: &str) {
    let image = door.put_layers(victim, layers);
    let (status, said, memory) = measured(victim, &["create", "b", "--image", &image.name]);
    let attack = format!("{what} through {door:?}: {memory} KiB, {said}");
    assert_eq!(status, Some(if refused.is_some() { 125 } else { 0 }), "{attack}");
    assert!(said.contains(refused.unwrap_or_default()), "{attack}");
    assert!(memory < MEMORY && memory > 0, "{attack}");
    victim.check(&attack);
}

/// Zeros that compress to next to nothing, more than any archive may have of them.
fn zeros() -> Vec<u8> {
    let header = with(b"zeros", EntryType::Regular, b"", b"", |header| header.set_size(ZEROS));
    [dir("etc"), header].concat()
}

const ZEROS: u64 = 560 << 20;
const PIECE: usize = 1 << 20;

fn pour(mut out: impl Write) {
    out.write_all(&zeros()).unwrap();
    (0..ZEROS >> 20).for_each(|_| out.write_all(&[0; PIECE]).unwrap());
}

/// A gzip bomb, whose members are all the same.
fn gzip_bomb() -> Vec<u8> {
    let member = |content: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    };
    let mut bomb = member(&zeros());
    let piece = member(&vec![0; 16 * PIECE]);
    (0..ZEROS >> 24).for_each(|_| bomb.extend_from_slice(&piece));
    bomb
}

/// A zstd bomb that wants the largest window that zstd(1) itself allows: 128 MiB.
fn zstd_bomb() -> Vec<u8> {
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    zstd.window_log(27).unwrap();
    pour(&mut zstd);
    zstd.finish().unwrap()
}

/// An xz bomb that says it wants a dictionary of 768 MiB, and fills it.
fn xz_bomb() -> Vec<u8> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    pour(&mut xz);
    let mut bomb = xz.finish().unwrap();
    // The block's header (the .xz file format, section 3.1): its size, flags, the filter's id and the size of its
    // properties, the dictionary's size (section 5.3.1), padding, and a CRC of all that.
    let length = (usize::from(bomb[12]) + 1) * 4;
    assert_eq!(bomb[14..16], [0x21, 1]);
    bomb[16] = 35;
    let mut crc = flate2::Crc::new();
    crc.update(&bomb[12..12 + length - 4]);
    bomb[12 + length - 4..12 + length].copy_from_slice(&crc.sum().to_le_bytes());
    bomb
}

/// Bombs in layers, with the doors that each goes through. What they decompress to is written before they are found out, so
/// not all of them go everywhere.
#[test]
fn bombs() {
    requires!(userns, subid, fixtures);
    let doors = [Door::Tarball, Door::Registry, Door::DockerArchive];
    for (what, bomb, why, doors) in [
        ("gzip", gzip_bomb(), "more than 200", &doors[..2]),
        ("zstd", zstd_bomb(), "more than 200", &doors[1..2]),
        ("xz", xz_bomb(), "cannot read the xz stream", &doors[..]),
    ] {
        for door in doors {
            let victim = Victim::new();
            // Nobody gets as far as to compare the DiffID.
            let blob = || Blob { bytes: bomb.clone(), diff_id: Digest::of(b"") };
            // One window of zstd's is more than half of what there may be.
            let layers = if what == "zstd" { vec![blob()] } else { vec![blob(), blob()] };
            costs(*door, &victim, layers, Some(why), what);
            victim.has_nothing(what);
        }
        // As the archive that an image is in.
        let victim = Victim::new();
        let file = victim.env.path("image.tar");
        fs::write(&file, &bomb).unwrap();
        let (status, said, memory) =
            measured(&victim, &["create", "b", "--image", &format!("oci-archive:{}", file.display())]);
        assert!(status == Some(125) && memory < MEMORY, "{what} as an archive: {memory} KiB, {said}");
        victim.has_nothing(what);
    }
}

#[test]
fn a_hundred_thousand_files_in_a_directory() {
    requires!(userns, subid, overlay, fixtures);
    let mut parts = vec![dir("etc"), dir("many")];
    parts.extend((0..100_000).map(|n| file(&format!("many/{n}"), "")));
    let many = archive(&parts);
    for door in [Door::Tarball, Door::Registry] {
        let victim = Victim::new();
        costs(door, &victim, vec![Blob::plain(many.clone())], None, "a full directory");
    }
}

#[test]
fn ten_gigabytes_of_holes_in_a_kilobyte() {
    requires!(userns, subid, overlay, fixtures);
    const SIZE: u64 = 10 << 30;
    let holes = with(b"holes", EntryType::GNUSparse, b"", b"data", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].set_offset(SIZE - 4);
        gnu.sparse[0].set_length(4);
        gnu.set_real_size(SIZE);
    });
    let sparse = archive(&[entry(b"etc/", EntryType::Directory, b"", b""), holes]);
    for door in ALL {
        let victim = Victim::new();
        costs(door, &victim, vec![Blob::plain(sparse.clone())], None, "holes");
        let usage =
            Command::new("du").args(["-sk", "--one-file-system"]).arg(victim.env.path("data")).output().unwrap();
        let text = String::from_utf8_lossy(&usage.stdout).into_owned();
        let used: u64 = text.split_whitespace().next().unwrap().parse().unwrap();
        assert!(used < 10 << 10, "{door:?}: {text}");
    }
}
