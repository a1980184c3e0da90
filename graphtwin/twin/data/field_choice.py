"""Whether light tells more of where a unit sees than energies do, by trials that its field was not found from.

Energies are blind to a cell that is linear in the light, for it answers to bright and to dark with opposite signs. Channels of light that
a unit does not need cost a little of what places its field, so that each unit has them only where they predict later trials better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from graphtwin.twin.data.field_evidence import FieldEvidence, Prior

ALONE_Z = 1.9545  # standard errors that the larger of two correlations of a unit without a field exceeds in 5 % of units, or fewer
GAIN_Z = 1.0  # standard errors by which light must add to a correlation; at 0 the fields of complex cells lie a tenth further off


class FieldGuess:
    """Place and weights that some channels find for each unit, and how well these predict samples that come later."""

    def __init__(self, evidence: FieldEvidence, prior: Prior, scale: Float[np.ndarray, "places all_channels"], count: int) -> None:
        """What samples tell so far.

        Args:
            evidence: Correlations of the first channels with units.
            prior: Weights that units are expected to have.
            scale: Deviation of each channel at each place.
            count: Number of samples.
        """
        self.n_channels = evidence.among.shape[1]
        self.place, weights = evidence.likeliest(prior)
        self.weights = weights / scale[self.place, : self.n_channels]
        self.independent = prior.samples / max(count, 1)
        self.sums = np.zeros((6, len(self.place)))

    def add(self, channels: Float[np.ndarray, "samples channels rows columns"], responses: Float[np.ndarray, "samples units"]) -> None:
        """Compare with samples that the guess was not made of; NaN where a unit was not held."""
        used = channels[:, : self.n_channels]
        drive = np.einsum("scu,uc->su", used.reshape(*used.shape[:2], -1)[:, :, self.place], self.weights)
        held = np.isfinite(responses)
        drive, answer = np.where(held, drive, 0.0).astype(np.float64), np.where(held, responses, 0.0).astype(np.float64)
        self.sums += [held.sum(0), drive.sum(0), answer.sum(0), (drive**2).sum(0), (answer**2).sum(0), (drive * answer).sum(0)]

    def correlation(self) -> Float[np.ndarray, " units"]:
        """Correlation of prediction and response in the later samples; 0 where either never changes."""
        drive, answer, drives, answers, both = self.sums[1:] / np.maximum(self.sums[0], 1)
        deviations = np.sqrt(np.maximum(drives - drive**2, 0.0)) * np.sqrt(np.maximum(answers - answer**2, 0.0))
        return np.divide(both - drive * answer, deviations, out=np.zeros(len(drive)), where=deviations > 1e-6 * np.sqrt(drives * answers))

    def standard_error(self) -> Float[np.ndarray, " units"]:
        """That of the correlation of a unit without a field."""
        return 1 / np.sqrt(np.maximum(self.sums[0] * self.independent, 1.0))


@dataclass(frozen=True)
class FieldChoice:
    """What the field of each unit is told by.

    Attributes:
        with_light: Whether light tells it beside energies.
        correlation: Correlation of the prediction with trials that were held back; its channels were chosen by the same trials.
        has_field: Whether that is more than 5 % of units without a field would have.
    """

    with_light: Bool[np.ndarray, " units"]
    correlation: Float[np.ndarray, " units"]
    has_field: Bool[np.ndarray, " units"]


def choose(energies: FieldGuess, both: FieldGuess) -> FieldChoice:
    """Light beside energies for the units whose later samples it predicts better by a standard error.

    Args:
        energies: Guess by energies alone.
        both: Guess by energies and light.
    """
    alone, together = energies.correlation(), both.correlation()
    with_light = together - alone > GAIN_Z * both.standard_error()
    correlation = np.where(with_light, together, alone)
    error = np.where(with_light, both.standard_error(), energies.standard_error())
    return FieldChoice(with_light, correlation, correlation > ALONE_Z * error)
