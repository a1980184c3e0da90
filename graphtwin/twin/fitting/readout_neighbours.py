"""What a unit's neighbours in cortex say of its readout: as much as readouts are found to be a map, and nothing where they are none.

The deviation w of a readout from the mean m of all is taken to be a part g that is alike in neighbours and a part of the unit's own, of
covariances r S and (1 - r) S: S is that of all readouts, r the share of tuning that is a map. A neighbour v, of whose readout its responses
say P_v and b_v (precision and pull), says of g

    Q_v = (P_v^-1 + (1 - r) S)^-1,   h_v = (I + (1 - r) P_v S)^-1 (b_v - P_v m),

counted k = exp(-d^2 / 2 l^2) times at a distance d, as in local likelihood (Tibshirani & Hastie 1987, doi:10.2307/2289465). Then g has
precision G = (r S)^-1 + sum k Q_v and mean G^-1 sum k h_v, and w the same mean and the covariance V = G^-1 + (1 - r) S. What that adds to
the prior, V^-1 - S^-1, is as good as more responses of the unit's own.

Share r and length l are those under which responses of units are likeliest given those of their neighbours. That must be so by more than
chance against the same units with their places dealt anew: whatever units have in common all over the area, the mean or the spread of their
readouts, is no map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from graphtwin.execute import rng_for
from graphtwin.twin.fitting.readout_mixture import Mixture, Precision, Pull, log_evidence

SHARES = (0.1, 0.25, 0.5, 0.75)  # shares of tuning that may be a map
NEIGHBOURS = (6, 16, 40)  # units whose distance is the length, one after the other
MOST = 64  # neighbours that are asked, at most: time and memory grow with them
ASKED = 400  # units, at most, whose responses choose share and length
SURE = 3.0  # standard errors, over units, by which neighbours must make responses likelier than units dealt anew
FEWEST = 30  # units of whom neighbours are asked


@dataclass(frozen=True)
class Neighbours:
    """How much neighbours say, and from how far.

    Attributes:
        share: Share of the variance of readouts that is a map; 0 asks nobody.
        length: Distance at which a neighbour counts exp(-1/2), in the unit of the places.
        gained: Nats a unit by which this makes responses likelier.
    """

    share: float
    length: float
    gained: float

    def said(self) -> str:
        """What was found, in words."""
        if not self.share:
            return "neighbours in cortex tell nothing of readouts"
        return (
            f"{100 * self.share:.0f} % of readouts is a map over cortex ({self.gained:.2f} nats a unit, neighbours {self.length:.4g} away)"
        )


@dataclass(frozen=True)
class Expected:
    """Mean and covariance of all readouts."""

    mean: Float[torch.Tensor, " entries"]
    covariance: Float[torch.Tensor, "entries entries"]


@dataclass(frozen=True)
class Told:
    """What units say of the part that is alike in neighbours, under one share of it."""

    share: float
    precision: Precision
    pull: Pull


def of_neighbours(
    precision: Precision, pull: Pull, mixture: Mixture, places: Float[np.ndarray, "units xy"], known: Neighbours | None = None
) -> tuple[Precision, Pull, Neighbours]:
    """Precision and pull that each unit's readout has from its neighbours, to be added to those of its own responses, and how.

    Time grows with units x (neighbours x entries^2 + entries^3), memory with units x entries^2.

    Args:
        precision: Precision of what each unit's responses say.
        pull: Pull of what they say.
        mixture: Mixture that readouts are draws from, wherever they lie.
        places: Where units lie in cortex, in the plane of its surface.
        known: Share and length; None finds them.
    """
    nobody = torch.zeros_like(precision), torch.zeros_like(pull), Neighbours(0.0, 0.0, 0.0)
    if len(pull) < FEWEST:
        return nobody
    mean = mixture.share @ mixture.mean
    apart = mixture.mean - mean
    covariance = torch.einsum("k,kij->ij", mixture.share, mixture.covariance + apart[:, :, None] * apart[:, None])
    of_all = Expected(mean, covariance)
    known = known or _chosen(precision, pull, mixture, places, of_all)
    if not known.share:
        return nobody
    told = told_of_neighbours(precision, pull, of_all, known.share)
    return *message(told, _kernel(places, np.arange(len(pull)), known.length), of_all), known


def _chosen(precision: Precision, pull: Pull, mixture: Mixture, places: np.ndarray, of_all: Expected) -> Neighbours:
    """Share and length under which the responses of some units are likeliest given all others, if these are no better dealt anew."""
    rng = rng_for(0, "units whose neighbours are asked")
    asked, dealt = np.sort(rng.permutation(len(pull))[:ASKED]), places[rng.permutation(len(pull))]
    own = precision[asked], pull[asked]
    alone = log_evidence(*own, mixture)
    best = Neighbours(0.0, 0.0, 0.0)
    for share in SHARES:
        told = told_of_neighbours(precision, pull, of_all, share)
        for count in NEIGHBOURS:
            length = _distance(places, count)
            both, by_chance = (_given(own, message(told, _kernel(at, asked, length), of_all), mixture) for at in (places, dealt))
            apart = both - by_chance
            if (gained := float((both - alone).mean())) > best.gained and apart.mean() > SURE * apart.std() / len(asked) ** 0.5:
                best = Neighbours(share, length, gained)
    return best


def _given(own: tuple[Precision, Pull], more: tuple[Precision, Pull], mixture: Mixture) -> Float[torch.Tensor, " units"]:
    """Log evidence of units' own responses given what their neighbours say."""
    return log_evidence(own[0] + more[0], own[1] + more[1], mixture) - log_evidence(*more, mixture)


