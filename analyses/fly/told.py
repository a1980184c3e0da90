"""What embeddings of a twin say of cells whose columns were held out: type, column, and connections between neighbouring columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation, theilslopes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graphtwin.execute import rng_for
from graphtwin.sources.loaders import fly

FOLDS = 5
REACH = 2  # columns between the cells of a pair, at most
LEAST = 20  # members of a type, at least, for its recall to count


@dataclass(frozen=True)
class Held:
    """What was told of each neuron by models that had not seen any cell of its column.

    Attributes:
        fold: Fold of each neuron's column.
        types: Names of the columns of `chances`.
        chances: Probability of each type.
        place: Place told of each neuron, in distances between columns.
        spread: Deviation, by the median, of places of training columns from what is told of them, along each axis and in each fold.
    """

    fold: np.ndarray
    types: np.ndarray
    chances: np.ndarray
    place: np.ndarray
    spread: np.ndarray


def folds_of(cells: pd.DataFrame) -> np.ndarray:
    """Fold of each neuron: columns are dealt at random, all cells of a column together."""
    columns, of = np.unique(cells[["u", "v"]].to_numpy(), axis=0, return_inverse=True)
    return (rng_for(0, "columns").permutation(len(columns)) % FOLDS)[of]


def told(cells: pd.DataFrame) -> Held:
    """Types by a logistic regression on the embedding, columns by a line (Theil-Sen) on the place where the readout looks.

    Args:
        cells: One row a neuron: cell_type, u, v, x, y, embedding_*, gain, rf_x, rf_y.
    """
    fold = folds_of(cells)
    vectors = np.column_stack([cells.filter(like="embedding_").to_numpy(), np.log(cells["gain"])])
    label, names = cells["cell_type"].to_numpy(), np.unique(cells["cell_type"])
    chances, place, spread = np.zeros((len(cells), len(names))), np.empty((len(cells), 2)), np.empty((FOLDS, 2))
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(vectors[train], label[train])
        chances[np.ix_(test, np.searchsorted(names, model.classes_))] = model.predict_proba(vectors[test])
        for axis, (true, seen) in enumerate((("x", "rf_x"), ("y", "rf_y"))):
            slope, level, *_ = theilslopes(cells.loc[train, true], cells.loc[train, seen])
            place[test, axis] = level + slope * cells.loc[test, seen]
            off = cells.loc[train, true] - level - slope * cells.loc[train, seen]
            spread[held, axis] = median_abs_deviation(off, scale="normal")
    return Held(fold, names, chances, place, spread)


def scores(cells: pd.DataFrame, lattice: fly.Lattice) -> dict[str, float]:
    """Types, columns and connections of cells whose columns were held out.

    Args:
        cells: As `told` takes it; unit_id is the neuron of the lattice, from 1.
        lattice: The network's true connections.
    """
    held = told(cells)
    often = cells["cell_type"].map(cells["cell_type"].value_counts()).to_numpy() >= LEAST
    said = held.types[held.chances.argmax(1)]
    error = np.hypot(*(held.place - cells[["x", "y"]].to_numpy()).T)
    pairs = pd.concat([_pairs(cells, held, lattice, fold) for fold in range(FOLDS)], ignore_index=True)
    found = {
        "types": balanced_accuracy_score(cells["cell_type"][often], said[often]),
        "types, receptors as one": balanced_accuracy_score(_merged(cells["cell_type"][often]), _merged(pd.Series(said[often]))),
        "median error of place": float(np.median(error)),
        "columns found": float(np.mean(_nearest(cells, held.place))),
    }
    for name in ("offsets alone", "types", "types and places"):
        found[f"AUC, {name}"] = roc_auc_score(pairs["connected"], pairs[name])
        found[f"AP, {name}"] = average_precision_score(pairs["connected"], pairs[name])
    found["AUC within offset"] = within_offset(pairs, "types")
    return found | {"base rate": pairs["connected"].mean(), "pairs": float(len(pairs))}


def _merged(types: pd.Series) -> np.ndarray:
    """Types with R1 to R8, which see the same light, as one."""
    return types.str.replace(r"^R[1-8]$", "R", regex=True).to_numpy()


def _nearest(cells: pd.DataFrame, place: np.ndarray) -> np.ndarray:
    """Whether the nearest column to each told place is the neuron's own."""
    columns = cells[["x", "y"]].drop_duplicates().to_numpy()
    near = columns[((place[:, None] - columns[None]) ** 2).sum(-1).argmin(1)]
    return np.isclose(near, cells[["x", "y"]].to_numpy()).all(1)


