"""Proximity: the length of dendrite that runs within reach of an axon (L_d), for one axon and many dendrites at once.

Two points are proximal when they are at most the radius apart. L_d is the summed length of the dendrite's edges that have a proximal point
at either end, after long edges were split. Nothing is clustered, and cable that an axon passes twice counts once.
Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.artifacts import write_atomic
from graphtwin.cortex.proximity.approach import Blocks, gather_blocks, smallest_distances
from graphtwin.cortex.proximity.cable import MAX_EDGE_NM, Cable, discretise
from graphtwin.cortex.proximity.encounters import Members, kept_lengths, meet
from graphtwin.cortex.proximity.voxels import MIN_VOXEL_NM, Pool, pool

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cable", "DendriteIndex", "Encounters", "discretise", "ask_index", "in_order"]

RADIUS_NM = 5000  # largest distance of two proximal points. Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
MAX_RADIUS_NM = 10**6  # largest radius, a millimetre: much farther, squares of distances would outgrow what float64 holds exactly
INDEX_VERSION = 1  # version of the file of an index: a file of another one is refused

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DendriteIndex:
    """Dendrites pooled in one voxel grid: built once, asked by any number of axons.

    Attributes:
        nucleus_id: Nucleus id of each dendrite's neuron, in the order given; none twice.
        radius_nm: Largest distance of two proximal points.
        max_edge_nm: Length of the longest edge that stayed whole when these dendrites were discretised; axons need the same.
        pool: Points of the dendrites in one voxel grid.
        fingerprint: Fingerprint of the files that the index was made from, by whoever made it; empty where nobody said.
    """

    nucleus_id: Int64[np.ndarray, " dendrites"]
    radius_nm: int
    max_edge_nm: float
    pool: Pool
    fingerprint: str = ""

    @classmethod
    def build(
        cls, dendrites: Iterable[Cable], radius_nm: int = RADIUS_NM, max_edge_nm: float = MAX_EDGE_NM, fingerprint: str = ""
    ) -> DendriteIndex:
        """Pool the dendrites; time and memory grow with their points: about 25 bytes each, and twice that while it is built.

        Args:
            dendrites: Discretised skeletons of different neurons.
            radius_nm: Largest distance of two proximal points, whole nm.
            max_edge_nm: Length of the longest edge that stayed whole when the dendrites were discretised.
            fingerprint: Fingerprint of the files that the dendrites were read from.
        """
        if not 0 < radius_nm <= MAX_RADIUS_NM:
            raise ValueError(f"radius_nm = {radius_nm}: give a radius above 0 and up to {MAX_RADIUS_NM} nm. 5000 nm is the published one.")
        cables = list(dendrites)
        if not cables:
            raise ValueError("no dendrites: an index needs at least one skeleton.")
        ids = np.array([cable.nucleus_id for cable in cables], dtype=np.int64)
        repeated = np.flatnonzero(np.bincount(np.unique(ids, return_inverse=True)[1]) > 1)
        if len(repeated):
            first = np.unique(ids)[repeated[:3]].tolist()
            raise ValueError(f"{len(repeated)} neurons have several dendrites, first {first}. Join the skeletons of a neuron to one.")
        return cls(ids, radius_nm, float(max_edge_nm), pool(cables, max(radius_nm, MIN_VOXEL_NM)), fingerprint)

    def save(self, path: str | Path) -> Path:
        """Write the index, whole or not at all."""
        settings = {"version": INDEX_VERSION, **{name: value for name, value in vars(self).items() if name != "pool"}}

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **settings, **self.pool._asdict())

        return write_atomic(path, write)

    @classmethod
    def load(cls, path: str | Path) -> DendriteIndex:
        """Read an index that was saved; a file that is cut short, or another one, is refused."""
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as held:
                content = {name: held[name] for name in held.files}
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path}: no such index. Give the dendrites too, and it is built and written there.") from error
        except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path}: no index of dendrites that can be read ({error}). Remove the file and build it again.") from error
        version = content.pop("version", None)
        if version != INDEX_VERSION or not set(Pool._fields) < set(content):
            raise ValueError(
                f"{path}: an index of version {version} with {sorted(content)[:4]}..., but version {INDEX_VERSION} is read here. "
                "Remove the file and build it again."
            )
        arrays = Pool(*(content[name] for name in Pool._fields))
        radius, max_edge, fingerprint = (content[name].item() for name in ("radius_nm", "max_edge_nm", "fingerprint"))
        return cls(content["nucleus_id"], radius, max_edge, arrays, fingerprint)


@dataclass(frozen=True)
class Encounters:
    """What one axon comes close to, a row a dendrite.

    Attributes:
        pre_nucleus_id: Nucleus id of the axon's neuron.
        post_nucleus_id: Nucleus id of each dendrite's neuron, in the order of the index; never that of the axon's own neuron.
        l_d_um: Length of dendrite within reach of the axon, um; above 0 exactly where there is a proximal pair of points.
        axon_length_um: Length of axon within reach of the dendrite, um.
        min_distance_um: Smallest distance of a point of the axon and a point of the dendrite, um, also where it is beyond the radius.
        vertices: Columns pre_nucleus_id, post_nucleus_id, side (axon or dendrite), x_nm, y_nm, z_nm of the proximal points; None unless
            asked for.
    """

    pre_nucleus_id: int
    post_nucleus_id: Int64[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    axon_length_um: Float[np.ndarray, " pairs"]
    min_distance_um: Float[np.ndarray, " pairs"]
    vertices: dict[str, np.ndarray] | None = None

    def columns(self) -> dict[str, np.ndarray]:
        """The rows as columns of a pair table."""
        pre = np.full(len(self.post_nucleus_id), self.pre_nucleus_id, dtype=np.int64)
        named = {name: value for name, value in vars(self).items() if name != "vertices"}
        return {**named, "pre_nucleus_id": pre}

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pair table."""
        import pandas as pd

        return pd.DataFrame(self.columns())


