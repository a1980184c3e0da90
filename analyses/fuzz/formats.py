"""A small valid example of every format that the package reads, how it is read, and what must hold of what was read."""

from __future__ import annotations

import json
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mutations import BINARY, DOCUMENT, TEXT, Mutation

ROOT = 864691135000000001  # root ids lie far above 2^53, as real ones do
IDS = [f"{side}{of}_id" for side in ("", "pre_", "post_") for of in ("nucleus", "root", "synapse", "unit")]
MUTATIONS: dict[str, tuple[Mutation, ...]] = {".csv": TEXT, ".swc": TEXT, ".toml": TEXT, ".json": DOCUMENT, "info": DOCUMENT}


class Wrong(AssertionError):
    """What was read is not what the file says."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: Name in the table of results.
        share: Share of the inputs that are tried, in parts: slow readers get fewer.
        make: Writes a valid example into a folder.
        read: Reads the example and everything in it.
        check: Raises `Wrong` where what was read breaks a promise of the reader, or differs from a plain reading of the same bytes.
    """

    name: str
    share: int
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    check: Callable[[Path, Any], None]

    def mutations(self, file: Path) -> tuple[Mutation, ...]:
        """The mutations that a file of the example meets."""
        return MUTATIONS.get(file.suffix or file.name, BINARY)


def require(holds: Any, what: str) -> None:
    """Raise `Wrong` unless a promise holds."""
    if not holds:
        raise Wrong(what)


# Recordings ---------------------------------------------------------------------------------------------------------------------------


def make_sensorium(folder: Path) -> None:
    """Three trials of a small recording as a folder."""
    rng = np.random.default_rng(0)
    place = folder / "dynamic7-3-4-Video-0123456789abcdef"
    for kind, shape in (("videos", (4, 6, 10)), ("responses", (3, 10)), ("behavior", (2, 10)), ("pupil_center", (2, 10))):
        (place / "data" / kind).mkdir(parents=True)
        for trial in range(3):
            np.save(place / "data" / kind / f"{trial}.npy", rng.uniform(0, 255, shape).astype("f4"))
    (place / "meta" / "trials").mkdir(parents=True)
    (place / "meta" / "neurons").mkdir()
    np.save(place / "meta" / "trials" / "tiers.npy", np.array(["train", "train", "oracle"]))
    np.save(place / "meta" / "neurons" / "unit_ids.npy", np.arange(3))
    np.save(place / "meta" / "neurons" / "cell_motor_coordinates.npy", rng.normal(size=(3, 3)))


def make_zip(folder: Path) -> None:
    """The same as an archive."""
    import shutil

    make_sensorium(folder)
    (place,) = folder.iterdir()
    shutil.make_archive(str(place), "zip", place)
    shutil.rmtree(place)


def make_nwb(folder: Path) -> None:
    """A scan of four units, two trials, as MICrONS publishes it."""
    from graphtwin.synthetic.files import NwbScan, scan_masks, write_nwb

    rng, units, frames = np.random.default_rng(0), 4, 120
    ids = pd.DataFrame({"session": 4, "scan_idx": 7, "unit_id": 1 + np.arange(units), "field": 1})
    masks = scan_masks(ids.assign(x_um=rng.uniform(0, 99, units), depth_um=200.0, z_um=rng.uniform(0, 99, units)), 0.15, 0)
    nothing = pd.array([pd.NA] * units, dtype="Int64")
    masks = masks.assign(pt_root_id=nothing, pt_supervoxel_id=nothing, pt_position_x=np.nan, pt_position_y=np.nan, pt_position_z=np.nan)
    masks["cave_ids"] = [[] for _ in range(units)]
    trials = {"trial": [0, 1], "start_time": [11.0, 15.0], "stop_time": [14.0, 18.0], "stimulus_type": "stimulus.Clip", "duration": 3.0}
    clips = pd.DataFrame(trials | {"condition_hash": ["a", "b"], "movie_name": "leaves", "short_movie_name": "rendered"})
    at = 9.5 + np.arange(300) / 20
    pupil = pd.DataFrame({"time_s": at, "minor_radius": at, "major_radius": 2 * at, "x": 3.0, "y": at})
    scan = NwbScan(
        animal=17797,
        session=4,
        scan_idx=7,
        masks=masks,
        intervals={"Clip": clips},
        movie=rng.integers(0, 255, (350, 4, 6), dtype=np.uint8),
        movie_times_s=9.0 + np.arange(350) / 30,
        imaging_times_s=10.0 + 0.15 * np.arange(frames),
        fluorescence=rng.gamma(2.0, 50.0, (frames, units)).astype(np.float32),
        pupil=pupil,
        treadmill=pd.DataFrame({"time_s": at, "velocity": rng.normal(size=300)}),
    )
    write_nwb(scan, folder, seed=0)


