"""Synapses of the simulated cortex: who comes close to whom by the project's own proximity, and who of those connects by the rule.

Everything is drawn axon by axon under the axon's name, so that tiles, workers and their order change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.cortex.encounters import Members, kept_lengths, meet
from graphtwin.cortex.proximity import DendriteIndex
from graphtwin.cortex.voxels import Pool, pool
from graphtwin.execute import rng_for
from graphtwin.synthetic.anatomy import pia_um
from graphtwin.synthetic.neurites import Neurite, grow_axon, locate
from graphtwin.synthetic.rules import needs_features, rule_columns
from graphtwin.synthetic.tiles import TILE_UM, Dendrites, Tile, cable, tiles
from graphtwin.synthetic.tissue import Tissue
from graphtwin.wiring.rules import WiringRule, draw_counts
from graphtwin.wiring.similarity import rf_distance

SYNAPSES_PER_AXON = 10_000  # room in the numbers of synapses
TILES_TOGETHER = 16  # worked through by one process


class ConnectConfig(BaseModel):
    """Sizes of synapses and of tiles.

    Attributes:
        log_size, log_size_sd: Of a synapse's log size in cleft voxels: those of `data/minnie65/v661/synapse_pairs`, whose rows are pairs of
            1.14 synapses on average.
        size_slope: How log size rises with one unit of feature similarity.
        tile_um: Edge of the tiles in which the tissue is worked through; it changes memory and time, no result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_size: float = Field(default=8.3, ge=1, le=12)
    log_size_sd: float = Field(default=1.1, ge=0, le=2)
    size_slope: float = Field(default=0.0, ge=-5, le=5)
    tile_um: float = Field(default=TILE_UM, ge=100)


@dataclass(frozen=True)
class Connections:
    """All pairs that come close, and all synapses.

    Attributes:
        pairs: One row a pair with L_d > 0, by axon and target: pre_nucleus_id, post_nucleus_id, l_d_um, n_synapses, distance_um,
            depth_difference_um, feature_similarity, rf_distance (degrees), proj_hva, expected, and the columns the rules read.
        synapses: One row a synapse: synapse_id, pre_nucleus_id, post_nucleus_id, size (cleft voxels), axon_distance_um (path from the soma),
            pre_x_nm ... (on the axon), post_x_nm ... (on the dendrite), ctr_x_nm ... (between).
    """

    pairs: pd.DataFrame
    synapses: pd.DataFrame


class Meeting(NamedTuple):
    """One axon and the dendrites of one tile."""

    own: Pool
    index: DendriteIndex
    near_axon: Members
    near_dendrite: Members


def connect(tissue: Tissue, rule: WiringRule, config: ConnectConfig | None = None, workers: int = 1) -> Connections:
    """All connections of a tissue, in memory.

    Args:
        tissue: With features where the rule asks for similarity.
        rule: As `rules.rule_of` makes it.
        config: Sizes.
        workers: Processes.
    """
    parts = list(connect_parts(tissue, rule, config, workers))
    pairs, synapses = (pd.concat(tables, ignore_index=True) for tables in zip(*((p.pairs, p.synapses) for p in parts), strict=True))
    return Connections(
        pairs.sort_values(["pre_nucleus_id", "post_nucleus_id"], ignore_index=True), synapses.sort_values("synapse_id", ignore_index=True)
    )


def connect_parts(
    tissue: Tissue, rule: WiringRule, config: ConnectConfig | None = None, workers: int = 1
) -> Iterator[Connections]:
    """Connections of the axons of one tile after the other, so that memory doesn't grow with the tissue. For the arguments see `connect`."""
    from joblib import Parallel, delayed

    if needs_features(rule) and tissue.features is None:
        raise ValueError(f"rule {rule.name}: it asks for feature similarity, but the tissue has no features. Give `Tissue.of` the features.")
    chosen = config if config is not None else ConnectConfig()
    every = tiles(tissue, chosen.tile_um)
    if workers == 1:
        dendrites = Dendrites(tissue, chosen.tile_um)
        yield from (connect_tile(dendrites, tile, rule, chosen) for tile in every)
        return
    blocks = [every[i : i + TILES_TOGETHER] for i in range(0, len(every), TILES_TOGETHER)]
    jobs = (delayed(_connect_block)(tissue, block, rule, chosen) for block in blocks)
    for block in Parallel(n_jobs=workers, return_as="generator", pre_dispatch=workers)(jobs):
        yield from block


