#!/bin/bash
# flycns 0.7.0: four cell types of the fly's motion pathway excite some of their targets and inhibit others, so that a neuron has no one sign.
#
# Models of circuits give a neuron one sign (Dale's law), which saves half of what has to be learned. In the wiring of the published networks,
# which flycns carries, the sign belongs to the pair of types: R8, Am, C2 and C3 have outputs of both signs, for what a transmitter does is
# the target's receptors to say. The other 61 of 65 types have one sign, or no outputs. Reading the first sign of a type as that of the neuron
# gives 20 of the 604 pairs of types the wrong one.
# Files of the package are read; its code is not run.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 2> /dev/null
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-deps flycns==0.7.0 2> /dev/null
"$folder/env/bin/python" - <<'P'
import importlib.metadata, importlib.util, json
from collections import Counter, defaultdict
from pathlib import Path
import numpy as np

assert importlib.metadata.version("flycns") == "0.7.0"
wiring = Path(importlib.util.find_spec("flycns").submodule_search_locations[0]) / "data" / "flyvis-1.2.0-ensemble"
manifest = json.loads((wiring / "manifest.json").read_text())
types = manifest["strings"]["type"]
arrays = {entry["name"]: np.fromfile(wiring / entry["file"], dtype=entry["dtype"]) for entry in manifest["arrays"] if entry["name"].startswith("pair_")}
source, sign = arrays["pair_source"], arrays["pair_sign"]
assert set(sign.tolist()) == {-1, 1}, set(sign.tolist())
of_type = defaultdict(Counter)
for number, one in zip(source.tolist(), sign.tolist(), strict=True):
    of_type[types[number]][one] += 1
both = {name: (signs[1], signs[-1]) for name, signs in of_type.items() if len(signs) == 2}
first = {types[n]: s for n, s in reversed(list(zip(source.tolist(), sign.tolist(), strict=True)))}
wrong = sum(first[types[n]] != s for n, s in zip(source.tolist(), sign.tolist(), strict=True))
print(f"{len(types)} types, {len(sign)} pairs of types; outputs that excite and that inhibit: {both}; wrong by the first sign of a type: {wrong}")
assert (len(types), len(sign)) == (65, 604), (len(types), len(sign))
assert set(both) == {"R8", "Am", "C2", "C3"}, both
assert wrong == 20, wrong
P
