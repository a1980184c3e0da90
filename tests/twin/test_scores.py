from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.twin.scores.unit_scores import SCORES, Shown, all_scores, gather_sums, score_units

UNITS = 6


def stimuli(rng: np.random.Generator, repeats: list[int], frames: int = 400, noise: float = 1.0, error: float = 0.0) -> list[Shown]:
    """A signal of unit variance, noisy responses, and predictions that miss by `error`."""
    out = []
    for count in repeats:
        signal = rng.standard_normal((1, frames, UNITS))
        responses = signal + noise * rng.standard_normal((count, frames, UNITS))
        predictions = np.repeat(signal + error * rng.standard_normal(signal.shape), count, axis=0)
        out.append(Shown(responses.astype(np.float32), predictions.astype(np.float32)))
    return out


def scores_of(shown: list[Shown], left_out: int = 0) -> dict[str, np.ndarray]:
    return all_scores(gather_sums(shown, left_out), np.ones(len(shown)))


def test_the_true_signal_reaches_the_ceiling_whatever_the_noise():
    rng = np.random.default_rng(0)
    for noise in (0.3, 1.0, 2.0):
        found = scores_of(stimuli(rng, [10] * 8, noise=noise))
        assert found["cc_norm"] == pytest.approx(np.ones(UNITS), abs=0.04)
        assert found["cc_max"] == pytest.approx(np.full(UNITS, 1 / np.sqrt(1 + noise**2 / 10)), abs=0.02)
        assert found["single_trial_correlation"] == pytest.approx(np.full(UNITS, 1 / np.sqrt(1 + noise**2)), abs=0.03)


def test_a_prediction_that_misses_by_as_much_as_it_knows_has_a_cc_norm_of_root_half():
    found = scores_of(stimuli(np.random.default_rng(1), [10] * 8, error=1.0))
    assert found["cc_norm"] == pytest.approx(np.full(UNITS, np.sqrt(0.5)), abs=0.04)


def test_feve_of_the_truth_is_one_and_of_the_mean_is_zero():
    rng = np.random.default_rng(2)
    assert scores_of(stimuli(rng, [10] * 8))["feve"] == pytest.approx(np.ones(UNITS), abs=0.03)
    flat = [Shown(one.responses, np.zeros_like(one.predictions)) for one in stimuli(rng, [10] * 8)]
    assert scores_of(flat)["feve"] == pytest.approx(np.zeros(UNITS), abs=0.03)
    assert scores_of(stimuli(rng, [10] * 8, error=0.5))["feve"] == pytest.approx(np.full(UNITS, 0.75), abs=0.04)


@pytest.mark.parametrize("repeats", [(10, 2), (2, 10), (3, 30)])
def test_feve_of_the_truth_is_one_where_stimuli_differ_in_repeats_and_in_noise(repeats):
    rng = np.random.default_rng(12)
    shown = [one for noise, count in zip((0.5, 1.5), repeats, strict=True) for one in stimuli(rng, [count] * 20, noise=noise)]
    assert scores_of(shown)["feve"] == pytest.approx(np.ones(UNITS), abs=0.05)


def test_stimuli_shown_once_tell_no_noise_and_have_no_part_in_feve():
    rng = np.random.default_rng(13)
    repeated, once = stimuli(rng, [10] * 8, error=0.5), stimuli(rng, [1] * 8, noise=3.0)
    np.testing.assert_allclose(scores_of([*repeated, *once])["feve"], scores_of(repeated)["feve"], rtol=1e-6)


def test_cc_max_with_equal_repeats_is_the_published_formula():
    shown = stimuli(np.random.default_rng(3), [7, 7, 7])
    y = np.concatenate([one.responses for one in shown], axis=1).astype(np.float64)
    power, total = y.mean(0).var(0, ddof=1), y.var(1, ddof=1).mean(0)
    expected = np.sqrt((7 * power - total) / 6 / y.mean(0).var(0))
    assert scores_of(shown)["cc_max"] == pytest.approx(expected, rel=1e-6)


