"""What electron microscopy shows of a simulated cortex: most axons cut short, fragments without a nucleus, two nuclei under one root id.

Root ids, shares and artefacts are made like those of the minnie65 tables (`data/minnie65`): 4 % of root ids survive from materialization
343 to 661, 2.5 % of pairs are a root with itself. Source: MICrONS Consortium 2025, doi:10.1038/s41586-025-08790-w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from pydantic import BaseModel, ConfigDict, Field, model_validator

from graphtwin.execute import rng_for
from graphtwin.synthetic.brain import Tile, Tissue, grow_axon, grow_dendrite, grow_parts, lay_tiles, locate_on_neurites, severed
from graphtwin.synthetic.wiring.connections import Connections, describe
from graphtwin.synthetic.wiring.meetings import Cuts, approach, pool_dendrites

EARLIER, LATER = 343, 661  # materializations, those of the bundled tables
FRAGMENT = -1  # stands for the nucleus id of a piece that has no nucleus
FIRST_ROOT, LAST_ROOT = 864_691_132_000_000_000, 864_691_137_000_000_000  # the range of minnie65's root ids, above 2^53
SHORTEST_UM = 40.0  # shortest path from the soma at which a neurite is cut
UNPROOFREAD_UM, BROKEN_UM = 150.0, 150.0  # mean path at which axons that nobody proofread, and broken dendrites, are cut; round numbers
SURVIVING_ROOTS = 0.04  # share of root ids that are the same at both materializations
SELF_SYNAPSES = 0.025  # artefacts in the synapse table, rows whose two sides have one root id, as a share of synapses
SAME_REGION_UM = 1000.0  # lateral distance from an axon's soma within which cells make a pair with it, near it or not


class ReconstructConfig(BaseModel):
    """How complete the reconstruction of a simulated cortex is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extended: float = Field(0.06, ge=0, le=1, description="Share of neurons whose axon is whole.")
    clean: float = Field(0.08, ge=0, le=1, description="Share of neurons whose axon is correct as far as it goes.")
    clean_um: float = Field(500.0, gt=0, description="Mean path at which axons of the share `clean` are cut, micrometres.")
    broken_dendrites: float = Field(0.05, ge=0, le=1, description="Share of dendrites without proofreading that are cut.")
    merged: float = Field(
        0.01, ge=0, le=0.2, description="Share of neurons under one root id with a neighbour at materialization 661; twice as many at 343."
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> ReconstructConfig:
        if self.extended + self.clean > 1:
            raise ValueError(f"extended + clean = {self.extended + self.clean:g}: shares of the same neurons add up to 1 at most.")
        return self


@dataclass(frozen=True)
class Reconstruction:
    """The volume as it was traced.

    Attributes:
        roots: One row a materialization, piece and nucleus: materialization, root_id, nucleus_id (-1: no nucleus in it), and the truth:
            owner_nucleus_id, compartment (soma, axon, dendrite), piece (0 at the soma). A merged root id has two rows with nuclei.
        proofreading: Neurons that somebody worked on, as in the real table: nucleus_id, root_id at 661, status_axon, status_dendrite.
        synapses: Synapses of `Connections` and the artefacts, with pre_root_id, post_root_id at 661, pre_piece, post_piece, is_artefact.
        axon_kept_um, dendrite_kept_um: Path at which each neurite was cut, in the order of the neurons; infinite where it is whole.
        pairs: Pairs that proofread axons show: all with cells of the region; l_d_um and n_synapses of what stays of both sides,
            synapse_size, and the columns that describe a pair.
    """

    roots: pd.DataFrame
    proofreading: pd.DataFrame
    synapses: pd.DataFrame
    axon_kept_um: Float[np.ndarray, " neurons"]
    dendrite_kept_um: Float[np.ndarray, " neurons"]
    pairs: pd.DataFrame


def reconstruct(
    tissue: Tissue, connections: Connections, config: ReconstructConfig | None = None, tiles: list[Tile] | None = None
) -> Reconstruction:
    """Cut, split and merge a connected tissue. All draws are named by the tissue's seed and animal.

    Args:
        tissue: The cells of one animal.
        connections: All pairs and synapses of the tissue.
        config: How complete the reconstruction is.
        tiles: Tiles of the tissue, if they have been laid before.
    """
    chosen = config if config is not None else ReconstructConfig()
    status_axon, status_dendrite = _statuses(tissue, chosen)
    axon_kept, dendrite_kept = _cuts(tissue, status_axon, status_dendrite, chosen)
    synapses, pieces = _cut_synapses(tissue, connections.synapses, axon_kept, dendrite_kept)
    roots = _roots(tissue, pieces, (status_axon != "non") | (status_dendrite != "non"), chosen)
    synapses = _with_artefacts(tissue, synapses, SELF_SYNAPSES)
    latest = roots[roots["materialization"] == LATER]
    synapses["pre_root_id"] = _root_of(latest, synapses["pre_nucleus_id"], "axon", synapses["pre_piece"])
    post_root = _root_of(latest, synapses["post_nucleus_id"], "dendrite", synapses["post_piece"])
    synapses["post_root_id"] = np.where(synapses["is_artefact"], synapses["pre_root_id"], post_root)
    soma_root = latest.loc[latest["compartment"] == "soma", "root_id"].to_numpy()
    columns = {"nucleus_id": tissue.nucleus_id, "root_id": soma_root, "status_axon": status_axon, "status_dendrite": status_dendrite}
    proofreading = pd.DataFrame(columns)[(status_axon != "non") | (status_dendrite != "non")].reset_index(drop=True)
    pairs = _observed_pairs(tissue, synapses, status_axon, Cuts(axon_kept, dendrite_kept), SAME_REGION_UM, tiles)
    return Reconstruction(roots, proofreading, synapses, axon_kept, dendrite_kept, pairs)


def _statuses(tissue: Tissue, config: ReconstructConfig) -> tuple[np.ndarray, np.ndarray]:
    """Proofreading of axons and dendrites: a dendrite is worked on where its axon is, and at a few cells more."""
    rng = rng_for(tissue.seed, "proofreading", tissue.animal)
    chance, other = rng.random((2, len(tissue.nucleus_id)))
    axon = np.select([chance < config.extended, chance < config.extended + config.clean], ["extended", "clean"], "non").astype(object)
    # Shares of the combinations in `data/minnie65/v661/proofreading_status_public_release`, 1,233 cells.
    dendrite = np.select(
        [axon == "extended", axon == "clean"],
        [np.where(other < 0.96, "extended", "clean"), np.where(other < 0.83, "clean", np.where(other < 0.98, "extended", "non"))],
        np.where(other < 0.2 * (config.extended + config.clean), "extended", "non"),
    ).astype(object)
    return axon, dendrite


def _cuts(
    tissue: Tissue, status_axon: np.ndarray, status_dendrite: np.ndarray, config: ReconstructConfig
) -> tuple[Float[np.ndarray, " neurons"], Float[np.ndarray, " neurons"]]:
    """Paths from the soma at which axons and dendrites are cut, um."""
    rng = rng_for(tissue.seed, "cuts", tissue.animal)
    n = len(tissue.nucleus_id)
    axon, dendrite, broken = rng.standard_exponential(n), rng.standard_exponential(n), rng.random(n) < config.broken_dendrites
    axon_um = SHORTEST_UM + axon * np.where(status_axon == "clean", config.clean_um, UNPROOFREAD_UM)
    dendrite_um = SHORTEST_UM + dendrite * BROKEN_UM
    return np.where(status_axon == "extended", np.inf, axon_um), np.where(broken & (status_dendrite == "non"), dendrite_um, np.inf)


def _cut_synapses(
    tissue: Tissue, synapses: pd.DataFrame, axon_kept: Float[np.ndarray, " neurons"], dendrite_kept: Float[np.ndarray, " neurons"]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The synapses with the piece of axon and of dendrite that each is on; and all pieces that were cut off."""
    synapses, pieces = synapses.copy(), []
    for side, compartment, cut, grow in (("pre", "axon", axon_kept, grow_axon), ("post", "dendrite", dendrite_kept, grow_dendrite)):
        piece = np.zeros(len(synapses), dtype=np.int64)
        where = synapses.groupby(f"{side}_nucleus_id").indices
        points = synapses[[f"{side}_{axis}_nm" for axis in "xyz"]].to_numpy()
        for row in np.flatnonzero(np.isfinite(cut)).tolist():
            nucleus_id = int(tissue.nucleus_id[row])
            neurite = grow(tissue, nucleus_id)
            vertex_piece = severed(neurite, float(cut[row]))
            pieces += [(nucleus_id, compartment, number) for number in range(1, int(vertex_piece.max()) + 1)]
            if nucleus_id in where:
                piece[where[nucleus_id]] = vertex_piece[locate_on_neurites(neurite, points[where[nucleus_id]])[0]]
        synapses[f"{side}_piece"] = piece
    return synapses, pd.DataFrame(pieces, columns=["owner_nucleus_id", "compartment", "piece"])


def _roots(tissue: Tissue, pieces: pd.DataFrame, proofread: np.ndarray, config: ReconstructConfig) -> pd.DataFrame:
    """Root ids of all cells and pieces at both materializations."""
    ids = tissue.nucleus_id
    cells = pd.DataFrame({"owner_nucleus_id": ids, "compartment": "soma", "piece": 0, "nucleus_id": ids})
    segments = pd.concat([cells, pieces.assign(nucleus_id=FRAGMENT)], ignore_index=True)
    rng = rng_for(tissue.seed, "root ids", tissue.animal)
    drawn = _distinct(rng, 2 * len(segments))
    earlier, later = drawn[: len(segments)], drawn[len(segments) :]
    later = np.where(rng.random(len(segments)) < SURVIVING_ROOTS, earlier, later)
    merges = _merges(tissue, proofread, 2 * config.merged, rng)
    frames = []
    # At the later materialization half of the merges have been undone.
    for materialization, root, merged in ((EARLIER, earlier, merges), (LATER, later, merges[: (len(merges) + 1) // 2])):
        root = root.copy()
        root[merged[:, 1]] = root[merged[:, 0]]
        frames.append(segments.assign(materialization=materialization, root_id=root))
    names = ["materialization", "root_id", "nucleus_id", "owner_nucleus_id", "compartment", "piece"]
    return pd.concat(frames, ignore_index=True)[names]


def _distinct(rng: np.random.Generator, n: int) -> Int64[np.ndarray, " n"]:
    """Distinct root ids in the order they were drawn."""
    drawn = rng.integers(FIRST_ROOT, LAST_ROOT, n)
    while True:
        first = np.unique(drawn, return_index=True)[1]
        if len(first) == n:
            return drawn
        again = np.setdiff1d(np.arange(n), first)
        drawn[again] = rng.integers(FIRST_ROOT, LAST_ROOT, len(again))


def _merges(tissue: Tissue, proofread: np.ndarray, share: float, rng: np.random.Generator) -> Int64[np.ndarray, "merges 2"]:
    """Pairs of rows, neighbours that nobody proofread, no cell in two of them; about this share of cells is in one."""
    from scipy.spatial import cKDTree

    free = np.flatnonzero(~proofread)
    wanted = round(share * len(proofread) / 2)
    if len(free) < 2 or wanted == 0:
        return np.zeros((0, 2), dtype=np.int64)
    neighbour = free[cKDTree(tissue.soma_um[free]).query(tissue.soma_um[free], k=2)[1][:, 1]]
    taken: set[int] = set()
    merges: list[tuple[int, int]] = []
    for place in rng.permutation(len(free)).tolist():
        pair = int(free[place]), int(neighbour[place])
        if len(merges) < wanted and not taken & set(pair):
            merges.append(pair)
            taken.update(pair)
    return np.array(merges, dtype=np.int64).reshape(-1, 2)


def _with_artefacts(tissue: Tissue, synapses: pd.DataFrame, share: float) -> pd.DataFrame:
    """The synapses and rows that look like synapses of a cell with itself, at places on its own neurites."""
    rng = rng_for(tissue.seed, "self synapses", tissue.animal)
    like = synapses.iloc[np.sort(rng.permutation(len(synapses))[: round(share * len(synapses))])].copy()
    like["synapse_id"] = synapses["synapse_id"].max() + 1 + np.arange(len(like))
    like["post_nucleus_id"], like["post_piece"] = like["pre_nucleus_id"], 0
    for axis in "xyz":
        like[f"post_{axis}_nm"] = like[f"ctr_{axis}_nm"] = like[f"pre_{axis}_nm"]
    return pd.concat([synapses.assign(is_artefact=False), like.assign(is_artefact=True)], ignore_index=True)


def _root_of(roots: pd.DataFrame, owner: pd.Series, compartment: str, piece: pd.Series) -> Int64[np.ndarray, " synapses"]:
    """Root ids of pieces; piece 0 is the soma's."""
    soma = roots[roots["compartment"] == "soma"]
    found = soma["root_id"].to_numpy()[np.searchsorted(soma["owner_nucleus_id"], owner)]
    cut = piece.to_numpy() > 0
    if cut.any():
        key = ["owner_nucleus_id", "piece"]
        known = roots[roots["compartment"] == compartment]
        place = pd.MultiIndex.from_frame(known[key]).get_indexer(pd.MultiIndex.from_arrays([owner[cut], piece[cut]]))
        assert (place >= 0).all()
        found[cut] = known["root_id"].to_numpy()[place]
    return found


def _observed_pairs(
    tissue: Tissue,
    synapses: pd.DataFrame,
    status_axon: np.ndarray,
    cuts: Cuts,
    same_region_um: float,
    tiles: list[Tile] | None,
) -> pd.DataFrame:
    """All pairs of proofread axons, with the L_d and the synapses of what stays of both sides."""
    proofread = np.flatnonzero(status_axon != "non")
    near = _near(tissue, proofread, cuts, tiles if tiles is not None else lay_tiles(tissue, grow_parts(tissue, skeletons=False)))
    parts = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
    for row in proofread.tolist():
        region = np.array(tissue.plane.query_ball_point(tissue.soma_um[row, [0, 2]], same_region_um), dtype=np.int64)
        post = np.union1d(region[region != row], near.loc[near["pre"] == row, "post"])
        parts.append((np.full(len(post), row), post))
    pre, post = (np.concatenate(part) for part in zip(*parts, strict=True))
    pairs = describe(tissue, pre, post)
    l_d = near.set_index(["pre", "post"])["l_d_um"].reindex(pd.MultiIndex.from_arrays([pre, post]), fill_value=0.0)
    pairs.insert(2, "l_d_um", l_d.to_numpy())
    seen = synapses[(synapses["pre_piece"] == 0) & (synapses["post_piece"] == 0) & ~synapses["is_artefact"]]
    made = seen.groupby(["pre_nucleus_id", "post_nucleus_id"])["size"].agg(n_synapses="size", synapse_size="sum").reset_index()
    pairs = pairs.merge(made, how="left", on=["pre_nucleus_id", "post_nucleus_id"], validate="one_to_one")
    return pairs.assign(
        n_synapses=pairs["n_synapses"].fillna(0).astype(np.int64), synapse_size=pairs["synapse_size"].fillna(0).astype(np.int64)
    )


def _near(tissue: Tissue, axons: Int64[np.ndarray, " axons"], cuts: Cuts, tiles: list[Tile]) -> pd.DataFrame:
    """Rows of pairs that come near each other with what was not cut of both (pre, post), and l_d_um, of these axons."""
    frames = [pd.DataFrame({"pre": np.zeros(0, np.int64), "post": np.zeros(0, np.int64), "l_d_um": np.zeros(0)})]
    for tile in tiles:
        index = pool_dendrites(tissue, tile, cuts)
        for row in np.intersect1d(tile.axons, axons).tolist():
            met = approach(tissue, tile, index, row, cuts)
            if met is not None:
                frames.append(pd.DataFrame({"pre": row, "post": met.post, "l_d_um": met.l_d_um}))
    return pd.concat(frames, ignore_index=True)
