#!/usr/bin/env bash
# Builds the source distribution from what git tracks, as it lies here, and the wheel from that; looks at both. Nothing is fetched.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?name the folder for the distributions}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/source" "$scratch/installed"
git -C "$root" ls-files -z | tar --create --directory "$root" --null --files-from - | tar --extract --directory "$scratch/source"
"$root/.venv/bin/python" -m build --no-isolation --outdir "$out" "$scratch/source" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
"$root/.venv/bin/twine" check --strict "$out"/graphtwin-*
"$root/.venv/bin/python" -m zipfile --extract "$out"/graphtwin-*.whl "$scratch/installed"
cd "$scratch/installed/graphtwin/bundle"
sha256sum --check --quiet --strict SHA256SUMS
test "$(find "$scratch/installed" -name synapse_pairs.parquet | wc -l)" -eq 2 # v343 and v661, each once