def _connect_block(tissue: Tissue, block: list[Tile], rule: WiringRule, config: ConnectConfig) -> list[Connections]:
    dendrites = Dendrites(tissue, config.tile_um)
    return [connect_tile(dendrites, tile, rule, config) for tile in block]


def connect_tile(dendrites: Dendrites, tile: Tile, rule: WiringRule, config: ConnectConfig) -> Connections:
    """Pairs and synapses of the axons whose somata lie in one tile."""
    tissue = dendrites.tissue
    axons = [grow_axon(tissue, int(nucleus_id)) for nucleus_id in tissue.nucleus_id[tile.rows]]
    found = [approach(dendrites, int(row), axon) for row, axon in zip(tile.rows, axons, strict=True)]
    pairs = describe(tissue, np.repeat(tile.rows, [len(near.post) for near in found]), np.concatenate([near.post for near in found]))
    pairs.insert(2, "l_d_um", np.concatenate([near.l_d_um for near in found]))
    pairs["expected"] = rule.expected(pairs)
    bounds = np.cumsum([0, *(len(near.post) for near in found)])
    counts = np.concatenate([
        _count(tissue, int(row), pairs["expected"].to_numpy()[a:b], rule.dispersion)
        for row, a, b in zip(tile.rows, bounds[:-1], bounds[1:], strict=True)
    ])
    pairs.insert(3, "n_synapses", counts)
    similarity = pairs["feature_similarity"].to_numpy()
    made = [
        _synapses(tissue, int(row), axon, near, counts[a:b], similarity[a:b], config)
        for row, axon, near, a, b in zip(tile.rows, axons, found, bounds[:-1], bounds[1:], strict=True)
    ]
    return Connections(pairs, pd.concat(made, ignore_index=True))