def read_recording(folder: Path) -> Any:
    """The recording and all of its trials."""
    from graphtwin.sources import open_recording

    recording = open_recording(next(folder.iterdir()))
    return recording, [recording.open_trial(row) for row in range(len(recording.trials))]


def check_recording(folder: Path, read: Any) -> None:
    """Shapes agree, frames are finite, units are named once."""
    recording, trials = read
    require(not recording.units.duplicated(["session", "scan_idx", "unit_id"]).any(), "units are named twice")
    for row, trial in enumerate(trials):
        frames = recording.trials["n_frames"][row]
        require(trial.video.ndim == 3 and len(trial.video) == frames == len(trial.behaviour) == len(trial.eye_position), "lengths differ")
        require(np.isfinite(trial.video).all(), "a frame is not finite")
        if trial.responses is not None:
            require(trial.responses.shape == (frames, len(recording.units)), "responses have another shape")
            require(not np.isinf(trial.responses).any(), "a response is infinite")


# Anatomy ------------------------------------------------------------------------------------------------------------------------------


def make_annotations(folder: Path) -> None:
    """Four points with two properties in two cells."""
    (folder / "cells").mkdir(parents=True)
    dimensions = {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [4e-8, "m"]}
    level = {"key": "cells", "grid_shape": [2, 1, 1], "chunk_size": [50, 100, 100], "limit": 9}
    properties = [{"id": "size", "type": "uint32"}, {"id": "side", "type": "uint8"}]
    info = {"@type": "neuroglancer_annotations_v1", "annotation_type": "POINT", "dimensions": dimensions, "properties": properties}
    info |= {"lower_bound": [0, 0, 0], "upper_bound": [100] * 3, "relationships": [], "by_id": {"key": "by_id"}, "spatial": [level]}
    (folder / "info").write_text(json.dumps(info))
    for cell, ids in (("0_0_0", (7, 2**62)), ("1_0_0", (5, 6))):
        points = b"".join(struct.pack("<3fIB3x", 10 * i, 20.5, 30, 4, 1) for i in range(2))
        (folder / "cells" / cell).write_bytes(struct.pack("<Q", 2) + points + struct.pack("<2Q", *ids))


def read_annotations(folder: Path) -> pd.DataFrame:
    """The points."""
    from graphtwin.sources.loaders import read_points

    return read_points(folder)


def check_annotations(folder: Path, points: pd.DataFrame) -> None:
    """Ids fit and no point is lost; where the info is the written one, ids and places are those that the bytes say."""
    require(points["annotation_id"].dtype == np.int64 and (points["annotation_id"] >= 0).all(), "an id is negative")
    require(np.isfinite(points[["x_nm", "y_nm", "z_nm"]].to_numpy()).all(), "a place is not finite")
    plain = {}
    for cell in (folder / "cells").iterdir():
        content = cell.read_bytes()
        (n,) = struct.unpack_from("<Q", content)
        ids = struct.unpack_from(f"<{n}Q", content, 8 + 20 * n)
        plain |= {number: struct.unpack_from("<3f", content, 8 + 20 * row) for row, number in enumerate(ids)}
    if json.loads((folder / "info").read_text())["dimensions"] == {"x": [4e-9, "m"], "y": [4e-9, "m"], "z": [4e-8, "m"]}:
        require(set(points["annotation_id"]) == set(plain), "points are lost")
        found = points.set_index("annotation_id")[["x_nm", "y_nm", "z_nm"]]
        for number, place in plain.items():
            require(np.allclose(np.atleast_2d(found.loc[number])[-1], np.array(place, float) * [4, 4, 40], rtol=1e-6), "a place is another")


