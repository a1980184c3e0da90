#!/bin/bash
# cect 0.3.5: its matrix of signal propagation has 0 for 8,203 pairs of neurons that nobody measured, and rows that stimulate, not respond.
#
# The atlas of Randi et al. 2023 (wormneuroatlas 0.0.7.3, data/funatlas.h5) counts in "occ1" how often a pair was measured, and gives its mean
# response in "dFF", responding neurons down, stimulated ones across. "WormNeuroAtlasFuncReader" of cect carries the same values where the
# false discovery rate is low, transposed, and 0 elsewhere: without a gap, and without a field that tells which is which. Of 31,862 pairs of
# the 179 neurons that both have, 1,116 have a value, which is that of the atlas to the last digit; of the 30,746 zeros 22,543 are pairs that
# were measured and 8,203 (27 %) are none. Who takes the zeros for "does not respond" counts these as well; read by its rows as the atlas is,
# 97 of 1,116 responses are of pairs without any measurement.
# Files of both packages are read; their code, which needs more packages and a web service, is not run.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 h5py==3.14.0 2> /dev/null
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-deps cect==0.3.5 wormneuroatlas==0.0.7.3 2> /dev/null
"$folder/env/bin/python" - <<'P'
import importlib.metadata, importlib.util, json
from pathlib import Path
import h5py
import numpy as np

assert importlib.metadata.version("cect") == "0.3.5" and importlib.metadata.version("wormneuroatlas") == "0.0.7.3"
of_cect, of_atlas = (Path(importlib.util.find_spec(name).submodule_search_locations[0]) for name in ("cect", "wormneuroatlas"))
read = json.loads((of_cect / "cache" / "WormNeuroAtlasFuncReader.json").read_text())
matrix, names = np.array(read["connections"]["Functional"], dtype=float), read["nodes"]
with h5py.File(of_atlas / "data" / "funatlas.h5") as file:
    known = [name.decode() for name in file["neuron_ids"][:]]
    measured, response = file["wt/occ1"][:] > 0, file["wt/dFF"][:]
both = [name for name in names if name in known]
here, there = ([listed.index(name) for name in both] for listed in (names, known))
value = matrix[np.ix_(here, here)]
measured, response = (part[np.ix_(there, there)] for part in (measured, response))
pairs = ~np.eye(len(both), dtype=bool)
assert np.isfinite(matrix).all() and set(read["connections"]) == {"Functional"}
some = pairs & (value != 0)
assert np.array_equal(value[some], response.T[some])
found = {
    "neurons": len(both),
    "pairs": int(pairs.sum()),
    "with a value": int(some.sum()),
    "0 and measured": int((pairs & (value == 0) & measured.T).sum()),
    "0 and never measured": int((pairs & (value == 0) & ~measured.T).sum()),
    "values of pairs never measured, if rows respond": int((some & ~measured).sum()),
}
print(found)
assert list(found.values()) == [179, 31862, 1116, 22543, 8203, 97], found
P