def told_of_neighbours(precision: Precision, pull: Pull, of_all: Expected, share: float) -> Told:
    """What each unit says of the part that is alike in neighbours, a share of the variance."""
    entries = len(of_all.mean)
    mixed = torch.eye(entries, dtype=pull.dtype) + (1 - share) * precision @ of_all.covariance
    from_mean = pull - precision @ of_all.mean
    said = torch.linalg.solve(mixed, torch.cat([precision, from_mean[..., None]], dim=2))
    return Told(share, said[..., :-1], said[..., -1])


def message(told: Told, kernel: torch.Tensor, of_all: Expected) -> tuple[Precision, Pull]:
    """Precision and pull that neighbours add to units.

    Args:
        told: What each unit says.
        kernel: How often each unit's word counts (columns) for the units asked about (rows), sparse.
        of_all: What is expected of all readouts.
    """
    entries = len(of_all.mean)
    inverse = torch.linalg.inv(of_all.covariance)
    alike = inverse / told.share + (kernel @ told.precision.flatten(1)).unflatten(1, (entries, entries))
    spread = torch.linalg.inv((alike + alike.mT) / 2)
    towards = (spread @ (kernel @ told.pull)[..., None])[..., 0]
    held = torch.linalg.inv(spread + (1 - told.share) * of_all.covariance)
    held = (held + held.mT) / 2
    return held - inverse, (held @ (of_all.mean + towards)[..., None])[..., 0] - inverse @ of_all.mean


def _distance(places: np.ndarray, count: int) -> float:
    """Median distance of a unit's neighbour of that number."""
    from scipy.spatial import cKDTree

    apart, _ = cKDTree(places).query(places, k=[min(count, len(places) - 1) + 1])
    return float(np.median(apart))


def _kernel(places: np.ndarray, units: np.ndarray, length: float) -> torch.Tensor:
    """How often each unit's word counts for some units, sparse; their own is left out."""
    from scipy.spatial import cKDTree

    apart, number = cKDTree(places).query(places[units], k=min(MOST + 1, len(places)))
    others = number != units[:, None]
    counts = np.where(others, np.exp(-(apart**2) / (2 * max(length, 1e-9) ** 2)), 0.0)
    rows = np.repeat(np.arange(len(units)), number.shape[1])
    index = torch.from_numpy(np.stack([rows, number.ravel()]))
    return torch.sparse_coo_tensor(index, torch.from_numpy(counts.ravel()), (len(units), len(places)), check_invariants=False).coalesce()
