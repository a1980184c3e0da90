#!/usr/bin/env bash
# The wheel in an environment of its own, away from the repository: it runs the main job on the tables that it brings, in its short setting.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
pip() { "$scratch/venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
"$root/tests/wheel/build.sh" "$scratch/dist"
pip install -c "$root/constraints.txt" torch==2.13.0 "$scratch"/dist/graphtwin-*.whl
cd "$scratch"
venv/bin/graphtwin run --set preset=short --out run
venv/bin/graphtwin view run --export run.html
venv/bin/python -c "
import json, pathlib, graphtwin
assert pathlib.Path(graphtwin.__file__).is_relative_to('$scratch'), graphtwin.__file__
inputs = json.loads(pathlib.Path('run/provenance.json').read_text())['inputs']
print('from the wheel:', inputs['name'], len(inputs), 'inputs;', pathlib.Path('run.html').stat().st_size, 'bytes of explorer')
print(repr(graphtwin.load('minnie65')).splitlines()[0])
from graphtwin.sources.loaders import published_slopes
print(len(published_slopes()), 'published slopes')
"