class Approach(NamedTuple):
    """Which dendrites an axon comes close to.

    Attributes:
        post: Rows of the tissue, ascending.
        l_d_um: Of each.
        meeting, member: Number of the meeting that each is in, and of the dendrite there.
        meetings: With the points that are proximal.
    """

    post: Int[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    meeting: Int[np.ndarray, " pairs"]
    member: Int[np.ndarray, " pairs"]
    meetings: list[Meeting]


def approach(dendrites: Dendrites, row: int, axon: Neurite) -> Approach:
    """All dendrites but its own that an axon comes within the radius of, and their L_d by `cortex.proximity`'s own passes."""
    own = pool([cable(dendrites.tissue.nucleus_id[row], axon)], dendrites.radius_nm)
    meetings, parts = [], []
    for rows, index in dendrites.near(pia_um(axon.vertices_nm)):
        near_axon, near_dendrite, distance = meet(own, index.pool, len(rows), dendrites.radius_nm)
        member = np.flatnonzero(np.isfinite(distance) & (rows != row))
        if len(member):
            lengths = kept_lengths(index.pool, near_dendrite)[member] / 1000
            parts.append((rows[member], lengths, np.full(len(member), len(meetings)), member))
            meetings.append(Meeting(own, index, near_axon, near_dendrite))
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Approach(nothing, np.zeros(0), nothing, nothing, [])
    post, l_d, meeting, member = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(post)
    return Approach(post[order], l_d[order], meeting[order], member[order], meetings)


def describe(tissue: Tissue, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> pd.DataFrame:
    """What is known of each pair beside L_d and synapses.

    Args:
        tissue: The cells.
        pre: Row of each axon's cell.
        post: Row of each target.
    """
    offset = tissue.soma_um[post] - tissue.soma_um[pre]
    region = np.where(tissue.area == "V1", "V1", "HVA").astype(object)
    columns = {
        "pre_nucleus_id": tissue.nucleus_id[pre],
        "post_nucleus_id": tissue.nucleus_id[post],
        "distance_um": np.linalg.norm(offset, axis=1),
        "depth_difference_um": np.abs(offset[:, 1]),
        "feature_similarity": np.full(len(pre), np.nan),
        "rf_distance": rf_distance(tissue.rf, pre, post),
        "proj_hva": region[pre] + "->" + region[post],
    }
    if tissue.features is not None:
        columns["feature_similarity"] = np.einsum("ij,ij->i", tissue.features[pre], tissue.features[post]).astype(np.float64)
    inhibitory = tissue.cell_class == "inhibitory"
    axon, target = tissue.log_rates("axon"), tissue.log_rates("target")
    return pd.DataFrame(columns | rule_columns(inhibitory[pre], inhibitory[post], axon[pre], target[post]))


def _count(tissue: Tissue, row: int, expected: Float[np.ndarray, " pairs"], dispersion: float) -> Int[np.ndarray, " pairs"]:
    """Synapses of one axon with each of its candidates."""
    return draw_counts(expected, dispersion, rng_for(tissue.seed, "synapses", tissue.animal, int(tissue.nucleus_id[row])))


def _synapses(
    tissue: Tissue,
    row: int,
    axon: Neurite,
    near: Approach,
    counts: Int[np.ndarray, " pairs"],
    similarity: Float[np.ndarray, " pairs"],
    config: ConnectConfig,
) -> pd.DataFrame:
    """The synapses of one axon: each at a point of the axon that is near the target, and the point of the target nearest to it."""
    nucleus_id = int(tissue.nucleus_id[row])
    rng = rng_for(tissue.seed, "synapse places", tissue.animal, nucleus_id)
    pair = np.repeat(np.arange(len(counts)), counts)
    if len(pair) >= SYNAPSES_PER_AXON:
        raise ValueError(f"axon {nucleus_id}: {len(pair)} synapses, where {SYNAPSES_PER_AXON} have room. Lower the rule's base or slopes.")
    places = np.empty((len(pair), 6))
    chance, normal = rng.random(len(pair)), rng.standard_normal(len(pair))
    for synapse, at in enumerate(pair.tolist()):
        places[synapse] = _contact(near.meetings[near.meeting[at]], int(near.member[at]), chance[synapse])
    pre, post = places[:, :3], places[:, 3:]
    liking = np.nan_to_num(similarity[pair]) * config.size_slope
    size = np.exp(config.log_size + config.log_size_sd * normal + liking)
    ids = {"synapse_id": nucleus_id * SYNAPSES_PER_AXON + np.arange(len(pair)), "pre_nucleus_id": np.full(len(pair), nucleus_id)}
    columns = ids | {"post_nucleus_id": tissue.nucleus_id[near.post[pair]], "size": np.maximum(np.rint(size), 1).astype(np.int64)}
    columns["axon_distance_um"] = locate(axon, pre)[1]
    for side, points in (("pre", pre), ("post", post), ("ctr", (pre + post) / 2)):
        columns |= {f"{side}_{axis}_nm": value for axis, value in zip("xyz", points.T, strict=True)}
    return pd.DataFrame(columns)


def _contact(meeting: Meeting, member: int, chance: float) -> Float[np.ndarray, " 6"]:
    """A point of the axon near one dendrite, and the point of that dendrite nearest to it, nm."""
    of_axon, of_dendrite = (
        np.column_stack([axis[points] for axis in cables[:3]]).astype(np.float64)
        for cables, points in (
            (meeting.own, _of(meeting.near_axon, member)),
            (meeting.index.pool, _of(meeting.near_dendrite, member)),
        )
    )
    here = of_axon[int(chance * len(of_axon))]
    there = of_dendrite[np.argmin(np.linalg.norm(of_dendrite - here, axis=1))]
    return np.concatenate([here, there])


def _of(members: Members, dendrite: int) -> Int[np.ndarray, " points"]:
    return members.point[members.start[dendrite] : members.start[dendrite + 1]]
