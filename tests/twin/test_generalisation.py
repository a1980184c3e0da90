from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.scores.generalisation import median_of, score_kinds, stimuli_of
from graphtwin.twin.scores.unit_scores import Shown, gather_sums
from tests.twin.planted_recording import plant

UNITS = 60


def shown(rng: np.random.Generator, error: float, repeats: int = 8, frames: int = 200, quiet: int = 0) -> Shown:
    """A signal with noise as large as itself, predictions that miss by `error`, and some units without any signal."""
    signal = rng.standard_normal((1, frames, UNITS))
    signal[..., :quiet] = 0
    responses = signal + rng.standard_normal((repeats, frames, UNITS))
    predictions = np.repeat(signal + error * rng.standard_normal(signal.shape), repeats, axis=0)
    gain = np.full(responses.shape, np.log(2))
    return Shown(responses.astype(np.float32), predictions.astype(np.float32), gain.astype(np.float32), gain.astype(np.float32))


def kinds(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"stimulus": [f"s{at}" for at in range(len(names))], "kind": names, "tier": "oracle", "n_repeats": 8})


def test_each_kind_has_its_own_median_and_both_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    sums = gather_sums([shown(rng, error) for error in (0.0, 1.0) for _ in range(6)], 0)
    table = score_kinds(sums, kinds(*["movie"] * 6, *["noise"] * 6), frozenset(["movie"]))
    norm = table[table["score"] == "cc_norm"].set_index("kind")
    assert norm.loc["movie", "trained_on"]
    assert not norm.loc["noise", "trained_on"]
    for kind, truth in (("movie", 1.0), ("noise", np.sqrt(0.5))):
        row = norm.loc[kind]
        assert row["median"] == pytest.approx(truth, abs=0.03)
        assert row["units_low"] <= row["median"] <= row["units_high"]
        assert row["stimuli_low"] - 0.02 <= truth <= row["stimuli_high"] + 0.02
    bits = table[table["score"] == "bits_per_response"]
    assert bits["median"].tolist() == pytest.approx([1.0, 1.0], rel=1e-6)
    assert (table["n_stimuli"] == 6).all()


def test_units_that_a_kind_does_not_drive_are_left_out_of_its_medians_where_asked():
    rng = np.random.default_rng(1)
    sums = gather_sums([shown(rng, 0.5, quiet=20) for _ in range(4)], 0)
    counts = score_kinds(sums, kinds(*["movie"] * 4), least_ceiling=0.5).set_index("score")["n_units"]
    assert counts["cc_abs"] == UNITS - 20


def test_one_stimulus_has_no_interval_over_stimuli():
    table = score_kinds(gather_sums([shown(np.random.default_rng(2), 0.5)], 0), kinds("movie"))
    assert table[["stimuli_low", "stimuli_high"]].isna().all(axis=None)
    assert table["units_low"].notna().all()


def test_the_median_of_nobody_is_unknown():
    assert all(np.isnan(value) for value in median_of(np.array([])).values())


def test_stimuli_come_in_the_order_of_their_sums_with_kind_and_repeats():
    recording = plant(units=5, train=4, test=3, repeats=4).recording
    changed = recording.trials["stimulus"] == "clip 5"
    recording.trials.loc[changed, "kind"] = "noise"
    test = held_out_clips(clips_of(recording)[0], ["test"])
    table = stimuli_of(test)
    assert table["stimulus"].tolist() == list(test.repeats())
    assert table["kind"].tolist() == ["movie", "noise", "movie"]
    assert (table["n_repeats"] == 4).all()
