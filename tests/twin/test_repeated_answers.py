"""Claims: repeats of a picture are answered once, and told as every trial alone would be; what animals did meanwhile keeps trials apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.sources.formats import Recording, Trial
from graphtwin.twin.data import Clips, joined_clips
from graphtwin.twin.data.averages import with_showings
from graphtwin.twin.data.clips import ClipConfig
from graphtwin.twin.data.scales import measure
from graphtwin.twin.model import AnimalStart, Twin, TwinConfig
from graphtwin.twin.scores.prediction import numbers_of, shown

UNITS, PICTURES, REPEATS = 4, 3, 5


def repeated(behaves: bool) -> Clips:
    """Pictures that are shown several times, in an order of their own; behaviour differs from trial to trial, or is always the same."""
    rng = np.random.default_rng(0)
    order = rng.permutation(np.repeat(np.arange(PICTURES), REPEATS))
    album = rng.standard_normal((PICTURES, 1, 24, 24)).astype(np.float32)
    counts = rng.poisson(2.0, (len(order), 1, UNITS)).astype(np.float32)
    moves = rng.standard_normal((len(order) if behaves else 1, 1, 2)).astype(np.float32).repeat(1 if behaves else len(order), axis=0)
    trials = pd.DataFrame({"trial": np.arange(len(order)), "tier": "test", "stimulus": order.astype(str), "kind": "picture"})
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS), "x_um": 0.0, "y_um": 0.0, "z_um": 0.0})
    still = np.zeros((1, 2), dtype=np.float32)
    trials = trials.assign(n_frames=1, has_responses=True)
    recording = Recording("still", np.nan, units, trials, ("a", "b"), lambda at: Trial(album[order[at]], counts[at], moves[at], still))
    recording, rows = with_showings(recording), np.arange(len(order))
    return Clips(recording, rows, measure(recording, rows), ClipConfig())


def twin_that_moves() -> Twin:
    """An untrained twin whose gain follows behaviour."""
    torch.manual_seed(0)
    twin = Twin(TwinConfig(bf16=False), {"still": AnimalStart(np.zeros((UNITS, 2)), np.ones(UNITS), 2)}).eval()
    torch.nn.init.normal_(twin.animal("still").gain)
    return twin


@pytest.mark.parametrize("behaves", [False, True])
def test_answers_to_repeats_are_those_of_every_trial_alone(behaves: bool):
    clips, twin = repeated(behaves), twin_that_moves()
    windows = [clips.read(int(row)) for row in clips.rows]
    answered: list[int] = []
    handle = twin.core.register_forward_pre_hook(lambda _, given: answered.append(len(given[0])))
    together = numbers_of(twin, "still", joined_clips(windows))
    handle.remove()
    assert answered == [PICTURES * REPEATS if behaves else PICTURES]
    alone = torch.cat([numbers_of(twin, "still", window) for window in windows])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_every_repeat_keeps_the_responses_that_were_recorded():
    clips = repeated(behaves=False)
    found = list(shown([twin_that_moves()], clips))
    for stimulus, rows in zip(found, clips.repeats().values(), strict=True):
        alone = next(shown([twin_that_moves()], replace(clips, rows=rows)))
        np.testing.assert_array_equal(stimulus.responses, alone.responses)
        recorded = np.stack([clips.recording.open_trial(int(row)).responses for row in rows])
        np.testing.assert_allclose(stimulus.responses, recorded / clips.scales.responses.astype(np.float32), rtol=1e-6)
