"""Faults of a precomputed volume, of its skeletons and of its annotations: bounds, transforms and sizes of voxels that disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.checks.finding import Finding, refused, some
from graphtwin.sources.formats import cloudpath_of, precomputed_ids, read_info, read_precomputed
from graphtwin.sources.loaders import open_volume, read_points

MOST_SKELETONS = 200  # skeletons that are read, evenly spread over the ids
OUTSIDE = 0.02  # share of points outside the bounds from which they are not of this volume
LARGER = 1.05  # ratio of the extents of two scales of one volume above which one of both has another size of voxels


def check_volume(path: str | Path) -> list[Finding]:
    """What is wrong with a volume, with its skeletons or annotations, or with a folder that holds several of them.

    Args:
        path: Folder or cloud path of a precomputed segmentation, of skeletons or of annotations, or a folder of such folders.
    """
    if "://" not in str(path) and not (Path(path) / "info").is_file():
        parts = sorted(part for part in Path(path).iterdir() if (part / "info").is_file())
        found = [finding for part in parts for finding in check_volume(part)]
        return found + _disagreeing(parts)
    try:
        info = read_info(cloudpath_of(path))
    except (ValueError, OSError) as error:
        return [refused(error, str(path))]
    kind = info.get("@type", info.get("type", ""))
    if kind == "neuroglancer_annotations_v1":
        return _annotations(path, info)
    if kind == "neuroglancer_skeletons":
        return _skeletons(str(path), None, None)
    return _segmentation(path, info)


def _segmentation(path: str | Path, info: dict[str, Any]) -> list[Finding]:
    try:
        volume = open_volume(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        return [refused(error, str(path))]
    found = []
    if (volume.resolution_nm <= 0).any() or (volume.end <= volume.begin).any():
        found.append(
            _finding(
                "impossible voxels",
                f"voxels of {volume.resolution_nm.tolist()} nm, {volume.begin.tolist()} to {volume.end.tolist()}",
                f"{path}/info",
                "certain: sizes must be above 0",
                "no place can be computed",
                "write the info again",
            )
        )
    extents = np.array([np.multiply(scale["size"], scale["resolution"]) for scale in info["scales"]], dtype=np.float64)
    if len(extents) > 1 and (extents.max(0) / np.maximum(extents.min(0), 1e-9) > LARGER).any():
        found.append(
            _finding(
                "sizes of voxels disagree",
                f"scales of one volume are {some([np.round(one).tolist() for one in extents])} nm wide",
                f"{path}/info",
                f"certain: a downsampled scale has the extent of the finest to within {LARGER - 1:.0%}",
                "places depend on the scale that is read",
                "correct resolution and size",
            )
        )
    if "skeletons" in info:
        found += _skeletons(str(path), volume.low_nm, volume.high_nm)
    return found


def _skeletons(path: str, low: np.ndarray | None, high: np.ndarray | None) -> list[Finding]:
    """Skeletons that cannot be read, are empty, or lie outside the volume."""
    try:
        cloudpath = cloudpath_of(path)
        ids = np.sort(np.array(list(precomputed_ids(cloudpath)), dtype=np.int64))
        ids = ids[np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MOST_SKELETONS)).astype(np.int64))]
        vertices = {number: raw.vertices for number, raw in read_precomputed(cloudpath, ids.tolist())}
    except (ValueError, OSError) as error:
        return [refused(error, f"skeletons of {path}")]
    found = []
    flat = [number for number, points in vertices.items() if len(points) > 10 and (np.ptp(points, axis=0) == 0).any()]
    if flat:
        found.append(
            _finding(
                "flat skeletons",
                f"{len(flat)} of {len(vertices)} skeletons have no extent along one axis",
                f"{path}, ids {some(flat)}",
                "certain",
                "lengths and distances are too short",
                "correct the transform of the skeletons, or write them again",
            )
        )
    if low is None or high is None:
        return found
    # A block may hold a piece of a neuron whose skeleton is whole: it must come into the block, and may leave it.
    away = [number for number, points in vertices.items() if len(points) and ((points.max(0) < low) | (points.min(0) > high)).any()]
    if len(away) > OUTSIDE * len(vertices):
        found.append(
            _finding(
                "skeletons outside the volume",
                f"{len(away)} of {len(vertices)} skeletons lie outside the volume",
                f"{path}, ids {some(away)}",
                f"vertices reach from {np.round(np.min([vertices[n].min(0) for n in away], axis=0)).tolist()} to "
                f"{np.round(np.max([vertices[n].max(0) for n in away], axis=0)).tolist()} "
                f"nm, the volume from {low.tolist()} to {high.tolist()}",
                "proximities and lengths are of another unit or place",
                "correct the transform of the skeletons, or the resolution of the volume",
            )
        )
    return found


def _annotations(path: str | Path, info: dict[str, Any]) -> list[Finding]:
    """Annotations that cannot be read, or lie outside the bounds that their info states."""
    try:
        points = read_points(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        return [refused(error, str(path))]
    places = points[["x_nm", "y_nm", "z_nm"]].to_numpy(np.float64)
    bounds = bounds_nm(info)
    if bounds is None or not len(places):
        return []
    outside = ~((places >= bounds[0] - 1) & (places <= bounds[1] + 1)).all(1)
    if outside.mean() <= OUTSIDE:
        return []
    return [
        _finding(
            "annotations outside their bounds",
            f"{outside.mean():.0%} of {len(places)} annotations lie outside the bounds that their info states",
            f"{path}, ids {some(points['annotation_id'].to_numpy()[outside].tolist())}",
            f"places from {places.min(0).tolist()} to {places.max(0).tolist()} "
            f"nm, bounds from {bounds[0].tolist()} to {bounds[1].tolist()}",
            "synapses are looked for at other places than they have",
            "correct dimensions or bounds of the info, or write the annotations again",
        )
    ]


def bounds_nm(info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper bound of annotations in nm, x, y and z; None where they are not stated."""
    try:
        dimensions = info["dimensions"]
        order = [list(dimensions).index(axis) for axis in "xyz"]
        nm = np.array([float(size) * {"m": 1e9, "mm": 1e6, "um": 1e3, "µm": 1e3, "nm": 1.0}[unit] for size, unit in dimensions.values()])
        low, high = (np.asarray(info[name], dtype=np.float64) * nm for name in ("lower_bound", "upper_bound"))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return low[order], high[order]