def test_cc_max_with_unequal_repeats_counts_samples_as_published():
    shown = stimuli(np.random.default_rng(4), [2, 5, 20])
    padded = np.full((20, 1200, UNITS), np.nan)
    for at, one in enumerate(shown):
        padded[: len(one.responses), 400 * at : 400 * (at + 1)] = one.responses
    t = np.isfinite(padded[..., 0]).sum(0)
    n = np.sqrt((t.sum() - len(t)) / ((t - 1) / t**2).sum())
    mean, total = np.nanmean(padded, 0), np.nanvar(padded, 1, ddof=1).mean(0)
    expected = np.sqrt((n * mean.var(0, ddof=1) - total) / (n - 1) / mean.var(0))
    assert scores_of(shown)["cc_max"] == pytest.approx(expected, rel=1e-6)


def test_repeats_that_differ_by_one_leave_the_ceiling_where_it_is():
    found = scores_of(stimuli(np.random.default_rng(4), [9, 10, 11] * 6))
    assert found["cc_max"] == pytest.approx(np.full(UNITS, 1 / np.sqrt(1 + 1 / 10)), abs=0.02)


def test_correlations_are_those_of_numpy():
    shown = stimuli(np.random.default_rng(5), [3, 4], error=0.5)
    y, p = (
        np.concatenate([values.reshape(-1, UNITS) for values in part])
        for part in zip(*((s.responses, s.predictions) for s in shown), strict=True)
    )
    found = scores_of(shown)
    assert found["single_trial_correlation"] == pytest.approx([np.corrcoef(y[:, n], p[:, n])[0, 1] for n in range(UNITS)], abs=1e-6)
    y, p = (
        np.concatenate([values.mean(0) for values in part]) for part in zip(*((s.responses, s.predictions) for s in shown), strict=True)
    )
    assert found["cc_abs"] == pytest.approx([np.corrcoef(y[:, n], p[:, n])[0, 1] for n in range(UNITS)], abs=1e-6)


def test_the_first_frames_do_not_count():
    shown = stimuli(np.random.default_rng(6), [3, 3], frames=120)
    spoiled = [Shown(one.responses, one.predictions.copy()) for one in shown]
    for one in spoiled:
        one.predictions[:, :50] = 1e3
    assert scores_of(spoiled, 50)["cc_abs"] == pytest.approx(scores_of(shown, 50)["cc_abs"])


def test_without_repeats_there_is_no_ceiling_and_no_feve():
    found = scores_of(stimuli(np.random.default_rng(7), [1, 1]))
    assert all(np.isnan(found[name]).all() for name in ("cc_max", "cc_norm", "feve"))
    assert np.isfinite(found["single_trial_correlation"]).all()


def test_one_picture_has_no_ceiling_however_often_it_is_shown():
    found = scores_of(stimuli(np.random.default_rng(14), [5], frames=1))
    assert np.isnan(found["cc_max"]).all()


def test_a_silent_unit_has_no_score_and_spoils_none():
    shown = stimuli(np.random.default_rng(8), [4, 4])
    for one in shown:
        one.responses[..., 0] = 0
    table = score_units(gather_sums(shown, 0), keys(), replicates=20)
    assert table[list(SCORES)].iloc[0].isna().all()
    assert table[list(SCORES[:-2])].iloc[1:].notna().all(axis=None)  # nobody asked for bits


def test_nearly_all_noise_has_no_feve():
    assert np.isnan(scores_of(stimuli(np.random.default_rng(9), [10] * 4, noise=5.0))["feve"]).all()


def test_intervals_hold_the_true_ceiling_about_as_often_as_they_say():
    held = []
    for seed in range(15):
        shown = stimuli(np.random.default_rng([10, seed]), [6] * 12, frames=60)
        table = score_units(gather_sums(shown, 0), keys(), seed=seed, replicates=60)
        truth = 1 / np.sqrt(1 + 1 / 6)
        held.append((table["cc_max_low"] <= truth) & (truth <= table["cc_max_high"]))
    assert np.mean(held) > 0.85  # 95 % intervals of twelve stimuli are a little narrow


def test_clips_that_are_too_short_are_refused():
    with pytest.raises(
        ValueError, match=r"a clip has 40 frames, of which the first 50 are left out\. Leave fewer out, or leave the clip out"
    ):
        gather_sums(stimuli(np.random.default_rng(0), [2], frames=40), 50)
    with pytest.raises(ValueError, match="no stimulus"):
        gather_sums([])


def keys() -> pd.DataFrame:
    return pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS)})
