"""Motifs of two, three and four cells, against graphs rewired with every degree and, where positions are known, every distance kept.

Loops and triads are counted only among cells whose outputs were observed and whose inputs were queried: elsewhere an absent edge is no
fact. Edges to all queried cells count for shared targets.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import sparse

from graphtwin.statistics import two_sided_p, with_q
from graphtwin.wiring.nulls.degree_rewiring import rewire

# Triads by numbers of mutual, asymmetric and null dyads (Davis & Leinhardt 1972); those with more edges are too rare to count here.
TRIADS = {
    "chain": "021C",
    "diverging": "021D",
    "converging": "021U",
    "feed-forward loop": "030T",
    "cycle": "030C",
    "mutual with an output": "111U",
    "mutual with an input": "111D",
}
MIN_EDGES = 10  # least number of edges in a graph: with fewer there is hardly a motif to count


def motif_counts(pre: Int[np.ndarray, " edges"], post: Int[np.ndarray, " edges"]) -> dict[str, float]:
    """How often each motif occurs.

    Args:
        pre: Axon of each edge; no pair twice and no cell onto itself.
        post: Target of each edge.

    Returns:
        `shared targets`: pairs of axons with two targets in common (bi-fans), over all edges. Among cells that are both axon and target:
        `reciprocal` pairs, and the triads of `TRIADS`.
    """
    axons, i = np.unique(pre, return_inverse=True)
    targets, j = np.unique(post, return_inverse=True)
    edges = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(len(axons), len(targets)))
    common = sparse.triu(edges @ edges.T, k=1).data
    cells = np.intersect1d(axons, targets)
    inside = np.isin(pre, cells) & np.isin(post, cells)
    ends = np.searchsorted(cells, pre[inside]), np.searchsorted(cells, post[inside])
    among = sparse.csr_array((np.ones(int(inside.sum())), ends), shape=(len(cells), len(cells)))
    return {"shared targets": float((common * (common - 1) / 2).sum())} | _among_cells(among)


def _among_cells(edges: sparse.csr_array) -> dict[str, float]:
    """Reciprocal pairs and triads, by products of matrices. Source: Moody 1998, Social Networks 20:291.

    Args:
        edges: 1 from a cell to each of its targets, axons as rows.
    """
    mutual = edges.multiply(edges.T).tocsr()
    out = edges - mutual
    into, closed = out.T.tocsr(), edges + edges.T - mutual + sparse.eye_array(edges.shape[0], format="csr")

    def paths(first: sparse.csr_array, second: sparse.csr_array) -> float:
        """Ways over a dyad of either kind that end at two cells without a connection."""
        return float(first.sum(axis=0) @ second.sum(axis=1) - (first @ second).multiply(closed).sum())

    through = out @ out
    return {
        "reciprocal": float(mutual.sum() / 2),
        "chain": paths(out, out),
        "diverging": paths(into, out) / 2,
        "converging": paths(out, into) / 2,
        "feed-forward loop": float(through.multiply(out).sum()),
        "cycle": float(through.multiply(into).sum() / 3),
        "mutual with an output": paths(mutual, out),
        "mutual with an input": paths(mutual, into),
    }


def motifs(
    pre_nucleus_id: Int[np.ndarray, " edges"],
    post_nucleus_id: Int[np.ndarray, " edges"],
    seed: int,
    n_nulls: int = 100,
    position: tuple[Float[np.ndarray, "edges xyz"], Float[np.ndarray, "edges xyz"]] | None = None,
    bin_um: float = 25.0,
    progress: bool = False,
) -> pd.DataFrame:
    """Each motif's count beside its distribution over rewired graphs.

    Args:
        pre_nucleus_id: Axon of each edge; no pair twice and no cell onto itself.
        post_nucleus_id: Target of each edge.
        seed: The run's seed; it names every rewiring.
        n_nulls: Number of rewired graphs; with n of them no p is below 1 / (n + 1).
        position: Places (um) of the axon's and the target's soma for each edge; with them the number of edges in every bin of distance is
            kept too.
        bin_um: Width of the bins of distance, um.
        progress: Show a bar.

    Returns:
        motif, observed, expected (mean of the null), low and high (its central 95 %), ratio, p (two-sided) and q (Benjamini-Hochberg).
    """
    from graphtwin.progress import tqdm

    pre, post = np.asarray(pre_nucleus_id), np.asarray(post_nucleus_id)
    _require_edges(pre, post)
    observed = pd.Series(motif_counts(pre, post))
    swaps = 20 if position is None else 100
    null = pd.DataFrame(
        motif_counts(pre, rewire(pre, post, seed, f"motifs {number}", swaps, position, bin_um))
        for number in tqdm(range(n_nulls), desc="motifs", unit="graph", leave=False, disable=not progress)
    )
    table = pd.DataFrame({"motif": observed.index, "observed": observed.to_numpy(), "expected": null.mean().to_numpy()})
    table["low"], table["high"] = null.quantile(0.025).to_numpy(), null.quantile(0.975).to_numpy()
    table["ratio"] = np.divide(table["observed"], table["expected"], out=np.full(len(table), np.nan), where=table["expected"] > 0)
    table["p"] = two_sided_p(observed.to_numpy(np.float64), null.to_numpy(np.float64))
    return with_q(table)


def _require_edges(pre: np.ndarray, post: np.ndarray) -> None:
    """Raise where no motif can be told: too few edges, or cells that are their own targets."""
    if len(pre) < MIN_EDGES:
        raise ValueError(f"motifs: {len(pre)} edges, but at least {MIN_EDGES} are needed. Bring more connected pairs.")
    own = int((pre == post).sum())
    if own:
        raise ValueError(f"motifs: {own} of {len(pre)} edges lead from a cell to itself. Drop them: in reconstructions they are artefacts.")
