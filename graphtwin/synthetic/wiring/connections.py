"""Synapses of the simulated cortex: who comes close to whom by the project's own proximity, and who of those connects by the rule.

A target's synapses are drawn under its name, over all axons that come near it, so that tiles, workers and their order change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from graphtwin.execute import map_jobs, rng_for
from graphtwin.schema import PAIR_KEY
from graphtwin.synthetic.brain import Tile, Tissue, grow_axon, grow_parts, lay_tiles, locate_on_neurites
from graphtwin.synthetic.wiring.meetings import CONTACTS, Meeting, approach, pool_dendrites
from graphtwin.synthetic.wiring.planted_rules import needs_features, rule_columns
from graphtwin.tuning import rf_distance
from graphtwin.wiring.conditional import WiringRule, draw_synapse_counts

SYNAPSES_PER_TARGET = 10_000  # numbers of synapses that each target has room for
# Mean and SD of a synapse's log size in cleft voxels: those of `data/minnie65/v661/synapse_pairs`, whose rows are pairs of 1.14 synapses on
# average.
LOG_SIZE, LOG_SIZE_SD = 8.3, 1.1


@dataclass(frozen=True)
class Connections:
    """All pairs that come close, and all synapses.

    Attributes:
        pairs: One row a pair with L_d > 0: pre_nucleus_id, post_nucleus_id, l_d_um, n_synapses, distance_um,
            depth_difference_um, feature_similarity, rf_distance (degrees), proj_hva, expected, and the columns the rules read.
        synapses: One row a synapse: synapse_id, pre_nucleus_id, post_nucleus_id, size (cleft voxels), axon_distance_um (path from
            the soma), pre_x_nm ... (on the axon), post_x_nm ... (on the dendrite), ctr_x_nm ... (between).
    """

    pairs: pd.DataFrame
    synapses: pd.DataFrame


def connect(tissue: Tissue, rule: WiringRule, size_slope: float = 0.0, workers: int = 1, tiles: list[Tile] | None = None) -> Connections:
    """All connections of a tissue, in memory.

    Args:
        tissue: The cells of one animal, with features where the rule asks for similarity.
        rule: The rule by which cells connect, as `planted_rules.rule_of` makes it.
        size_slope: How the log size of synapses rises with one unit of feature similarity.
        workers: Number of processes.
        tiles: Tiles of the tissue, if they have been laid before.
    """
    if tiles is None:
        tiles = lay_tiles(tissue, grow_parts(tissue, workers, skeletons=False))
    parts = list(connect_parts(tissue, rule, tiles, size_slope, workers))
    pairs = pd.concat([part.pairs for part in parts], ignore_index=True).sort_values(PAIR_KEY, ignore_index=True)
    return Connections(pairs, pd.concat([part.synapses for part in parts]).sort_values("synapse_id", ignore_index=True))


def connect_parts(tissue: Tissue, rule: WiringRule, tiles: list[Tile], size_slope: float = 0.0, workers: int = 1) -> Iterator[Connections]:
    """Connections onto the cells of one tile after the other, so that memory doesn't grow with the tissue.

    Args:
        tissue: The cells of one animal, with features where the rule asks for similarity.
        rule: The rule by which cells connect, as `planted_rules.rule_of` makes it.
        tiles: Tiles of the tissue, as `lay_tiles` lays them.
        size_slope: How the log size of synapses rises with one unit of feature similarity.
        workers: Number of processes.
    """
    require_function(tissue, rule)
    return map_jobs(connect_tile, ((tile, size_slope) for tile in tiles), common=(tissue, rule), workers=workers, in_order=True)


def require_function(tissue: Tissue, rule: WiringRule) -> None:
    """Raise when the rule asks for the similarity of features that the tissue lacks."""
    if needs_features(rule) and tissue.features is None:
        raise ValueError(
            f"rule {rule.name}: it asks for feature similarity, but the tissue has no features. Give `Tissue.of` the features."
        )


def connect_tile(tissue: Tissue, rule: WiringRule, tile: Tile, size_slope: float = 0.0) -> Connections:
    """Pairs and synapses of all axons with the cells of one tile."""
    index = pool_dendrites(tissue, tile)
    met = ((row, approach(tissue, tile, index, row)) for row in tile.axons.tolist())
    found = [(row, meeting) for row, meeting in met if meeting is not None]
    sizes = [len(meeting.post) for _, meeting in found]
    post = np.concatenate([np.zeros(0, np.int64), *(meeting.post for _, meeting in found)])
    pairs = describe(tissue, np.repeat(np.array([row for row, _ in found], dtype=np.int64), sizes), post)
    pairs.insert(2, "l_d_um", np.concatenate([np.zeros(0), *(meeting.l_d_um for _, meeting in found)]))
    expected = rule.expected(pairs)
    counts, draws = _draw(tissue, post, expected, rule.dispersion)
    pairs.insert(3, "n_synapses", counts)
    pairs["expected"] = expected
    places, path = _places(tissue, found, counts, draws["chance"])
    return Connections(pairs, _synapses(pairs, draws, places, path, size_slope))


def describe(tissue: Tissue, pre: Int64[np.ndarray, " pairs"], post: Int64[np.ndarray, " pairs"]) -> pd.DataFrame:
    """What is known of each pair beside L_d and synapses.

    Args:
        tissue: The cells of one animal.
        pre: Row of the axon's cell of each pair.
        post: Row of the target of each pair.
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


