"""One scale for all families of response distributions: the probability of the bin that a response falls in.

Likelihoods of counts, of densities and of densities with a spike are in different measures, so that their bits say nothing of each other.
An intercept of the same family does not mend that: what a poor family gains above its own intercept, the better one's intercept already
knew. Bins do. Each family gives every bin a probability, these sum to 1, and the family that gives more to the bins that occur is nearer
to the responses (the logarithmic score is proper: Gneiting & Raftery 2007, doi:10.1198/016214506000001437). Bins are quantiles of a unit's
training responses with all that lies in the spike in one of them, so that neither the units of responses nor the spike's width decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from graphtwin.twin.model import SPIKE, ResponseFamily

BINS = 50  # bins of a unit at most: each has two in a hundred of a unit's training responses, that of the spike as many as lie there
LEAST = 1e-12  # least that the probability of a bin counts for


@dataclass(frozen=True)
class ResponseBins:
    """The bins of each unit, and what one who knows the unit alone expects of them.

    Attributes:
        ends: Upper ends of the bins, which they include, the last bin's left out; infinite after the last of a unit that has fewer bins
            than others.
        log_share: Log of the share of training responses in each bin, half a response added to each.
    """

    ends: Float[torch.Tensor, "units ends"]
    log_share: Float[torch.Tensor, "units bins"]

    def gain(
        self,
        family: ResponseFamily,
        numbers: Float[torch.Tensor, "*frames units outputs"],
        shape: Float[torch.Tensor, "units shapes"],
        y: Float[torch.Tensor, "*frames units"],
    ) -> Float[torch.Tensor, "*frames units"]:
        """Log of the probability of each response's bin less the log of that bin's share of training responses, nats.

        Args:
            family: Family of the distribution.
            numbers: Numbers of the distribution that the model gives a frame.
            shape: Constants of the units.
            y: Responses.
        """
        bins = _bin_of(self.ends, y)
        places = torch.arange(len(self.ends))
        nowhere = torch.full((len(self.ends), 1), torch.inf)
        edges = torch.cat([-nowhere, self.ends, nowhere], dim=1)
        low, high = (_below(family, numbers, shape, edges[places, at]) for at in (bins, bins + 1))
        return (high - low).clamp(min=LEAST).log() - self.log_share[places, bins]


def response_bins(responses: Float[torch.Tensor, "frames units"], most: int = BINS, signed: bool = False) -> ResponseBins:
    """Bins of each unit with equally many responses, but where more are equal or in the spike.

    Args:
        responses: Responses of training frames; NaN where a unit was not held.
        most: Bins of a unit at most.
        signed: Whether responses are signed: there is no spike at their zero then.
    """
    y, held = responses.numpy(), responses.isfinite().numpy()
    shares = np.arange(1, most) / most
    if held.all():
        quantiles = np.quantile(y, shares, axis=0, method="inverted_cdf").T
    else:
        known = (of[there] if there.any() else np.zeros(1) for of, there in zip(y.T, held.T, strict=True))
        quantiles = np.stack([np.quantile(of, shares, method="inverted_cdf") for of in known])
    quantiles = quantiles if signed else np.where((quantiles >= 0) & (quantiles < SPIKE), SPIKE, quantiles)
    ends = np.full(quantiles.shape, np.inf)
    for unit, values in enumerate(quantiles):
        own = np.unique(values)
        ends[unit, : len(own)] = own
    bins = _bin_of(torch.from_numpy(ends), responses)
    counted = zip(bins.T, torch.from_numpy(held).T, strict=True)
    counts = torch.stack([torch.bincount(of[there], minlength=most) for of, there in counted]) + 0.5
    exist = torch.cat([torch.ones(len(ends), 1), torch.from_numpy(np.isfinite(ends)).double()], dim=1)
    counts = counts * exist
    return ResponseBins(torch.from_numpy(ends), (counts / counts.sum(1, keepdim=True)).log())


def _bin_of(ends: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Number of each response's bin."""
    flat = y.reshape(-1, len(ends)).double()
    return torch.searchsorted(ends, flat.T.contiguous()).T.reshape(y.shape)


def _below(family: ResponseFamily, numbers: torch.Tensor, shape: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
    """P(response <= edge), at infinite edges as well."""
    finite = torch.where(torch.isfinite(edge), edge, 0.0)
    return torch.where(torch.isfinite(edge), family.distribution(numbers, shape, finite), (edge > 0).double())