def _pairs(cells: pd.DataFrame, held: Held, lattice: fly.Lattice, fold: int) -> pd.DataFrame:
    """Pairs of cells of held-out columns at most two columns apart, whether they are connected, and what each model says.

    How often cells of two types and one offset are connected is counted among training columns; the models differ in what of a pair they
    know: the offset; the offset and the chances of both cells' types; these chances and the places that function tells.
    """
    number = np.searchsorted(held.types, cells["cell_type"])
    u, v = cells["u"].to_numpy(), cells["v"].to_numpy()
    wired = _connections(cells, lattice)
    train, test = np.flatnonzero(held.fold != fold), np.flatnonzero(held.fold == fold)
    offsets = [(du, dv) for du in range(-REACH, REACH + 1) for dv in range(-REACH, REACH + 1) if abs(du + dv) <= REACH]
    rules = {offset: _rule(train, offset, u, v, number, wired, len(held.types)) for offset in offsets}
    centre = np.array([(np.sqrt(3) / 2 * dv, -(du + dv / 2)) for du, dv in offsets])
    parts = []
    for at, offset in enumerate(offsets):
        pre, post = _apart(test, offset, u, v)
        by_offset = np.stack([((held.chances[pre] @ rules[other]) * held.chances[post]).sum(1) for other in offsets], axis=1)
        seen = held.place[post] - held.place[pre]
        far = ((seen[:, None] - centre[None]) / (np.sqrt(2) * held.spread[fold])) ** 2
        weight = np.exp(-far.sum(-1) / 2) + 1e-12
        parts.append(
            pd.DataFrame(
                {
                    "offset": at,
                    "connected": wired[pre, post],
                    "offsets alone": rules[offset].mean(),
                    "types": by_offset[:, at],
                    "types and places": (by_offset * weight).sum(1) / weight.sum(1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _connections(cells: pd.DataFrame, lattice: fly.Lattice) -> np.ndarray:
    """Whether each neuron (row) makes synapses onto each other."""
    of = np.full(len(lattice.u), -1)
    of[cells["unit_id"].to_numpy() - 1] = np.arange(len(cells))
    pre, post = of[lattice.source], of[lattice.target]
    wired = np.zeros((len(cells), len(cells)), dtype=bool)
    wired[pre[(pre >= 0) & (post >= 0)], post[(pre >= 0) & (post >= 0)]] = True
    return wired


def _apart(among: np.ndarray, offset: tuple[int, int], u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of different neurons among some, the second `offset` columns from the first."""
    pre, post = np.nonzero((u[among][:, None] + offset[0] == u[among]) & (v[among][:, None] + offset[1] == v[among]))
    different = pre != post
    return among[pre[different]], among[post[different]]


def _rule(
    train: np.ndarray, offset: tuple[int, int], u: np.ndarray, v: np.ndarray, number: np.ndarray, wired: np.ndarray, n_types: int
) -> np.ndarray:
    """Share of connected pairs by the types of both cells, among training columns at one offset; 0 where no such pair is there."""
    pre, post = _apart(train, offset, u, v)
    key = number[pre] * n_types + number[post]
    pairs, connected = (np.bincount(key, weights, n_types**2) for weights in (None, wired[pre, post].astype(float)))
    return (connected / np.maximum(pairs, 1)).reshape(n_types, n_types)


def within_offset(pairs: pd.DataFrame, model: str) -> float:
    """AUC among pairs of one offset, the mean over offsets weighed by their connected pairs."""
    found, weights = [], []
    for _, part in pairs.groupby("offset"):
        if part["connected"].nunique() == 2:
            found.append(roc_auc_score(part["connected"], part[model]))
            weights.append(part["connected"].sum())
    return float(np.average(found, weights=weights))


def permuted(cells: pd.DataFrame, within: str | None) -> pd.DataFrame:
    """The cells with what their function says dealt anew, among all or among those of one value of a column."""
    rng, columns = rng_for(0, "permuted", str(within)), [*cells.filter(like="embedding_"), "gain", "rf_x", "rf_y"]
    rows = np.arange(len(cells))
    groups = [rows] if within is None else [group.to_numpy() for _, group in pd.Series(rows).groupby(cells[within].to_numpy())]
    dealt = rows.copy()
    for group in groups:
        dealt[group] = rng.permutation(group)
    return cells.assign(**{name: cells[name].to_numpy()[dealt] for name in columns})
