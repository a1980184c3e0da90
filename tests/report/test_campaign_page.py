"""The page of a campaign says what was asked and answered, and draws the tuning that was planted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.insilico import Described
from graphtwin.insilico.campaign import CampaignConfig, read_answers, read_cells, run_campaign
from graphtwin.report import write_report
from graphtwin.report.campaign_answers import answers_in
from graphtwin.report.figures.campaign_figures import draw_directions
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.campaign_page import described
from tests.report.form import require_form

GRATINGS = {
    "kind": "drifting_grating",
    "cycles_per_degree": 0.01,
    "duration_s": 1.0,
    "series": {"direction_deg": [0.0, 90.0, 180.0, 270.0], "contrast": [0.5, 1.0]},
}
STILL = {"kind": "gabor", "cycles_per_degree": 0.01, "series": {"x_deg": [-10.0, 10.0]}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Lighter(Described):
    """Units that answer with how much lighter a clip ends than it began, on the left or on the right; one that never changes."""

    def respond(self, video, progress=False, state=None):
        return self.respond_clips(video[None], state)[0]

    def respond_clips(self, clips, state=None):
        sides = [np.abs(clips[..., half] - 100).mean((2, 3)) for half in (slice(0, 4), slice(4, 8))]
        more = (state or {}).get("running", 0.0)
        return np.stack([*sides, np.full(clips.shape[:2], 3.0)], 2).astype(np.float32) + more


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    units = pd.DataFrame({"session": 1, "scan_idx": 2, "unit_id": [10, 11, 12]})
    about = {"frame_rate_hz": 30.0, "size": (6, 8), "grey": (100.0, 20.0), "state_names": ("running",)}
    states = ({"name": "rest"}, {"name": "a & <b>", "channels": {"running": 5.0}})
    config = CampaignConfig(stimuli=(GRATINGS, STILL), states=states, frames_a_shard=130)
    out = tmp_path_factory.mktemp("campaign") / "out"
    answering = [Lighter(name=name, units=units, **about) for name in ("one/a", "two")]
    return run_campaign(config, answering, out, identity={"twin": "t1"}, tell=lambda _: None)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_page_counts_what_was_asked_and_names_who_answered(folder):
    page = write_report(folder).read_text()
    require_form(page)
    text = text_of(page)
    assert "120 answers: 10 stimuli in 2 states to 6 units of 2 responders." in text
    assert "twin t1" in text
    assert "one/a rest all channels rest 3" in text
    assert "two a &amp; &lt;b&gt; running = 5 3" in text
    assert "direction (°) 0 to 270 (4 values), contrast 0.5 to 1 (2 values)" in text
    assert "All 10 stimuli" in text
    assert {"directions", "map", "histogram"} <= set(re.findall(r'<figure id="(\w+)"', page))
    assert "shard-" not in page  # thousands of shards are counted, not listed
    assert not re.search(r"<script src|https?://(?!www\.w3\.org|doi\.org)", page)


def test_answers_are_read_shard_by_shard_as_cells_have_them(folder):
    assert len(list(folder.rglob("responder=two/state=rest/shard-*.parquet"))) > 1
    cells = read_cells(folder, "two", "rest").sort_values(["stimulus", "unit_id"])
    assert np.array_equal(read_answers(folder, "two", "rest"), cells["mean"].to_numpy().reshape(10, 3))
    assert np.array_equal(read_answers(folder, "two", "rest", [2, 0]), cells["mean"].to_numpy().reshape(10, 3)[:, [2, 0]])
    with pytest.raises(ValueError, match="has no cells of responder 'three' in state 'rest'"):
        read_answers(folder, "three", "rest")


def test_units_that_never_change_are_counted_and_stimuli_of_other_kinds_have_no_part_in_direction_tuning(folder):
    run = RunFolder.open(folder)
    answers, stimuli = answers_in(run), run.table("stimuli")
    assert [(each.responder, each.state, each.still) for each in answers] == [
        ("one/a", "rest", 1), ("one/a", "a & <b>", 1), ("two", "rest", 1), ("two", "a & <b>", 1),
    ]  # fmt: skip
    drawn = draw_directions(answers, stimuli)
    mean = answers[0].mean[:8].reshape(4, 2, 3).mean(1)
    best = int(np.ptp(mean, axis=0).argmax())
    assert f"it answers {mean[:, best].max():.3f} to {90 * mean[:, best].argmax()}°" in drawn.sentence  # Gabors have direction 0, too
    assert draw_directions(answers, stimuli.assign(direction_deg=0.0)).reason.startswith("no kind of stimulus is shown in 4 directions")


def test_a_stimulus_is_described_by_what_varies_in_its_kind(folder):
    told = described(RunFolder.open(folder).table("stimuli"))
    assert told[0] == "drifting_grating: direction (°) = 0, contrast = 0.5"
    assert told[9] == "gabor: x (°) = 10"


def test_of_more_answers_than_memory_is_to_hold_some_units_are_shown_evenly(folder, monkeypatch):
    monkeypatch.setattr("graphtwin.report.campaign_answers.MOST_CELLS", 20)
    answers = answers_in(RunFolder.open(folder))[0]
    assert answers.units["unit_id"].tolist() == [10, 12]
    assert answers.n_units == 3
    assert "80 answers of 4 of 6 units, evenly chosen, to all stimuli" in text_of(write_report(folder).read_text())
