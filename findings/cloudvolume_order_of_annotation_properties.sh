#!/bin/bash
# cloud-volume 12.15.2: properties of precomputed annotations come out with other values where the info file does not name wide ones first.
#
# The format stores the properties of an annotation by width, whatever their order in the info file: those of four bytes, then of two, then
# of one. The reader takes them in the order of the info file. A point here has side (uint8) 7 and size (uint32) 70000, named in that order.
# Seen: side 112 and size 117440785, without a warning; with size named first, 7 and 70000. Places and ids are right both times.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 cloud-volume==12.15.2 2> /dev/null
"$folder/env/bin/python" - "$folder" <<'P'
import json, struct, sys
from pathlib import Path
import cloudvolume

def read(names):
    types = {"side": "uint8", "size": "uint32"}
    place = Path(sys.argv[1]) / "_".join(names)
    (place / "cells").mkdir(parents=True)
    level = {"key": "cells", "grid_shape": [1, 1, 1], "chunk_size": [100, 100, 100], "limit": 10}
    info = {"@type": "neuroglancer_annotations_v1", "annotation_type": "POINT", "relationships": [], "by_id": {"key": "by_id"},
            "dimensions": {axis: [1e-9, "m"] for axis in "xyz"}, "lower_bound": [0, 0, 0], "upper_bound": [100, 100, 100],
            "spatial": [level], "properties": [{"id": name, "type": types[name]} for name in names]}
    (place / "info").write_text(json.dumps(info))
    stored = struct.pack("<Q3fIB3xQ", 1, 10, 20, 30, 70000, 7, 5)  # by the format: count, place, size, side, filling, id
    (place / "cells" / "0_0_0").write_bytes(stored)
    found = cloudvolume.from_cloudpath(f"file://{place}").get_all()
    assert found.ids.tolist() == [5] and found.geometry.tolist() == [[10, 20, 30]], found
    return {name: int(found.properties[name][0]) for name in names}

narrow_first, wide_first = read(["side", "size"]), read(["size", "side"])
print("side named first:", narrow_first, "size named first:", wide_first)
assert narrow_first == {"side": 112, "size": 117440785}, narrow_first
assert wide_first == {"size": 70000, "side": 7}, wide_first
P