def make_swc(folder: Path) -> None:
    """An axon of twelve nodes with a fork."""
    folder.mkdir(parents=True)
    parents = [-1, 1, 2, 3, 4, 5, 3, 7, 8, 9, 10, 11]
    lines = [f"{i + 1} 2 {i * 1.5} {i % 3} {i * 0.5} 0.25 {parent}" for i, parent in enumerate(parents)]
    (folder / "axon_7.swc").write_text("# an axon\n# units: um\n" + "\n".join(lines) + "\n")


def make_npz(folder: Path) -> None:
    """The same as arrays."""
    folder.mkdir(parents=True)
    vertices = np.column_stack([np.arange(12) * 1500.0, np.arange(12) % 3 * 1000.0, np.zeros(12)])
    edges = np.column_stack([np.arange(11), np.arange(1, 12)])
    np.savez(folder / "axon_7.npz", vertices=vertices, edges=edges, compartment=np.full(12, 2))


def make_precomputed(folder: Path) -> None:
    """Two skeletons of a volume, as files of their own."""
    (folder / "skeletons").mkdir(parents=True)
    scale = {"key": "s", "size": [64] * 3, "resolution": [4, 4, 40], "voxel_offset": [0] * 3, "chunk_sizes": [[64] * 3], "encoding": "raw"}
    info = {"type": "segmentation", "data_type": "uint64", "num_channels": 1, "skeletons": "skeletons", "scales": [scale]}
    (folder / "info").write_text(json.dumps(info))
    attributes = [{"id": "compartment", "data_type": "uint8", "num_components": 1}]
    transform = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    about = {"@type": "neuroglancer_skeletons", "transform": transform, "vertex_attributes": attributes}
    (folder / "skeletons" / "info").write_text(json.dumps(about))
    for number in (7, 8):
        places = np.column_stack([np.arange(9) * 400, np.arange(9) % 2 * 200, np.zeros(9)]).astype("<f4")
        edges = np.column_stack([np.arange(8), np.arange(1, 9)]).astype("<u4")
        content = struct.pack("<II", 9, 8) + places.tobytes() + edges.tobytes() + bytes([2] * 9)
        (folder / "skeletons" / str(number)).write_bytes(content)


def read_skeletons(folder: Path) -> list[Any]:
    """Every axon there; an .npz says no unit, so nm are named."""
    from graphtwin.sources.loaders import skeletons

    nm = (1.0, 1.0, 1.0) if any(folder.glob("*.npz")) else None
    places = skeletons.find_skeletons([str(folder)])
    return list(skeletons.read_skeleton(places, "axon", nm))


def check_skeletons(folder: Path, found: list[Any]) -> None:
    """Vertices are places and edges name them; an SWC has the length that a plain reading of its lines gives."""
    for skeleton in found:
        require(np.isfinite(skeleton.vertices_nm).all(), "a vertex is not finite")
        edges = skeleton.edges
        require(len(edges) and edges.min() >= 0 and edges.max() < len(skeleton.vertices_nm), "an edge names no vertex")
    text = (folder / "axon_7.swc").read_bytes() if (folder / "axon_7.swc").is_file() else b""
    if b"# units: um" in text and text.count(b"#") == 2 and found:
        try:
            rows = [[float(x.replace(b",", b".")) for x in line.split()[:7]] for line in text.split(b"\n") if line.strip()[:1].isdigit()]
        except ValueError:
            return
        nodes = {int(row[0]): row for row in rows if len(row) == 7}
        if all(row[1] == 2 for row in nodes.values()) and len(nodes) == len(found[0].vertices_nm):
            pairs = [(row[2:5], nodes[int(row[6])][2:5]) for row in nodes.values() if int(row[6]) in nodes and row[6] != row[0]]
            length = sum(float(np.linalg.norm(np.subtract(a, b))) for a, b in pairs) * 1000
            ours = np.linalg.norm(np.diff(found[0].vertices_nm[found[0].edges], axis=1)[:, 0], axis=1).sum()
            require(np.isclose(length, ours, rtol=1e-6), f"length {ours} where the lines say {length}")


