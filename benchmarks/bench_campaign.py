"""A campaign on the default twin: what it adds to the bare forward pass, what two workers gain, and how much memory a million cells take.

python benchmarks/bench_campaign.py [CONDITIONS] [UNITS]

The twin has random weights, for only its cost matters here. Costs are CPU seconds, of all processes, so that other work on the machine
counts for little; the gain of two workers is in seconds on the wall, and needs two free cores.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.coordinates import MINNIE65_MONITOR
from graphtwin.execute import threads, torch_seeded
from graphtwin.insilico import Described, described
from graphtwin.insilico.campaign import CampaignConfig, read_cells, run_campaign
from graphtwin.insilico.stimuli import Screen, render_batch
from graphtwin.twin.data import Scales
from graphtwin.twin.fitting import FittedTwin, FoundationConfig, KnownAnimal, responders
from graphtwin.twin.model import AnimalStart, Twin

SIZE, RATE, FRAMES = (36, 64), 30.0, 45  # frames of a grating and of the grey before it


def default_twin(units: int):
    """An animal of the default twin, of random weights."""
    rng = np.random.default_rng(0)
    config = FoundationConfig()
    with torch_seeded(0):
        start = AnimalStart(rng.uniform(-0.5, 0.5, (units, 2)), np.ones(units), 0, frame_rate_hz=RATE)
        twin = Twin(config.twin, {"random": start}).eval()
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1})
    scales = Scales((120.0, 50.0), np.ones(units), np.zeros(units), np.zeros((2, 0)), np.ones((2, 2)), (0.0, 0.0), (0, 0, 0))
    known = KnownAnimal(keys, scales, (), RATE, SIZE, MINNIE65_MONITOR, frozenset())
    return responders(FittedTwin(twin, config, {"random": known}))[0]


def campaign_of(conditions: int) -> CampaignConfig:
    """Drifting gratings of 1 s, half of which counts, after a grey half."""
    directions, frequencies = np.linspace(0, 360, 50, endpoint=False).tolist(), [1.0, 2.0, 3.0, 4.0]
    contrasts = np.linspace(0.1, 1.0, -(-conditions // 200)).tolist()
    series = {"contrast": contrasts, "cycles_per_second": frequencies, "direction_deg": directions[: max(1, conditions // 4)]}
    return CampaignConfig(stimuli=({"kind": "drifting_grating", "series": series},), contrast_sd=1.0)


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process and of children that ended, and seconds on the wall."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return cpu_seconds() - cpu, time.perf_counter() - wall


def silent(animal) -> Described:
    """The same units, answering at once: a campaign on these costs what it costs beyond the forward pass."""
    return Silent(**vars(described(animal)))


class Silent(Described):
    """Units that answer with what they saw in one pixel."""

    def respond(self, video, progress=False, state=None):
        return self.respond_clips(video[None])[0]

    def respond_clips(self, clips, state=None):
        return np.repeat(clips[:, :, :1, 0], len(self.units), 2)


def run(config: CampaignConfig, responder, workers: int = 1) -> tuple[float, float, int, str]:
    """CPU seconds, seconds on the wall, bytes of the cells and the plan of a campaign."""
    told: list[str] = []
    with tempfile.TemporaryDirectory() as place, threads(1):
        folder = Path(place) / "campaign"
        spent_s = spent(lambda: run_campaign(config, [responder], folder, identity={}, workers=workers, tell=told.append))
        cells = sum(path.stat().st_size for path in (folder / "cells").rglob("*.parquet"))
        assert len(read_cells(folder, columns=["mean"])) == len(config.shown()) * len(responder.units)
    return *spent_s, cells, told[0]


def main(conditions: int = 1000, units: int = 1000) -> None:
    config, animal = campaign_of(conditions), default_twin(units)
    stimuli = config.shown()
    screen = Screen(*animal.size, animal.monitor, animal.frame_rate_hz, animal.grey[0], config.contrast_sd * animal.grey[1])
    n = config.frames_a_batch // FRAMES
    clips = np.full((n, FRAMES, *SIZE), screen.grey, dtype=np.float32)

    def forward() -> float:
        return spent(lambda: animal.respond_clips(clips))[0] / n

    with threads(1):
        forward()
        drawn = min(spent(lambda: render_batch(stimuli[:n], screen))[0] for _ in range(9)) / n
        bare = [forward() for _ in range(9)]
    cost, wall, size, plan = run(config, animal)
    with threads(1):
        alone = float(np.median([*bare, *(forward() for _ in range(9))]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    part = config.model_copy(update={"stimuli": campaign_of(conditions // 5).stimuli})
    fixed, beside = run(part, silent(animal))[0], run(config, silent(animal))[0]
    beside = (beside - fixed) / (len(stimuli) - len(part.shown()))
    a_clip = cost / len(stimuli)
    print(plan)
    print(f"forward pass, bare: {1000 * alone:.1f} ms of a core a clip: {FRAMES / alone:,.0f} frames, {units / alone:,.0f} cells a second")
    print(f"campaign: {1000 * a_clip:.1f} ms a clip, {100 * (a_clip / alone - 1):+.1f} % (aim: less than 20)")
    print(f"drawing: {alone / drawn:.0f} x as fast as the forward pass (aim: 20)")
    print(f"beside forward pass and drawing: {100 * (beside - drawn) / alone:.2f} % of the forward pass (aim: 2), once {fixed:.1f} s")
    print(f"memory at most: {peak:,.0f} MB (aim: less than 2,000); {size / len(stimuli) / units:.1f} bytes a cell; {wall:.0f} s")
    run(config, animal, 2)  # starts the processes, some seconds once
    many = config.model_copy(update={"stimuli": campaign_of(3 * conditions).stimuli})
    gains = [run(many, animal)[1] / run(many, animal, 2)[1] for _ in range(3)]
    print(f"two workers that have started: {np.median(gains):.2f} x one, of {[f'{gain:.2f}' for gain in gains]} (aim: 1.8)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
