"""Mixtures of normals over a cloud of embeddings: how many held-out neurons ask for, and how well two fits agree."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from graphtwin.clusters.shrunk_mixture import ShrunkMixture
from graphtwin.execute import rng_for

FOLDS = 3  # parts of the neurons, each held out once to choose the number of components
MEMBERS = 15  # neurons a component needs on average, at least
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # numbers of components that are tried
FALLING = 2  # numbers in a row that are worse than the best one, after which no larger one is tried
SHAPES = ("diag", "full")  # covariances of a component that are tried: along the principal axes, or of any shape (`ShrunkMixture`)
FLOOR = 1e-3  # variance added to a component along every axis, as a share of the mean variance of the cloud


@dataclass(frozen=True)
class MixtureChoice:
    """What held-out neurons say of mixtures of a cloud.

    Attributes:
        n_components: Number of components: the smallest whose held-out log-likelihood is within a standard error of the best one.
        shape: Shape of their covariances, one of `SHAPES`.
        tried: Table, a row a number of components and shape: n_components, shape, log_likelihood (nats a held-out neuron), below_best and
            its standard error below_best_se (paired, over neurons).
    """

    n_components: int
    shape: str
    tried: pd.DataFrame


def choose_mixture(points: Float[np.ndarray, "neurons features"], seed: int) -> MixtureChoice:
    """The number and shape of components that predict held-out neurons best.

    Args:
        points: Rows of a cloud.
        seed: Root of the draws.
    """
    fold = rng_for(seed, "mixture folds").permutation(np.arange(len(points)) % FOLDS)
    scores: dict[tuple[int, str], np.ndarray] = {}
    for shape in SHAPES:
        best, falling = -np.inf, 0
        for number in (n for n in STEPS if n == 1 or n * MEMBERS <= len(points) * (FOLDS - 1) / FOLDS):
            scores[number, shape] = found = _held_out(points, fold, number, shape, seed)
            falling = 0 if found.mean() > best else falling + 1
            best = max(best, float(found.mean()))
            if falling == FALLING:
                break
    top = max(scores, key=lambda key: scores[key].mean())
    rows = []
    for (number, shape), found in scores.items():
        behind = scores[top] - found
        rows.append((number, shape, found.mean(), behind.mean(), behind.std(ddof=1) / np.sqrt(len(behind))))
    tried = pd.DataFrame(rows, columns=["n_components", "shape", "log_likelihood", "below_best", "below_best_se"])
    near = tried[(tried["below_best"] <= tried["below_best_se"]) & (tried["shape"] == top[1])]
    return MixtureChoice(int(near["n_components"].min()), top[1], tried)


def _held_out(points: np.ndarray, fold: np.ndarray, number: int, shape: str, seed: int) -> np.ndarray:
    """Log-likelihood of each neuron, nats, by the mixture of the other folds."""
    found = np.empty(len(points))
    for held in range(FOLDS):
        found[fold == held] = fit_mixture(points[fold != held], number, shape, seed, f"fold {held}").score_samples(points[fold == held])
    return found


def fit_mixture(
    points: Float[np.ndarray, "neurons features"], number: int, shape: str, seed: int, name: str, starts: int = 1
) -> GaussianMixture | ShrunkMixture:
    """One mixture by expectation maximisation, begun by k-means.

    Args:
        points: Rows of a cloud.
        number: Number of components.
        shape: Shape of their covariances, one of `SHAPES`.
        seed: Root of the draws, which `name` names.
        name: Name of the fit.
        starts: Number of starts, of which the best one counts.
    """
    start = int(rng_for(seed, "mixture", number, shape, name).integers(2**31))
    floor = FLOOR * float(points.var(0).mean())
    if shape == "full":
        return ShrunkMixture(number, floor, starts, start % 2**30).fit(points)
    mixture = GaussianMixture(number, covariance_type=shape, reg_covar=floor, n_init=starts, random_state=start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fit that still moves after 100 steps scores by where it is
        return mixture.fit(points)


@dataclass(frozen=True)
class Stability:
    """How well fits of one mixture agree on who belongs together: adjusted Rand index, 1 for the same parts and 0 for chance.

    Attributes:
        over_seeds: Mean over pairs of fits to all neurons that start elsewhere.
        over_halves: Mean over splits of the neurons of the agreement of fits to either half on all of them.
    """

    over_seeds: float
    over_halves: float


def stability_of(points: Float[np.ndarray, "neurons features"], number: int, shape: str, seeds: int, seed: int) -> Stability:
    """Agreement of a mixture with itself over starts and over halves of the neurons; 1 where there is one component.

    Args:
        points: Rows of a cloud.
        number: Number of components.
        shape: Shape of their covariances, one of `SHAPES`.
        seeds: Number of starts, and of splits.
        seed: Root of the draws.
    """
    if number == 1:
        return Stability(1.0, 1.0)
    whole = [fit_mixture(points, number, shape, seed, f"start {start}").predict(points) for start in range(seeds)]
    apart = [adjusted_rand_score(whole[one], whole[other]) for one in range(seeds) for other in range(one)]
    halves = []
    for split in range(seeds):
        first = rng_for(seed, "halves", split).permutation(len(points)) < len(points) // 2
        one, other = (fit_mixture(points[half], number, shape, seed, f"half {split}").predict(points) for half in (first, ~first))
        halves.append(adjusted_rand_score(one, other))
    return Stability(float(np.mean(apart)), float(np.mean(halves)))


def parts_of(
    points: Float[np.ndarray, "neurons features"], choice: MixtureChoice, seed: int
) -> tuple[Int[np.ndarray, " neurons"], Float[np.ndarray, " neurons"]]:
    """Component of each neuron and its probability, by the chosen mixture of all neurons.

    Args:
        points: Rows of a cloud.
        choice: Number and shape of the components.
        seed: Root of the draws.
    """
    probability = fit_mixture(points, choice.n_components, choice.shape, seed, "start 0", starts=3).predict_proba(points)
    return probability.argmax(1).astype(np.int64), probability.max(1)