def make_segmentation(folder: Path) -> None:
    """A volume of one chunk."""
    (folder / "s").mkdir(parents=True)
    scale = {"key": "s", "size": [8] * 3, "resolution": [4, 4, 40], "voxel_offset": [0] * 3, "chunk_sizes": [[8] * 3], "encoding": "raw"}
    info = {"type": "segmentation", "data_type": "uint64", "num_channels": 1, "scales": [scale]}
    (folder / "info").write_text(json.dumps(info))
    (folder / "s" / "0-8_0-8_0-8").write_bytes(np.arange(512, dtype="<u8").tobytes())


def read_segmentation(folder: Path) -> np.ndarray:
    """The voxels of the volume, a chunk at most."""
    from graphtwin.sources.loaders import open_volume

    volume = open_volume(folder)
    return volume.cutout(volume.begin, np.minimum(volume.end, volume.begin + 8))


def check_segmentation(folder: Path, ids: np.ndarray) -> None:
    """Ids are int64 and not negative."""
    require(ids.dtype == np.int64 and (ids >= 0).all(), "an id is negative")


# Tables -------------------------------------------------------------------------------------------------------------------------------


def tables() -> dict[str, pd.DataFrame]:
    """A volume of six cells, as CAVE exports it."""
    n, rng = 6, np.random.default_rng(0)
    roots = ROOT + np.arange(n)
    voxels = {f"pt_position_{axis}": 100_000 + 1000 * np.arange(n) for axis in "xyz"}
    units = {"session": 1, "scan_idx": 1, "unit_id": np.arange(4)}
    responses = pd.DataFrame(units | {f"direction_{a:03d}_0": rng.gamma(2.0, size=4) for a in (0, 90, 180, 270)})
    return {
        "coregistration": pd.DataFrame(
            units | {"target_id": np.arange(4), "pt_root_id": roots[:4]} | {k: v[:4] for k, v in voxels.items()}
        ),
        "responses": responses,
        "somata": pd.DataFrame({"pt_root_id": roots, "layer": "L4"} | voxels),
        "synapses": pd.DataFrame({"pre_pt_root_id": roots[[0, 1, 2]], "post_pt_root_id": roots[[1, 2, 0]], "size": [10, 20, 30]}),
        "queried_post": pd.DataFrame({"post_pt_root_id": roots[:4]}),
    }


def make_source(suffix: str) -> Callable[[Path], None]:
    """What writes these tables with a suffix, and the TOML that names them."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        lines = ['name = "small"', "[frame]", "voxel_nm = [4.0, 4.0, 40.0]"]
        for role, table in tables().items():
            write(table, folder / f"{role}{suffix}")
            lines += ["[[tables]]", f'role = "{role}"', f'file = "{role}{suffix}"', "materialization = 7"]
        (folder / "tables.toml").write_text("\n".join(lines) + "\n")

    return make


def write(table: pd.DataFrame, path: Path) -> None:
    """A table in the format of its suffix."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".feather":
        table.to_feather(path)
    else:
        table.to_pickle(path)


def read_source(folder: Path) -> Any:
    """The checked tables of the folder."""
    from graphtwin import sources

    return sources.load(folder / "tables.toml")


def check_source(folder: Path, source: Any) -> None:
    """Ids are int64 and those that the file spells."""
    for table in source.tables:
        for name in [name for name in table.frame if name.endswith("_id")]:
            require(table.frame[name].dtype == np.int64 and (table.frame[name] >= 0).all(), f"{table.origin}: {name} is no id")
        spelled = spelled_ids(folder / table.origin)
        if spelled is not None and "root_id" in table.frame:
            require(set(table.frame["root_id"]) <= spelled, f"{table.origin}: a root id is not one that the file spells")