def _disagreeing(parts: list[Path]) -> list[Finding]:
    """Segmentations of one folder that are not on the same voxels, and annotations beside them."""
    infos = {part: read_info(cloudpath_of(part)) for part in parts}
    boxes = {}
    for part, info in infos.items():
        if info.get("type") == "segmentation" and info.get("scales"):
            scale = info["scales"][0]
            begin = np.multiply(scale.get("voxel_offset", [0, 0, 0]), scale["resolution"]).astype(np.float64)
            boxes[part] = (
                begin,
                begin + np.multiply(scale["size"], scale["resolution"]),
                np.asarray(scale["resolution"], dtype=np.float64),
            )
    found = []
    for place, (later, other) in enumerate(boxes.items()):
        for earlier, one in list(boxes.items())[:place]:
            if (np.maximum(one[0], other[0]) >= np.minimum(one[1], other[1])).any() or np.abs(
                np.log((one[1] - one[0]) / (other[1] - other[0]))
            ).max() > np.log(1.5):
                found.append(
                    _finding(
                        "sizes of voxels disagree",
                        f"{later.name} reaches from {other[0].tolist()} to {other[1].tolist()} "
                        f"nm, {earlier.name} from {one[0].tolist()} to {one[1].tolist()}",
                        f"{later}/info, {earlier}/info",
                        f"voxels of {other[2].tolist()} and {one[2].tolist()} nm",
                        "nuclei are looked for at other places than the cells have",
                        "correct resolution, size or offset of one of both",
                    )
                )
    for part, info in infos.items():
        stated = bounds_nm(info) if info.get("@type") == "neuroglancer_annotations_v1" else None
        for volume, (low, high, _) in boxes.items():
            if stated is not None and (np.maximum(low, stated[0]) >= np.minimum(high, stated[1])).any():
                found.append(
                    _finding(
                        "annotations outside the volume",
                        f"{part.name} reaches from {stated[0].tolist()} to {stated[1].tolist()} "
                        f"nm, {volume.name} from {low.tolist()} to {high.tolist()}",
                        f"{part}/info",
                        "certain: they have nothing in common",
                        "no annotation meets a segment",
                        "correct dimensions or bounds",
                    )
                )
    return found


def _finding(check: str, what: str, where: str, sure: str, effect: str, do: str) -> Finding:
    return Finding(check, "fault", what, where, sure, effect, do)
