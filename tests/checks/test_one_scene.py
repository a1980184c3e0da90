"""A film that was cut into clips of several tiers is told by its seams; different films are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from graphtwin.checks.digest import digest
from graphtwin.checks.one_scene import stretches_of_one_scene
from graphtwin.sources.formats.recording import Recording, Trial

CLIPS, FRAMES = 12, 30


def film(seed: int, frames: int) -> np.ndarray:
    """Smooth noise that changes over a tenth of a second."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((frames, 18, 32)), (4.0, 2.0, 2.0))
    return (128 + 40 * noise / noise.std()).astype(np.float32)


def shown(videos: list[np.ndarray]) -> Recording:
    """Clips in three tiers by turns: four in train, one in validation, one in test."""
    tiers = np.resize(["train", "train", "train", "train", "validation", "test"], len(videos))
    trials = pd.DataFrame({"trial": np.arange(len(videos)), "tier": tiers, "kind": "movie", "n_frames": FRAMES, "has_responses": True})
    trials = trials.assign(stimulus=[f"clip {at}" for at in range(len(videos))])
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(4), "x_um": 0.0, "y_um": 0.0, "z_um": 0.0})
    still = np.zeros((FRAMES, 2), dtype=np.float32)
    counts = np.random.default_rng(9).poisson(1.0, (len(videos), FRAMES, 4)).astype(np.float32)
    return Recording("film", 30.0, units, trials, ("a", "b"), lambda at: Trial(videos[at], counts[at], still, still))


def test_stretches_of_one_film_in_several_tiers_are_named_by_their_seams():
    whole = film(0, CLIPS * FRAMES)
    (finding,) = stretches_of_one_scene(digest(shown(list(whole.reshape(CLIPS, FRAMES, 18, 32)))))
    assert finding.what.startswith("7 of 12 clips are stretches of a film that goes on in another tier")
    assert "4 (validation) goes on where 3 (train) ends" in finding.where


def test_films_of_their_own_gratings_and_blanks_are_no_scene():
    videos = [film(at + 1, FRAMES) for at in range(CLIPS)]
    videos[2][-2:], videos[4][:2] = 128.0, 128.0
    recording = shown(videos)
    assert not stretches_of_one_scene(digest(recording))
    bars = np.cos(np.linspace(0, 20, 32) + np.linspace(0, 12.566, FRAMES)[:, None, None]) * np.ones((1, 18, 1))
    assert not stretches_of_one_scene(digest(shown([(128 + 40 * bars).astype(np.float32)] * CLIPS)))
    one_tier = replace(recording, trials=recording.trials.assign(tier="train"))
    assert not stretches_of_one_scene(digest(one_tier))