def spelled_ids(path: Path) -> set[int] | None:
    """Every whole number in a text file; None for other files."""
    if path.suffix != ".csv":
        return None
    return {int(number) for number in re.findall(rb"\d{1,19}", path.read_bytes())}


def one_table(name: str, table: pd.DataFrame, reader: Callable[[], Callable[[Path], Any]], suffix: str, share: int) -> Format:
    """A format that is a single table file."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        write(table, folder / f"table{suffix}")

    def check(folder: Path, found: pd.DataFrame) -> None:
        for column in [column for column in found if column in IDS]:
            require(found[column].dtype == np.int64 and (found[column] >= 0).all(), f"{column} is no id")
        spelled = spelled_ids(folder / f"table{suffix}")
        for column in [column for column in found if spelled is not None and column in IDS]:
            require(set(found[column]) <= (spelled or set()), f"an id of {column} is not one that the file spells")

    return Format(name + suffix, share, make, lambda folder: reader()(folder / f"table{suffix}"), check)


def table_formats() -> list[Format]:
    """Tables that a command takes by themselves."""
    import graphtwin.sources.loaders as loaders

    n = np.arange(1, 7)
    pairs = pd.DataFrame({"pre_nucleus_id": n, "post_nucleus_id": n[::-1] + 9, "n_synapses": n % 2, "l_d_um": n * 1.5, "similarity": 0.1})
    places = {f"pt_position_{axis}": 100_000 + 10 * n for axis in "xyz"}
    neurons = pd.DataFrame(
        {"nucleus_id": n, "session": 1, "scan_idx": 2, "unit_id": n, "nucleus_x": 4e5, "nucleus_y": 5e5, "nucleus_z": 6e5}
    )
    connections = pd.DataFrame({"pre_pt_root_id": ROOT + n, "post_pt_root_id": ROOT + n[::-1] + 10, "size": 10.0 * n})
    proximities = pd.DataFrame({"pre_nucleus_id": n, "post_nucleus_id": n[::-1] + 9, "l_d_um": 2.5 * n})
    units = {"session": 1, "scan_idx": 2, "unit_id": n}
    embeddings = pd.DataFrame(units | {f"embedding_{i}": 0.5 * n for i in range(3)})
    nuclei = pd.DataFrame({"id": n, "pt_root_id": ROOT + n} | places)
    matches = pd.DataFrame(units | {"target_id": n, "pt_root_id": ROOT + n} | places)
    sides = {f"{side}_pt_position_{axis}": 100_000 + n for side in ("pre", "ctr", "post") for axis in "xyz"}
    synapses = pd.DataFrame({"id": n, "pre_pt_root_id": ROOT + n, "post_pt_root_id": ROOT + n + 10, "size": 9} | sides)
    return [
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".csv", 4),
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".parquet", 3),
        one_table("pairs", pairs, lambda: loaders.read_pairs, ".pkl", 6),
        one_table("neurons", neurons, lambda: loaders.read_neurons, ".csv", 3),
        one_table("neurons", neurons, lambda: loaders.read_neurons, ".pkl", 4),
        one_table("connections", connections, lambda: loaders.read_connections, ".csv", 4),
        one_table("connections", connections, lambda: loaders.read_connections, ".parquet", 3),
        one_table("proximities", proximities, lambda: loaders.read_proximities, ".csv", 3),
        one_table("embeddings", embeddings, lambda: read_embeddings, ".parquet", 3),
        one_table("embeddings", embeddings, lambda: read_embeddings, ".csv", 3),
        one_table("nuclei", nuclei, lambda: loaders.em_tables.read_nuclei, ".csv", 3),
        one_table("matches", matches, lambda: loaders.read_matches, ".csv", 3),
        one_table("synapses", synapses, lambda: loaders.em_tables.read_synapses, ".csv", 3),
    ]


def read_embeddings(path: Path) -> pd.DataFrame:
    """The embeddings of a table or matrix, joined to the units of a cortex."""
    import graphtwin.sources.loaders as loaders
    from graphtwin import tuning

    n = np.arange(1, 7)
    units = pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": n, "nucleus_id": n})
    return tuning.check_embeddings(loaders.read_embeddings(path), units, str(path))[0]


def make_matrix(folder: Path) -> None:
    """Embeddings as a matrix with ids beside it."""
    folder.mkdir(parents=True)
    np.save(folder / "X.npy", np.random.default_rng(0).normal(size=(5, 3)))
    pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": 1 + np.arange(5)}).to_csv(folder / "X.ids.csv", index=False)


def check_matrix(folder: Path, found: pd.DataFrame) -> None:
    """Each unit has the row of the matrix that the ids name."""
    matrix = np.load(folder / "X.npy", mmap_mode="r")
    vectors = found[[name for name in found if name.startswith("embedding_")]].to_numpy()
    require(len(found) <= len(matrix) and np.isfinite(vectors).all(), "rows are added, or are not finite")
    known = np.asarray(matrix, np.float32)
    require(all((known == vector).all(axis=1).any() for vector in vectors), "a vector is none of the matrix")


def make_video(folder: Path) -> None:
    """Grey levels to show to a twin."""
    folder.mkdir(parents=True)
    np.save(folder / "movie.npy", np.random.default_rng(0).uniform(0, 255, (5, 4, 6)).astype("f4"))


def read_grey_levels(folder: Path) -> np.ndarray:
    """The video as it is stored."""
    from graphtwin.twin.runs import read_video

    return read_video(folder / "movie.npy")


def check_video(folder: Path, video: np.ndarray) -> None:
    """It holds numbers."""
    require(video.dtype.kind in "biuf", "it holds no numbers")


def make_tensors(folder: Path) -> None:
    """Tensors of a twin."""
    import torch

    folder.mkdir(parents=True)
    torch.save({"weights": torch.arange(12.0).reshape(3, 4), "name": "core"}, folder / "twin.pt")


def read_tensors(folder: Path) -> Any:
    """The tensors, read as every fitted model is."""
    from graphtwin.artifacts import read_tensors as read

    return read(folder / "twin.pt")


def make_kind(folder: Path) -> None:
    """What a folder says it is."""
    from graphtwin.kinds import RUN, write_kind

    folder.mkdir(parents=True)
    write_kind(folder, RUN)


def read_kind(folder: Path) -> Any:
    """The kind of the folder."""
    from graphtwin.kinds import kind_of

    return kind_of(folder)


def anything(folder: Path, value: Any) -> None:
    """Whatever came out was read without running anything; its values are bytes of the file."""


def all_formats() -> list[Format]:
    """Every format, in the order of the table."""
    warnings.simplefilter("ignore")
    return [
        Format("Sensorium folder", 10, make_sensorium, read_recording, check_recording),
        Format("Sensorium archive", 6, make_zip, read_recording, check_recording),
        Format("NWB", 2, make_nwb, read_recording, check_recording),
        Format("annotations", 10, make_annotations, read_annotations, check_annotations),
        Format("SWC", 10, make_swc, read_skeletons, check_skeletons),
        Format("skeletons as .npz", 6, make_npz, read_skeletons, check_skeletons),
        Format("precomputed skeletons", 6, make_precomputed, read_skeletons, check_skeletons),
        Format("segmentation", 4, make_segmentation, read_segmentation, check_segmentation),
        Format("source of .csv", 6, make_source(".csv"), read_source, check_source),
        Format("source of .parquet", 4, make_source(".parquet"), read_source, check_source),
        Format("source of .feather", 3, make_source(".feather"), read_source, check_source),
        *table_formats(),
        Format("embeddings as a matrix", 4, make_matrix, lambda folder: read_embeddings(folder / "X.npy"), check_matrix),
        Format("video as .npy", 4, make_video, read_grey_levels, check_video),
        Format("tensors", 3, make_tensors, read_tensors, anything),
        Format("kind.json", 2, make_kind, read_kind, anything),
    ]
