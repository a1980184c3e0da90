"""What units say together of where each of them looks: a map of receptive fields over cortex, and how far units scatter about it.

A unit looks where the map has its place in cortex, give or take a scatter that is the same for all; some units look anywhere:

    field of unit u = f(x_u) + scatter (1 - e),  anywhere on the screen (e),     f(x) = plane + Gaussian process of one length

Each unit's own evidence is a likelihood over places of the screen with any number of peaks. What it says of f is made Gaussian beside what
all others say of it (expectation propagation: Minka 2001, arXiv:1301.2294). Length, scatter and the share e are those under which each
unit's own evidence is likeliest given all others. If it is not likelier so, by more than chance, than with places dealt anew among the
units, there is no map and every unit is left to itself. The process has few basis functions (Nystroem: Williams & Seeger 2000), so that
time grows with units x (places + functions^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for

LENGTHS = (None, 1.0, 0.4)  # lengths of the process, in SD of cortical position (a square is 3.5 wide); None is a plane alone
SCATTERS = (0.03, 0.045, 0.06, 0.09, 0.12, 0.18, 0.24)  # half videos; fields are told on a grid of .03 x .06
PLANE_SD, PROCESS_SD = 1.0, 0.4  # of the plane's offset and slopes, and of the process, in half videos: the screen ends at 1
FUNCTIONS = 100  # basis functions of the process, at most
PASSES = 6  # of expectation propagation
SURE = 2.0  # standard errors, over units, by which a map must make evidence likelier than units dealt anew
CHOOSING = 2000  # units, at most, that choose length and scatter
FEWEST = 10  # units from which a map is learned
FIRST_ELSEWHERE, LEAST_ELSEWHERE = 0.3, 0.01  # share of units that look anywhere: to begin with, and at least


@dataclass(frozen=True)
class MapPrior:
    """What the other units say of where each unit looks.

    Attributes:
        centre: Where the map has the unit's field, the edges of the video at -1 and 1; made without the unit's own evidence.
        sd: How far fields lie from there, that of the map included.
        elsewhere: Share of units that look anywhere.
        gained: Nats by which this makes the evidence of all units likelier than if each may look anywhere.
    """

    centre: Float[np.ndarray, "units 2"]
    sd: Float[np.ndarray, "units 2"]
    elsewhere: float
    gained: float

    def said(self) -> str:
        """What was found, in words."""
        spread = np.median(self.sd)
        rest = f"but for {100 * self.elsewhere:.0f} % of units ({self.gained:.0f} nats)"
        return f"fields lie {spread:.3f} half videos about a map over cortex, {rest}"

    def log_odds(self, rows: int, columns: int) -> Float[np.ndarray, "units rows columns"]:
        """Log of the density at each place of a grid over that of a field that lies anywhere."""
        across, down = (_within(self.centre[:, axis], self.sd[:, axis], points) for axis, points in ((0, columns), (1, rows)))
        density = rows * columns * down[:, :, None] * across[:, None, :]
        return np.log((1 - self.elsewhere) * density + self.elsewhere)


def fit_map(odds: Float[np.ndarray, "units rows columns"], places: Float[np.ndarray, "units xy"]) -> MapPrior | None:
    """The map under which the units' evidence is likeliest; None of few units, or where no map makes it likelier than chance would.

    Args:
        odds: Log odds of each place of a grid over the video, by each unit's own responses.
        places: Where units lie in cortex, in the plane of its surface.
    """
    if len(places) < FEWEST:
        return None
    likelihood = np.exp(odds - odds.max((1, 2), keepdims=True))
    likelihood /= likelihood.mean((1, 2), keepdims=True)
    at = (places - places.mean(0)) / np.maximum(places.std(0), 1e-9)
    rng = rng_for(0, "places dealt anew")
    chosen = np.sort(rng.permutation(len(at))[:CHOOSING])
    (nats, length, scatter), (by_chance, _, _) = (
        _likeliest(likelihood[chosen], where) for where in (at[chosen], at[rng.permutation(chosen)])
    )
    sure = (nats - by_chance).mean() > SURE * (nats - by_chance).std() / len(nats) ** 0.5
    return _propagated(likelihood, *_basis(at, length), scatter)[0] if sure else None


def _likeliest(
    likelihood: Float[np.ndarray, "units rows columns"], at: Float[np.ndarray, "units 2"]
) -> tuple[Float[np.ndarray, " units"], float | None, float]:
    """The length and scatter under which units' evidence is likeliest, after the nats that each unit's then gains."""
    bases = ((length, _basis(at, length)) for length in LENGTHS)
    found = [(_propagated(likelihood, *basis, scatter)[1], length, scatter) for length, basis in bases for scatter in SCATTERS]
    return max(found, key=lambda one: float(one[0].sum()))


def _basis(at: Float[np.ndarray, "units 2"], length: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Basis functions of the map at each unit, and the precision of each one's weight before any evidence."""
    plane = np.column_stack([np.ones(len(at)), at])
    if length is None:
        return plane, np.full(3, PLANE_SD**-2)
    chosen = at[rng_for(0, "basis of the map of fields").permutation(len(at))[:FUNCTIONS]]
    value, vector = np.linalg.eigh(_near(chosen, chosen, length))
    kept = value > 1e-6 * value.max()
    process = _near(at, chosen, length) @ (vector[:, kept] / np.sqrt(value[kept]))
    return np.hstack([plane, process]), np.concatenate([np.full(3, PLANE_SD**-2), np.full(kept.sum(), PROCESS_SD**-2)])


