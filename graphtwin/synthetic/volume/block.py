"""What a block of tissue holds: neurites, somata, nuclei and synapses of the simulated cortex as strokes to paint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from graphtwin.schema import POSITION
from graphtwin.synthetic.brain import em_nm
from graphtwin.synthetic.volume.paint import AXON, AXON_CORE, DENDRITE, DENDRITE_CORE, POINT, SOMA, SYNAPSE, Block, Strokes

if TYPE_CHECKING:
    import pandas as pd

SOMA_SHELL_NM = 1200.0  # thickness of the cytoplasm around the nucleus
LONGEST_EDGE_NM = 1000.0  # longest edge of a stroke: longer ones have boxes with much empty space
CLEFT_NM = 20.0  # thickness of the disc that a synapse is: its volume is the size of the synapse
SIZE_VOXEL_NM3 = 4 * 4 * 40  # volume of a voxel of the cleft segmentation, in which sizes are counted
MAX_DISC_NM = 500.0  # largest radius of a synapse's disc; a choice
ROUNDING_NM = 21.0  # largest rounding of a place: tables keep it in voxels of 4 x 4 x 40 nm, whose corners are so far from their centre


class VolumeConfig(BaseModel):
    """The block of tissue that is written as a segmented volume.

    The default holds some forty synapses of 2,000 neurons; 160 um at 128 nm, for the same work, more than a hundred and a dozen nuclei.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_um: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        (80.0, 80.0, 80.0), description="Edges of the block along x, y and z, micrometres, rounded to whole voxels."
    )
    voxel_nm: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (64, 64, 64), description="Edges of a voxel along x, y and z, nanometres."
    )
    n_meshes: int = Field(12, ge=0, description="Segments that get a mesh: those with the most voxels.")


class Piece(NamedTuple):
    """A neurite, or what a cut left of it, under one root id.

    Attributes:
        root_id: Root id of the piece's segment.
        compartment: Whether the piece is of an axon or of a dendrite.
        vertices_nm, edges, radius_nm: Tree of the piece in EM nm, parent before child, as in `Neurite`.
    """

    root_id: int
    compartment: Literal["axon", "dendrite"]
    vertices_nm: Float64[np.ndarray, "vertices 3"]
    edges: Int64[np.ndarray, "edges 2"]
    radius_nm: Float32[np.ndarray, " vertices"]


@dataclass(frozen=True)
class Content:
    """What a block holds.

    Attributes:
        block: The box of voxels.
        strokes: Strokes of the segments, labelled by root id.
        nuclei: Spheres of the nuclei, labelled by nucleus id.
        root_of: Root id of each nucleus.
        pieces: The neurites that enter the block, whole.
        synapses: The synapses with a centre in the block.
    """

    block: Block
    strokes: Strokes
    nuclei: Strokes
    root_of: dict[int, int]
    pieces: list[Piece]
    synapses: pd.DataFrame


def soma_nm(neurons: pd.DataFrame) -> Float64[np.ndarray, "neurons 3"]:
    """Centres of the nuclei, EM nm."""
    return em_nm(neurons[POSITION].to_numpy(np.float64))


def choose_block(neurons: pd.DataFrame, synapses: pd.DataFrame, config: VolumeConfig) -> Block:
    """The block around the nucleus that has the most synapses about it; of equal ones, the lowest nucleus id.

    Args:
        neurons: The cells: nucleus_id and the place in the pia frame.
        synapses: The synapses: ctr_x_nm, ctr_y_nm, ctr_z_nm.
        config: Size and voxels of the block.
    """
    from scipy.spatial import cKDTree

    if not len(neurons):
        raise ValueError("no neurons: a block of tissue is chosen around a nucleus. Simulate at least one neuron.")
    size_nm = 1000 * np.asarray(config.size_um)
    centres = soma_nm(neurons)
    within = cKDTree(positions(synapses, "ctr") / size_nm).query_ball_point(centres / size_nm, 0.5, p=np.inf, return_length=True)
    best = np.lexsort([neurons["nucleus_id"], -within])[0]
    voxel = np.asarray(config.voxel_nm)
    n_voxels = np.maximum(np.rint(size_nm / voxel).astype(int), 1)
    begin = np.floor(centres[best] / voxel).astype(int) - n_voxels // 2
    return Block(config.voxel_nm, _three(begin), _three(begin + n_voxels))


def fill_block(block: Block, neurons: pd.DataFrame, root_of: dict[int, int], pieces: Iterable[Piece], synapses: pd.DataFrame) -> Content:
    """Keep what enters the block; pieces are looked at one by one and forgotten if they stay outside.

    Args:
        block: The box of voxels to fill.
        neurons: The cells: nucleus_id, place in the pia frame, nucleus_radius_um.
        root_of: Root id of each nucleus; nuclei of a merged segment share one.
        pieces: Neurites by root id.
        synapses: The synapses: synapse_id, pre_root_id, post_root_id, size, and pre_, post_ and ctr_ x_nm, y_nm, z_nm.
    """
    kept, parts = [], []
    for piece in pieces:
        strokes = _neurite_strokes(piece, block)
        if len(strokes.label):
            kept.append(piece)
            parts.append(strokes)
    somata, nuclei = _soma_strokes(neurons, root_of)
    at = positions(synapses, "ctr")
    centred = ((at >= block.low_nm) & (at < block.high_nm)).all(axis=1)
    everything = Strokes.join([_synapse_strokes(synapses, block), somata, *parts])
    return Content(
        block, _here(everything, block), _here(Strokes.join([nuclei]), block), root_of, kept, synapses[centred].reset_index(drop=True)
    )


