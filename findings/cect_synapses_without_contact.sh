#!/bin/bash
# cect 0.3.5: a quarter of the adult worm's synapses lie where its contact matrix of Brittin et al. 2021 has no contact, a tenth in Yim's.
#
# Contact is where a synapse can be, so that a 0 in a matrix of contact areas reads as "can't connect". Of pairs of cells with a chemical
# synapse in Witvliet 8, both of them in the matrix, 491 of 1,837 have 0 in "BrittinDataReader": that matrix keeps contacts which both sides
# of two animals share. In "Yim2024ContactomeNonNormDataReader", of a dauer larva, 228 of 2,161 have 0. The units differ as well: the largest
# value is 106,448 in the one and 6,261,840 in the other, and neither file names its unit. Both matrices are symmetric and have no gaps.
# Files of the package are read; its code, which needs more packages, is not run.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 2> /dev/null
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-deps cect==0.3.5 2> /dev/null
"$folder/env/bin/python" - <<'P'
import importlib.metadata, importlib.util, json
from pathlib import Path
import numpy as np

assert importlib.metadata.version("cect") == "0.3.5"
cache = Path(importlib.util.find_spec("cect").submodule_search_locations[0]) / "cache"

def matrix(name, kind):
    read = json.loads((cache / f"{name}.json").read_text())
    return read["nodes"], np.array(read["connections"][kind], dtype=float), set(read) - {"nodes", "connections"}

cells, synapses, _ = matrix("WitvlietDataReader8", "Generic_CS")
found = {}
for name in ("BrittinDataReader", "Yim2024ContactomeNonNormDataReader"):
    touching, contact, beside = matrix(name, "Contact")
    assert np.isfinite(contact).all() and (contact == contact.T).all(), name
    assert not any("unit" in str(key).lower() for key in beside), beside
    both = [cell for cell in cells if cell in touching]
    here, there = ([names.index(cell) for cell in both] for names in (cells, touching))
    linked, area = synapses[np.ix_(here, here)] > 0, contact[np.ix_(there, there)]
    np.fill_diagonal(linked, False)
    found[name] = (int(linked.sum()), int((linked & (area == 0)).sum()), float(contact.max()))
    print(f"{name}: {found[name][1]} of {found[name][0]} pairs with a synapse in Witvliet 8 have contact 0; largest value {found[name][2]:.0f}")
assert found == {"BrittinDataReader": (1837, 491, 106448.0), "Yim2024ContactomeNonNormDataReader": (2161, 228, 6261840.0)}, found
P
