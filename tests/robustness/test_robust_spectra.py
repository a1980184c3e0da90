"""Frequencies that are used: noise of a band lies in the band, and a classifier of one frequency is found to use it."""

from __future__ import annotations

import numpy as np
import torch

from graphtwin.robustness import Classifier, frequencies_used
from graphtwin.robustness.spectra import band_noise, band_of


class OneWave(Classifier):
    """Two classes, told by how much of one wave there is."""

    def __init__(self, cycles: int) -> None:
        super().__init__((16, 16), 2, 2)
        self.wave = torch.nn.Parameter(torch.cos(2 * torch.pi * cycles * torch.arange(16) / 16)[None].repeat(16, 1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        sum_ = ((pictures - 0.5) * self.wave).sum((1, 2))
        return torch.stack([-sum_, sum_], 1)


def test_bands_hold_every_frequency_up_to_two_pixels_a_cycle_once():
    band, edges = band_of((16, 24))
    assert edges[0] == 0
    assert edges[-1] == 8
    frequency = np.hypot((np.fft.fftfreq(16) * 16)[:, None], (np.fft.fftfreq(24) * 16)[None])
    assert ((band >= 0) == (frequency <= 8)).all()
    inside = band >= 0
    assert (frequency[inside] <= edges[band[inside] + 1] + 1e-9).all()


def test_noise_of_a_band_has_its_size_and_no_other_frequency():
    band, _ = band_of((16, 16))
    noise = band_noise((5, 16, 16), band, 2, 0.1, 0)
    np.testing.assert_allclose(np.sqrt(np.square(noise).mean((1, 2))), 0.1, rtol=1e-5)
    power = np.square(np.abs(np.fft.fft2(noise)))
    assert power[:, band != 2].sum() < 1e-8 * power.sum()


def test_a_classifier_of_one_frequency_uses_its_band():
    rng, model = np.random.default_rng(0), OneWave(4).eval()
    pictures = (0.5 + 0.1 * rng.standard_normal((200, 16, 16))).clip(0, 1).astype(np.float32)
    label = model(torch.from_numpy(pictures)).argmax(1).numpy()
    found = frequencies_used(model, pictures, label, 0.2, 0)
    own = (found["low"] < 4) & (found["high"] >= 4)
    assert found.loc[own, "gradient_share"].item() > 0.99
    assert found.loc[own, "accuracy"].item() < 0.85
    assert found.loc[~own, "accuracy"].min() > 0.9
