#!/bin/bash
# navis 1.12.0: precomputed skeletons of a neuron whose unit is no whole number of nm, or differs between axes, are written with a transform
# that puts them elsewhere.
#
# `write_precomputed(..., write_info=True)` writes the neuron's unit into the transform of the info file through a matrix of integers, and
# fills its three rows with the three units instead of its diagonal. Seen:
#     units "8 nm"                    diagonal 8, 8, 8: right
#     units "3.58 nm"                 diagonal 3, 3, 3: every length is 16 % too short
#     units 4 nm, 4 nm, 40 nm         rows 4 4 4 | 4 4 4 | 40 40 40: rank 1, every neuron becomes a line through the origin
# Nothing warns, and readers that take the transform as it stands (cloud-volume does) hand over these places.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 navis==1.12.0 2> /dev/null
"$folder/env/bin/python" - "$folder" 2> /dev/null <<'P'
import json, sys
from pathlib import Path
import navis, numpy as np, pandas as pd

nodes = pd.DataFrame({"node_id": [1, 2, 3], "parent_id": [-1, 1, 2], "x": [0.0, 100, 200], "y": [0.0, 10, 20], "z": [0.0, 5, 10], "radius": 1.0})

def transform(units, name):
    place = Path(sys.argv[1]) / name
    place.mkdir()
    navis.write_precomputed(navis.NeuronList([navis.TreeNeuron(nodes, units=units, id=7)]), str(place), write_info=True)
    return np.array(json.loads((place / "info").read_text())["transform"]).reshape(3, 4)[:, :3]

whole, broken, uneven = transform("8 nm", "a"), transform("3.58 nm", "b"), transform(["4 nm", "4 nm", "40 nm"], "c")
print("8 nm:", np.diag(whole).tolist(), " 3.58 nm:", np.diag(broken).tolist(), " 4, 4, 40 nm:", uneven.tolist(), "rank", np.linalg.matrix_rank(uneven))
assert whole.tolist() == np.diag([8, 8, 8]).tolist()
assert broken.tolist() == np.diag([3, 3, 3]).tolist()
assert uneven.tolist() == [[4] * 3, [4] * 3, [40] * 3]
P
