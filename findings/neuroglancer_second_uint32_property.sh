#!/bin/bash
# neuroglancer 2.41.2: annotations written by its Python package with a uint32 property behind another wide property are not in the
# layout of the precomputed annotation format, which its own viewer reads.
#
# The format stores the properties of a point one behind the other, wide ones first, and fills up to four bytes at the end alone. The writer
# (neuroglancer.write_annotations.AnnotationWriter) puts every uint32 at a multiple of 3 bytes, so that two bytes of filling stand before
# the second of two. Seen: with properties uint32, uint32 a point takes 12 + 12 bytes where the format says 12 + 8, and by the format the
# second property reads 131072 for a 2; int32 is placed as the format says (8 bytes).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 neuroglancer==2.41.2 2> /dev/null
"$folder/env/bin/python" - "$folder" <<'P'
import json, struct, sys
from pathlib import Path
import neuroglancer
from neuroglancer.write_annotations import AnnotationWriter

def cell(kind):
    space = neuroglancer.CoordinateSpace(names=["x", "y", "z"], scales=[1, 1, 1], units=["nm"] * 3)
    specs = [neuroglancer.AnnotationPropertySpec(id=name, type=kind) for name in ("first", "second")]
    writer = AnnotationWriter(coordinate_space=space, annotation_type="point", properties=specs)
    writer.add_point([5, 6, 7], id=9, first=1, second=2)
    place = Path(sys.argv[1]) / kind
    writer.write(str(place))
    info = json.loads((place / "info").read_text())
    assert [spec["type"] for spec in info["properties"]] == [kind, kind], info
    return (place / info["spatial"][0]["key"] / "0_0_0").read_bytes()

for kind in ("uint32", "int32"):
    content = cell(kind)
    n, *rest = struct.unpack_from("<Q3f2I", content)
    print(kind, "bytes a point:", len(content) - 16, "place:", rest[:3], "first, second by the format:", rest[3:])
    expected = (24, [1, 131072]) if kind == "uint32" else (20, [1, 2])
    assert (len(content) - 16, rest[3:]) == expected, content.hex()
P