def _draw(
    tissue: Tissue, post: Int64[np.ndarray, " pairs"], expected: Float[np.ndarray, " pairs"], dispersion: float
) -> tuple[Int64[np.ndarray, " pairs"], pd.DataFrame]:
    """Number of synapses of each pair, and for each synapse its pair, its number among the target's, a chance and a normal value.

    The chance draws the place of a synapse, the normal value its size. A target's draws are its own, over its axons in the order of their
    ids. For one target all axons are here, whatever the tiles.
    """
    counts, parts = np.zeros(len(post), dtype=np.int64), []
    order = np.argsort(post, kind="stable")  # axons already ascend
    for pairs in np.split(order, np.flatnonzero(np.diff(post[order])) + 1) if len(order) else []:
        target = int(tissue.nucleus_id[post[pairs[0]]])
        rng = rng_for(tissue.seed, "synapses", tissue.animal, target)
        counts[pairs] = draw_synapse_counts(expected[pairs], dispersion, rng)
        n = int(counts[pairs].sum())
        if n >= SYNAPSES_PER_TARGET:
            raise ValueError(f"nucleus {target}: {n} synapses, where {SYNAPSES_PER_TARGET} have room. Lower the rule's base or slopes.")
        parts.append((np.repeat(pairs, counts[pairs]), np.arange(n), rng.random(n), rng.standard_normal(n)))
    if not parts:
        parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    draws = pd.DataFrame(dict(zip(("pair", "number", "chance", "normal"), columns, strict=True)))
    return counts, draws.sort_values(["pair", "number"], ignore_index=True)


def _places(
    tissue: Tissue, found: list[tuple[int, Meeting]], counts: Int64[np.ndarray, " pairs"], chance: pd.Series
) -> tuple[Float[np.ndarray, "synapses 6"], Float[np.ndarray, " synapses"]]:
    """For every synapse a point of the axon near the target, the target's point nearest to it, nm, and the axon's path to it, um."""
    places, path = np.empty((len(chance), 6)), np.empty(len(chance))
    chances, done, first = chance.to_numpy(), 0, 0
    for row, meeting in found:
        mine = counts[first : first + len(meeting.post)]
        begin = done
        done += int(mine.sum())
        if done > begin:
            pair = np.repeat(np.arange(len(mine)), mine)
            nth = np.arange(len(pair)) - np.repeat(np.cumsum(mine) - mine, mine)  # several synapses of a pair take different places
            # The first synapse of a pair draws the place, the others follow it.
            start = (chances[begin:done][np.arange(len(pair)) - nth] * CONTACTS).astype(np.int64)
            places[begin:done] = meeting.contacts_nm[pair, (start + nth) % CONTACTS]
            axon = grow_axon(tissue, int(tissue.nucleus_id[row]))
            path[begin:done] = locate_on_neurites(axon, places[begin:done, :3])[1]
        first += len(meeting.post)
    return places, path


def _synapses(
    pairs: pd.DataFrame,
    draws: pd.DataFrame,
    places: Float[np.ndarray, "synapses 6"],
    path: Float[np.ndarray, " synapses"],
    size_slope: float,
) -> pd.DataFrame:
    """The table of synapses."""
    of = pairs.iloc[draws["pair"]]
    liking = size_slope * np.nan_to_num(of["feature_similarity"].to_numpy())
    size = np.exp(LOG_SIZE + LOG_SIZE_SD * draws["normal"].to_numpy() + liking)
    columns = {
        "synapse_id": of["post_nucleus_id"].to_numpy() * SYNAPSES_PER_TARGET + draws["number"].to_numpy(),
        "pre_nucleus_id": of["pre_nucleus_id"].to_numpy(),
        "post_nucleus_id": of["post_nucleus_id"].to_numpy(),
        "size": np.maximum(np.rint(size), 1).astype(np.int64),
        "axon_distance_um": path,
    }
    pre, post = places[:, :3], places[:, 3:]
    for side, points in (("pre", pre), ("post", post), ("ctr", (pre + post) / 2)):
        columns |= {f"{side}_{axis}_nm": values for axis, values in zip("xyz", points.T, strict=True)}
    return pd.DataFrame(columns)
