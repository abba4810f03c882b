#!/bin/sh
# Unpacking against GNU tar, both as root of a user namespace, on tmpfs: benches/unpack.sh ARCHIVE.tar
# The archive is compressed each way; `layer` is envbox with DiffID and index, `tarball` with the input's digest.
# Needs hyperfine, tar, zstd, gzip, xz, and `cargo build --release --example unpack`.
set -eu
archive=$(realpath "$1")
unpack=$(realpath "$(find target -path '*release/examples/unpack' -type f | head -n 1)")
work=$(mktemp -d -p /dev/shm)
trap 'find "$work" -xdev -delete 2>/dev/null || unshare --user --map-root-user --map-auto find "$work" -xdev -delete' EXIT
zstd -q -3 "$archive" -o "$work/zstd"
gzip -c -6 "$archive" >"$work/gzip"
xz -c -1 "$archive" >"$work/xz"
if [ "$(id -u)" = 0 ]; then inside=; else inside="unshare --user --map-root-user --map-auto"; fi
clean="$inside sh -c 'rm -rf --one-file-system $work/tree; mkdir $work/tree'"
for how in zstd gzip xz; do
    hyperfine --style basic --warmup 1 --runs "${RUNS:-10}" --prepare "$clean" --export-json "$work/result.json" \
        --command-name "$how tarball" "$unpack $work/tree < $work/$how" \
        --command-name "$how layer" "$unpack $work/tree layer < $work/$how" \
        --command-name "$how GNU tar" "$inside tar --$how -xf $work/$how -C $work/tree --numeric-owner --xattrs" >/dev/null
    python3 -c '
import json, sys
ours, layer, theirs = (run["median"] for run in json.load(open(sys.argv[1]))["results"])
print(f"{sys.argv[2]}: tarball {ours:.3f} s, layer {layer:.3f} s, GNU tar {theirs:.3f} s; "
      f"ratios {ours / theirs:.2f}, {layer / theirs:.2f}")' "$work/result.json" "$how"
done
sh -c "$clean"
python3 -c '
import resource, subprocess, sys
subprocess.run([sys.argv[1], sys.argv[2], "layer"], stdin=open(sys.argv[3]), stdout=subprocess.DEVNULL, check=True)
print(f"peak memory of a layer: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")' \
    "$unpack" "$work/tree" "$work/zstd"