def positions(table: pd.DataFrame, prefix: str) -> Float64[np.ndarray, "rows 3"]:
    """Places of each row, nm, from columns such as pre_x_nm, pre_y_nm, pre_z_nm."""
    return table[[f"{prefix}_{axis}_nm" for axis in "xyz"]].to_numpy(np.float64)


def disc_radius_nm(size: Float[np.ndarray, " synapses"], block: Block) -> Float64[np.ndarray, " synapses"]:
    """Radius of the contact of a synapse: a disc as thick as the cleft, of its volume; at least 3 voxels, at most 500 nm."""
    radius = np.sqrt(size * SIZE_VOXEL_NM3 / (np.pi * CLEFT_NM))
    return np.clip(radius, min(3 * max(block.voxel_nm), MAX_DISC_NM), MAX_DISC_NM)


def _here(strokes: Strokes, block: Block) -> Strokes:
    return strokes.take(block.near(*strokes.boxes()))


def _neurite_strokes(piece: Piece, block: Block) -> Strokes:
    """Strokes of a neurite in the block, which is there twice: its core, and at its full radius."""
    core = block.core_radius_nm
    vertices, radius = piece.vertices_nm, np.maximum(piece.radius_nm.astype(np.float64), core)
    start, end = piece.edges.T
    margin = np.maximum(radius[start], radius[end])[:, None]
    low, high = np.minimum(vertices[start], vertices[end]) - margin, np.maximum(vertices[start], vertices[end]) + margin
    near = block.near(low, high)
    first, last, radii = _shorten(vertices[start[near]], vertices[end[near]], np.column_stack([radius[start[near]], radius[end[near]]]))
    thin, full = (AXON_CORE, AXON) if piece.compartment == "axon" else (DENDRITE_CORE, DENDRITE)
    layers = [(thin, np.full_like(radii, core)), (full, radii)]
    return _here(Strokes.join([Strokes.of(layer, piece.root_id, first, last, width) for layer, width in layers]), block)


def _shorten(
    first: Float64[np.ndarray, "edges 3"], last: Float64[np.ndarray, "edges 3"], radii: Float64[np.ndarray, "edges 2"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges cut into equal parts of at most LONGEST_EDGE_NM."""
    n_parts = np.maximum(np.ceil(np.linalg.norm(last - first, axis=1) / LONGEST_EDGE_NM).astype(int), 1)
    edge = np.repeat(np.arange(len(first)), n_parts)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    begin, end = part / n_parts[edge], (part + 1) / n_parts[edge]
    along = last[edge] - first[edge]
    widening = radii[edge, 1] - radii[edge, 0]
    width = np.column_stack([radii[edge, 0] + begin * widening, radii[edge, 0] + end * widening])
    return first[edge] + begin[:, None] * along, first[edge] + end[:, None] * along, width


def _soma_strokes(neurons: pd.DataFrame, root_of: dict[int, int]) -> tuple[Strokes, Strokes]:
    """Strokes of the somata, labelled by root id, and of the nuclei, labelled by nucleus id."""
    centres, nucleus_id = soma_nm(neurons), neurons["nucleus_id"].to_numpy(np.int64)
    lost = [number for number in nucleus_id.tolist() if number not in root_of]
    if lost:
        raise ValueError(f"{len(lost)} of {len(nucleus_id)} nuclei have no root id, first {lost[0]}. Give every nucleus one.")
    radius = 1000 * neurons["nucleus_radius_um"].to_numpy(np.float64)
    roots = np.array([root_of[number] for number in nucleus_id.tolist()], np.int64)
    both = np.column_stack([radius, radius])
    return Strokes.of(SOMA, roots, centres, centres, both + SOMA_SHELL_NM), Strokes.of(SOMA, nucleus_id, centres, centres, both)


def _synapse_strokes(synapses: pd.DataFrame, block: Block) -> Strokes:
    """A bouton and a spine head that meet in the plane through the centre, and a neck from each to its neurite.

    Of a synapse of a segment with itself, as tables have them in error and merged cells in truth, only the points are painted.
    """
    points = [_point_strokes(synapses, side, block) for side in ("pre", "post")]
    synapses = synapses[synapses["pre_root_id"] != synapses["post_root_id"]]
    pre, post, centre = (positions(synapses, side) for side in ("pre", "post", "ctr"))
    apart = np.linalg.norm(post - pre, axis=1)
    if (apart == 0).any():
        wrong = synapses["synapse_id"].to_numpy()[apart == 0]
        raise ValueError(
            f"{len(wrong)} of {len(synapses)} synapses of two segments have both points at one place, first synapse {wrong[0]}. "
            "Place them on two neurites."
        )
    across = (post - pre) / apart[:, None]
    disc = disc_radius_nm(synapses["size"].to_numpy(np.float64), block)
    tip = np.full((len(synapses), 2), block.core_radius_nm)
    parts = []
    for side, point, normal, layer in (("pre", pre, -across, AXON_CORE), ("post", post, across, DENDRITE_CORE)):
        root = synapses[f"{side}_root_id"].to_numpy(np.int64)
        parts += [
            Strokes.of(SYNAPSE, root, centre, centre, np.column_stack([disc, disc]), normal=normal, at=centre),
            Strokes.of(layer, root, point, centre, tip),
        ]
    return _here(Strokes.join([*points, *parts]), block)


def _point_strokes(synapses: pd.DataFrame, side: str, block: Block) -> Strokes:
    """The points of one side, each with the voxels that make sure of its own, and of that of the rounded point."""
    point, radius = positions(synapses, side), np.full((len(synapses), 2), block.core_radius_nm + ROUNDING_NM)
    return Strokes.of(POINT, synapses[f"{side}_root_id"].to_numpy(np.int64), point, point, radius)


def _three(values: np.ndarray) -> tuple[int, int, int]:
    x, y, z = values.tolist()
    return x, y, z
