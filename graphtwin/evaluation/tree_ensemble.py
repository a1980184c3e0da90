"""Probabilities by boosted trees, bit for bit those of scikit-learn, without walking down the trees.

Of each column the answers of all its splits depend on one thing only: between which two thresholds the value lies. For every such place and
every tree a mask holds the leaves that these answers leave possible; the masks of all columns together leave one leaf a tree. Nothing is
guessed, as in a walk down a tree, where each turn is a wrong guess of the processor every other time.
Source: Lucchese et al. 2015, doi:10.1145/2766462.2767733.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32
from numba import njit
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

MOST_LEAVES = 32  # bits of a mask
EVERY_LEAF = np.uint32(0xFFFFFFFF)  # the mask that leaves all of them
# Leaves are found from masks with one bit by a product whose five highest bits differ for each (Leiserson, Prokop & Randall 1998).
DE_BRUIJN = np.uint32(0x077CB531)


@dataclass(frozen=True)
class TreeEnsemble:
    """Boosted trees of two classes.

    Attributes:
        column: Column of each table of masks: those that trees read.
        cut: Thresholds of each of them, rising, one after the other; `first` says where each begins, and the end.
        first: First threshold of each table.
        mask: Leaves of each tree that are left, for every place between thresholds, and for an unknown value (the last of each table).
        value: Value of the leaves of each tree, in the order of the product that finds them.
        level: Log odds before the first tree.
    """

    column: np.ndarray
    cut: np.ndarray
    first: np.ndarray
    mask: np.ndarray
    value: np.ndarray
    level: float

    @classmethod
    def of(cls, fitted: HistGradientBoostingClassifier) -> TreeEnsemble:
        """The trees of a fitted classifier of two classes without categorical columns, of at most `MOST_LEAVES` leaves each."""
        if len(fitted.classes_) > 2 or fitted.is_categorical_ is not None:
            raise ValueError("Boosted trees of more than two classes, or with categorical columns: ask scikit-learn itself.")
        trees = [tree.nodes for (tree,) in fitted._predictors]
        most = max(int(tree["is_leaf"].sum()) for tree in trees)
        if most > MOST_LEAVES:
            raise ValueError(
                f"Boosted trees of up to {most} leaves: masks have room for {MOST_LEAVES}. Fit with max_leaf_nodes below that."
            )
        nodes = np.concatenate(trees)
        inner = nodes[nodes["is_leaf"] == 0]
        column = np.unique(inner["feature_idx"]).astype(np.int64)
        cuts = [np.unique(inner["num_threshold"][inner["feature_idx"] == name]) for name in column]
        first = np.concatenate([[0], np.cumsum([len(cut) for cut in cuts])]).astype(np.int64)
        mask = np.full((first[-1] + 2 * len(column), len(trees)), EVERY_LEAF, np.uint32)
        value = np.zeros((len(trees), MOST_LEAVES))
        for tree, found in enumerate(trees):
            _fill(found, tree, column, cuts, first, mask, value)
        return cls(column, np.concatenate([*cuts, np.zeros(0)]), first, mask, value, float(fitted._baseline_prediction[0, 0]))

    def __call__(self, asked: Float32[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        """Probability of the second class; NaN is an unknown value."""
        return np.asarray(expit(_scores(asked, self.column, self.cut, self.first, self.mask, self.value, self.level)))


def _fill(
    nodes: np.ndarray, tree: int, column: np.ndarray, cuts: list[np.ndarray], first: np.ndarray, mask: np.ndarray, value: np.ndarray
) -> None:
    """Write one tree into masks and values: its leaves are numbered from left to right."""
    n_leaves = 0

    def leaves_below(at: int) -> int:
        nonlocal n_leaves
        node = nodes[at]
        if node["is_leaf"]:
            bit = 1 << n_leaves
            value[tree, (bit * int(DE_BRUIJN) & int(EVERY_LEAF)) >> 27] = node["value"]
            n_leaves += 1
            return bit
        left, right = leaves_below(int(node["left"])), leaves_below(int(node["right"]))
        table = int(np.searchsorted(column, node["feature_idx"]))
        begin, n_cuts = first[table] + 2 * table, len(cuts[table])
        turn = begin + int(np.searchsorted(cuts[table], node["num_threshold"])) + 1
        mask[begin:turn, tree] &= EVERY_LEAF ^ np.uint32(right)
        mask[turn : begin + n_cuts + 1, tree] &= EVERY_LEAF ^ np.uint32(left)
        mask[begin + n_cuts + 1, tree] &= EVERY_LEAF ^ np.uint32(right if node["missing_go_to_left"] else left)
        return left | right

    mask[:, tree] &= np.uint32(leaves_below(0))


@njit(cache=True, nogil=True)
@no_type_check
def _scores(asked, column, cut, first, mask, value, level):
    """Log odds of each row; the trees are added in their order."""
    n_trees = mask.shape[1]
    out = np.empty(len(asked))
    left = np.empty(n_trees, np.uint32)
    for row in range(len(asked)):
        for tree in range(n_trees):
            left[tree] = EVERY_LEAF
        for table in range(len(column)):
            x, begin, end = asked[row, column[table]], first[table], first[table + 1]
            low, high = begin, end
            while low < high:  # number of thresholds below the value
                middle = (low + high) // 2
                if cut[middle] < x:
                    low = middle + 1
                else:
                    high = middle
            place = 2 * table + (end + 1 if np.isnan(x) else low)
            for tree in range(n_trees):
                left[tree] &= mask[place, tree]
        total = level
        for tree in range(n_trees):
            total += value[tree, np.uint32(left[tree] * DE_BRUIJN) >> np.uint32(27)]
        out[row] = total
    return out
