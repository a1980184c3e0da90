"""Skeletons of neurons in the frame of a run's positions, thinned to what a page draws."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin import schema
from graphtwin.coordinates import MINNIE65, pia_from_voxels
from graphtwin.report import RunFolder
from graphtwin.sources.loaders import skeletons

THIN_UM = 2.0  # edge of the cubes in which vertices are one: branches of an arbor 300 um wide stay apart on a screen
NEAR_UM = 20.0  # from a soma's middle to its skeleton, in the right frame: of real neurons of minnie65 it is 8 to 12, a soma's radius
COMPARTMENTS: tuple[skeletons.Compartment, ...] = ("axon", "dendrite")
Points = Float[np.ndarray, "points 3"]
FRAMES: dict[str, Callable[[Points], Points]] = {
    "as they are": lambda um: um,
    "in the pia frame of minnie65": lambda um: pia_from_voxels(um * 1000.0 / np.asarray(MINNIE65.voxel_nm), MINNIE65),
}
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class SkeletonsShown:
    """Axons and dendrites of neurons of a run.

    Attributes:
        points: Vertices of all skeletons, one skeleton after another, um in the frame of the run's positions.
        edges: Places in `points` of the two ends of each edge.
        parts: Of each skeleton its nucleus, its compartment (0 axon, 1 dendrite), its first edge and the number of its edges.
    """

    points: Float[np.ndarray, "points 3"]
    edges: Int[np.ndarray, "edges 2"]
    parts: Int[np.ndarray, "skeletons 4"]


def skeletons_shown(
    run: RunFolder,
    axons: Sequence[str | Path] = (),
    dendrites: Sequence[str | Path] = (),
    nm_per_unit: tuple[float, float, float] | None = None,
) -> SkeletonsShown | None:
    """Skeletons of neurons of a run with known positions; None where none was asked for.

    The frame is found, not asked for: somata lie on their skeletons in the right one.

    Args:
        run: Finished run.
        axons: Files, folders and volumes of skeletons, as `graphtwin proximity` takes them.
        dendrites: The same of dendrites.
        nm_per_unit: Size of one unit along x, y and z, nm, of files that declare none.

    Raises:
        ValueError: None of the skeletons is of a neuron of the run with a position, or no frame brings somata and skeletons together.
    """
    if not axons and not dendrites:
        return None
    neurons = run.table("tables/neurons", ["nucleus_id", *schema.POSITION])
    somata = pd.DataFrame() if neurons is None else neurons.dropna().set_index("nucleus_id")
    read: list[tuple[int, int, Points, np.ndarray]] = []
    for compartment, given in enumerate((axons, dendrites)):
        places = skeletons.find_skeletons(list(given)) if given else []
        known = [place for place in places if place.nucleus_id in somata.index]
        if len(known) < len(places):
            log.warning("%ss: %d of %d are of no neuron of the run.", COMPARTMENTS[compartment], len(places) - len(known), len(places))
        for one in skeletons.read_skeleton(known, COMPARTMENTS[compartment], nm_per_unit) if known else ():
            read.append((one.nucleus_id, compartment, *thinned(one.vertices_nm / 1000.0, one.edges)))
    if not read:
        raise ValueError(
            f"{run.path}: none of the skeletons is of a neuron of the run with a known position. Check the ids in their names."
        )
    ids, compartments, points, edges = zip(*read, strict=True)
    brought = FRAMES[_frame(run, [somata.loc[number].to_numpy(np.float64) for number in ids], points)]
    first_point, first_edge = (np.cumsum([0, *map(len, each)])[:-1] for each in (points, edges))
    return SkeletonsShown(
        brought(np.concatenate(points)).astype(np.float32),
        np.concatenate([each + first for each, first in zip(edges, first_point, strict=True)]),
        np.column_stack([ids, compartments, first_edge, [len(each) for each in edges]]).astype(np.int64),
    )


def _frame(run: RunFolder, somata: Sequence[np.ndarray], points: Sequence[Points]) -> str:
    """The frame in which somata lie on their skeletons."""
    apart: dict[str, float] = {}
    for name, brought in FRAMES.items():
        away = [np.linalg.norm(brought(each) - soma, axis=1).min() for soma, each in zip(somata, points, strict=True)]
        apart[name] = float(np.median(away))
    best = min(apart, key=lambda name: apart[name])
    if apart[best] > NEAR_UM:
        told = " and ".join(f"{um:.0f} um {name}" for name, um in apart.items())
        raise ValueError(
            f"{run.path}: somata are {told} from their {len(points)} skeletons (medians), and a soma lies on its own. The run's positions "
            "are in another frame, or the unit is another (--nm-per-unit): give skeletons in nm of the volume that the run is of."
        )
    log.info("%d skeletons are drawn %s: somata are %.0f um from them (median).", len(points), best, apart[best])
    return best


def thinned(
    points: Float[np.ndarray, "points 3"], edges: Int[np.ndarray, "edges 2"]
) -> tuple[Float[np.ndarray, "kept 3"], Int[np.ndarray, "joined 2"]]:
    """A skeleton whose vertices in one cube of 2 um are one, at their mean, with the edges that are left.

    Args:
        points: Vertices, um.
        edges: Numbers of the two vertices of each edge.
    """
    used, ends = np.unique(edges, return_inverse=True)
    cubes = np.floor(points[used] / THIN_UM).astype(np.int64)
    _, cube, count = np.unique(cubes, axis=0, return_inverse=True, return_counts=True)
    cube = cube.reshape(-1)
    middle = np.stack([np.bincount(cube, points[used, axis]) for axis in range(3)], axis=1) / count[:, None]
    joined = np.sort(cube[ends.reshape(-1, 2)], axis=1)
    return middle, np.unique(joined[joined[:, 0] < joined[:, 1]], axis=0)