def ask_index(index: DendriteIndex, all_pairs: bool = False, vertices: bool = False) -> Callable[[Cable], Encounters]:
    """A function from one axon, discretised with the index's `max_edge_nm`, to its encounters; what all axons share is made here, once.

    Args:
        index: Index of dendrites to ask.
        all_pairs: Whether dendrites without proximity have a row too, with an L_d of 0 and their distance.
        vertices: Whether the proximal points are returned too.
    """
    blocks = gather_blocks(index.pool, len(index.nucleus_id)) if all_pairs else None
    return lambda axon: _encounters(axon, index, blocks, vertices)


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """The function of each item, in threads and in order; only as many items are taken ahead as keep the threads busy.

    Args:
        function: What is done with an item; it leaves the interpreter's lock to others where it takes long.
        items: Arguments of the function, taken one by one.
        workers: Number of threads.
    """
    from concurrent.futures import ThreadPoolExecutor

    if workers < 1:
        raise ValueError(f"workers = {workers}: give 1 or more.")
    if workers == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as threads:
        waiting: deque = deque()
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _encounters(axon: Cable, index: DendriteIndex, blocks: Blocks | None, vertices: bool) -> Encounters:
    """The encounters of one axon; `blocks` are given when dendrites without proximity are asked for too."""
    own = pool([axon], max(index.radius_nm, MIN_VOXEL_NM))
    near_axon, near_dendrite, distance = meet(own, index.pool, len(index.nucleus_id), index.radius_nm)
    other = index.nucleus_id != axon.nucleus_id
    if blocks is not None:
        far = np.flatnonzero(other & np.isinf(distance))
        distance[far] = smallest_distances(own, index.pool, blocks, far)
    rows = np.flatnonzero(other & np.isfinite(distance))
    return Encounters(
        axon.nucleus_id,
        index.nucleus_id[rows],
        kept_lengths(index.pool, near_dendrite)[rows] / 1000,
        kept_lengths(own, near_axon)[rows] / 1000,
        distance[rows] / 1000,
        _vertices(axon.nucleus_id, own, near_axon, index, near_dendrite) if vertices else None,
    )


def _vertices(pre: int, own: Pool, near_axon: Members, index: DendriteIndex, near_dendrite: Members) -> dict[str, np.ndarray]:
    """The proximal points of both sides, the axon's first, each by dendrite."""
    parts = []
    for side, cables, members in (("axon", own, near_axon), ("dendrite", index.pool, near_dendrite)):
        post = index.nucleus_id[members.owner]
        point, post = members.point[post != pre], post[post != pre]
        ids = {"pre_nucleus_id": np.full(len(post), pre, dtype=np.int64), "post_nucleus_id": post, "side": np.full(len(post), side)}
        parts.append(ids | {f"{axis}_nm": at[point] for axis, at in zip("xyz", cables[:3], strict=True)})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
