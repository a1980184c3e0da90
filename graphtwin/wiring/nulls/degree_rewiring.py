"""Rewired graphs: what connections would look like if axons and targets kept their numbers of partners and nothing else."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import exchange_targets


def rewire(
    pre_nucleus_id: Int[np.ndarray, " edges"],
    post_nucleus_id: Int[np.ndarray, " edges"],
    seed: int,
    name: str | int = 0,
    swaps_per_edge: int = 20,
    position: tuple[Float[np.ndarray, "edges xyz"], Float[np.ndarray, "edges xyz"]] | None = None,
    bin_um: float = 25.0,
) -> Int[np.ndarray, " edges"]:
    """New targets for the edges: every axon keeps its number of targets and every target its number of inputs (`exchange_targets`).

    Args:
        pre_nucleus_id: Axon of each edge.
        post_nucleus_id: Target of each edge; no pair twice.
        seed: The run's seed.
        name: Number of the null graph.
        swaps_per_edge: Proposed exchanges for each edge; with positions nine in ten are refused, so take 100.
        position: Places (um) of the axon's and the target's cell for each edge; with them an exchange must also keep the number of edges in
            every bin of distance, unknown distance being one of them.
        bin_um: Width of the bins of distance, um.
    """
    rng = rng_for(seed, "rewired graph", name)
    return exchange_targets(pre_nucleus_id, post_nucleus_id, rng, swaps_per_edge, position, bin_um)