def _near(one: np.ndarray, other: np.ndarray, length: float) -> np.ndarray:
    return np.exp(-((one[:, None] - other[None]) ** 2).sum(2) / (2 * length**2))


def _propagated(
    likelihood: Float[np.ndarray, "units rows columns"], basis: Float[np.ndarray, "units functions"], held: np.ndarray, scatter: float
) -> tuple[MapPrior, Float[np.ndarray, " units"]]:
    """The map of one length and scatter, and the nats by which it makes each unit's evidence likelier than if it may look anywhere."""
    units, rows, columns = likelihood.shape
    axes = (_middles(columns), _middles(rows))
    weight, told = np.zeros((2, units)), np.zeros((2, units))  # precision and mean of what each unit says of the map
    elsewhere = FIRST_ELSEWHERE
    for step in range(PASSES + 1):
        centre, variance = zip(*(_without_own(basis, held, weight[axis], told[axis]) for axis in (0, 1)), strict=True)
        wide = [part + scatter**2 for part in variance]
        across, down = (_within(centre[axis], np.sqrt(wide[axis]), len(axes[axis])) for axis in (0, 1))
        by_column = np.einsum("urc,ur->uc", likelihood, down) * across
        by_row = np.einsum("urc,uc->ur", likelihood, across) * down
        on_map = by_column.sum(1)
        both = (1 - elsewhere) * on_map + elsewhere
        if step == PASSES:
            break
        belongs = (1 - elsewhere) * on_map / both
        elsewhere = float(np.clip(1 - belongs.mean(), LEAST_ELSEWHERE, 1.0))
        for axis, share in enumerate((by_column, by_row)):
            share = share / np.maximum(on_map, 1e-300)[:, None]
            mean = share @ axes[axis]
            spread = np.maximum(share @ axes[axis] ** 2 - mean**2, 0) + (axes[axis][1] - axes[axis][0]) ** 2 / 12
            own = 1 / spread - 1 / wide[axis]
            says = own > 1e-6
            own = np.where(says, own, 1.0)
            told[axis] = np.where(says, (mean / spread - centre[axis] / wide[axis]) / own, 0.0)
            weight[axis] = np.where(says, belongs / (1 / own + scatter**2), 0.0)
    return MapPrior(np.stack(centre, 1), np.sqrt(np.stack(wide, 1)), elsewhere, float(np.log(both).sum())), np.log(both)


def _without_own(basis: np.ndarray, held: np.ndarray, weight: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the map at each unit by what all others say."""
    covariance = np.linalg.inv(np.diag(held) + basis.T @ (basis * weight[:, None]))
    variance = np.einsum("uf,fg,ug->u", basis, covariance, basis, optimize=True)
    mean = basis @ (covariance @ (basis.T @ (weight * told)))
    others = np.maximum(1 - weight * variance, 1e-3)
    return (mean - weight * variance * told) / others, variance / others


def _middles(points: int) -> np.ndarray:
    return (2 * np.arange(points) + 1) / points - 1


def _within(centre: Float[np.ndarray, " units"], sd: Float[np.ndarray, " units"], points: int) -> Float[np.ndarray, "units points"]:
    """Share of a normal distribution in each of so many intervals from -1 to 1; together 1."""
    from scipy.special import ndtr

    edges = np.linspace(-1, 1, points + 1)
    below = ndtr((edges[None] - centre[:, None]) / sd[:, None])
    share = np.diff(below, axis=1) + 1e-12
    return share / share.sum(1, keepdims=True)
