"""Units that adapt by a planted share, with a planted time constant, and pools of channels that adapt, are measured as they were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.insilico import tune_units
from graphtwin.insilico.measurements import AdaptationConfig, AdapterConfig, measure_adaptation, measure_adapted_tuning
from graphtwin.insilico.responders import TorchResponder
from tests.insilico.known_responders import GREY, MONITOR, RATE, SIZE, gabor, unit_table

QUICK = AdaptationConfig(directions=4, phases=2)


def energies(clips: torch.Tensor, degrees: np.ndarray) -> torch.Tensor:
    """Root of the energy of wide Gabors along some orientations: the same for a grating at every phase."""
    pairs = np.stack([[gabor(0, 0, degree, sigma=25.0, phase=phase) for phase in (0, np.pi / 2)] for degree in degrees])
    weights = torch.as_tensor(pairs.reshape(len(degrees), 2, -1), dtype=torch.float32)
    return torch.einsum("cfp,uqp->cfuq", (clips - GREY[0]).flatten(2) / GREY[1], weights).square().sum(-1).sqrt()


def past(drive: torch.Tensor, tau_s: torch.Tensor | float) -> torch.Tensor:
    """Running means of the drive before each frame, which forget with a time constant."""
    keep = torch.exp(-1.0 / (RATE * torch.as_tensor(tau_s)))
    mean, found = torch.zeros_like(drive[:, 0]), []
    for frame in drive.unbind(1):
        found.append(mean)
        mean = keep * mean + (1 - keep) * frame
    return torch.stack(found, 1)


def adapting(shares: list[float], taus: list[float], base: float = 2.0) -> TorchResponder:
    """Units of one orientation, d - share x running mean of d; to a grating d that stays, d (1 - share (1 - exp(-t / tau)))."""

    def module(clips: torch.Tensor, *state: torch.Tensor) -> torch.Tensor:
        drive = energies(clips, np.zeros(1)).expand(-1, -1, len(shares))
        less = torch.tensor(shares) * past(drive, torch.tensor(taus))
        return base + drive - (less if not state else less * (1 + state[0][..., :1]))

    facts = {"units": unit_table(len(shares)), "frame_rate_hz": RATE, "size": SIZE, "grey": GREY, "monitor": MONITOR}
    return TorchResponder(name="adapting", module=module, **facts)


def test_a_planted_share_and_time_constant_are_found_by_their_closed_form():
    shares, taus = [0.6, 0.6, 0.3, 0.8, -0.5], [0.15, 0.6, 0.3, 1.0, 0.4]
    found = measure_adaptation(adapting(shares, taus), QUICK)
    np.testing.assert_allclose(found["adaptation_tau_s"], taus, rtol=0.03)
    t = np.arange(90) / RATE
    for unit, (share, tau) in enumerate(zip(shares, taus, strict=True)):
        course = 1 - share * (1 - np.exp(-t / tau))
        peak = course[:15].argmax()
        early, late = course[peak : peak + 15].mean(), course[-15:].mean()
        assert found["adaptation_index"][unit] == pytest.approx((early - late) / (early + late), abs=0.01)
    assert (found["adaptation_r2"][:4] > 0.99).all()


def test_flashes_recover_in_the_gap_as_the_running_mean_forgets():
    share, tau = 0.6, 0.3
    found = measure_adaptation(adapting([share], [tau]), QUICK).iloc[0]
    keep, mean, answers = np.exp(-1 / (RATE * tau)), 0.0, []
    for frame in range(4 * 16):
        shown = float(frame % 16 < 8)  # flashes and gaps of a quarter of a second
        answers.append(shown - share * mean)
        mean = keep * mean + (1 - keep) * shown
    each = np.reshape(answers, (4, 16)).mean(1)
    assert found["repetition_ratio"] == pytest.approx(each[1] / each[0], abs=0.02)
    assert found["repetition_index"] == pytest.approx((each[0] - each[3]) / (each[0] + each[3]), abs=0.02)


def test_a_unit_that_does_not_adapt_one_too_slow_and_one_that_no_grating_drives_have_no_time_constant(caplog):
    of = adapting([0.0, 0.9, 0.5], [0.3, 60.0, 0.3])
    units = replace(of, module=lambda clips: of.module(clips) * torch.tensor([1.0, 1.0, 0.0]))
    found = measure_adaptation(units, QUICK)
    assert found["adaptation_tau_s"].isna().all()
    assert found["adaptation_index"][0] == pytest.approx(0.0, abs=1e-3)
    assert found["repetition_ratio"][0] == pytest.approx(1.0, abs=0.01)
    assert found.iloc[2].isna().all()
    assert "3 of 3 units have no time constant of adaptation: 1 are not driven; of the others" in caplog.text
    assert "0.0333 to 1.5 s" in caplog.text


def test_answers_that_follow_the_bars_of_a_grating_do_not_adapt():
    """A simple cell answers each cycle; its mean over phases stays."""
    weights = torch.as_tensor(gabor(0, 0, 0, sigma=25.0).ravel(), dtype=torch.float32)
    facts = {"units": unit_table(1), "frame_rate_hz": RATE, "size": SIZE, "grey": GREY, "monitor": MONITOR}
    simple = TorchResponder(name="simple", module=lambda clips: torch.relu((clips - GREY[0]).flatten(2) @ weights)[..., None], **facts)
    found = measure_adaptation(simple, QUICK.model_copy(update={"phases": 8})).iloc[0]
    assert abs(found["adaptation_index"]) < 0.02


def test_tuning_tells_adaptation_and_how_a_state_changes_it():
    state = replace(adapting([0.3], [0.3]), state_names=("running",), rest=(0.0,))
    table = tune_units(state, ("adaptation",), state={"running": 1.0})
    twice = measure_adaptation(adapting([0.6], [0.3]))
    assert table["adaptation_index_change"][0] == pytest.approx(twice["adaptation_index"][0] - table["adaptation_index"][0], abs=1e-3)
    with pytest.raises(ValueError, match="adapting: single pictures do not last, and nothing adapts"):
        measure_adaptation(replace(adapting([0.3], [0.3]), frame_rate_hz=np.nan))


def pools(pooled: bool, share: float = 0.6) -> TorchResponder:
    """Units of 6 orientations; they adapt as a whole, or by their inputs, channels of all orientations of which each adapts by itself."""
    preferred, channels = np.arange(6) * 30.0 + 4.0, np.arange(18) * 10.0
    near = np.exp(2.0 * (np.cos(2 * np.radians(channels - preferred[:, None])) - 1))

    def module(clips: torch.Tensor) -> torch.Tensor:
        drive = energies(clips, channels)
        weights = torch.as_tensor(near / near.sum(1, keepdims=True), dtype=torch.float32)
        if pooled:
            return torch.relu(drive - share * past(drive, 1.0)) @ weights.T
        whole = drive @ weights.T
        return whole / (1 + share * past(whole, 1.0) / 10)

    facts = {"units": unit_table(6), "frame_rate_hz": RATE, "size": SIZE, "grey": GREY, "monitor": MONITOR}
    return TorchResponder(name="pools", module=module, **facts)


def test_channels_that_adapt_push_the_preferred_orientation_away_and_a_unit_that_adapts_as_a_whole_stays():
    config = AdapterConfig(adapter_s=1.0, adapters=6)
    found, whole = (measure_adapted_tuning(pools(pooled), config) for pooled in (True, False))
    assert (found["adapter_shift_deg"] > 1.5).all(), found
    assert whole["adapter_shift_deg"].abs().max() < 0.5, whole
    assert (found["adapter_suppression"] > 0.1).all()
    assert (found["adapter_suppression"] > found["flank_suppression"]).all()
    blind = replace(pools(True), module=lambda clips: torch.zeros(*clips.shape[:2], 6))
    assert measure_adapted_tuning(blind, config).isna().all(axis=None)
