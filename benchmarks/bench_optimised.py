"""Most exciting stimuli of the default twin: 100 units in one batch against one by one, and what a step costs.

python benchmarks/bench_optimised.py [UNITS] [cpu|cuda]

The twin has random weights, for only its cost matters here; as many steps are taken in both, so that costs can be compared. Seconds are
those of one core, on a GPU those on the wall. One by one, as many units are timed as 60 s allow, and the rest is extrapolated. Units of a
batch share the noise that they begin at, 64 forward passes; on a core the other passes of many clips cost what as many of one clip do, but
a GPU is idle with one clip.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_campaign import default_twin
from graphtwin.execute import threads
from graphtwin.insilico.optimised import OptimiseConfig, most_exciting

STEPS, LIMIT_S = 30, 60.0


def seconds(responder, rows: np.ndarray, config: OptimiseConfig) -> float:
    clock = time.process_time if responder.device.type == "cpu" else time.perf_counter
    begun = clock()
    most_exciting(responder, rows, config)
    return clock() - begun


def compare(name: str, responder, units: int, config: OptimiseConfig) -> None:
    rows = np.arange(units)
    seconds(responder, rows[:1], config)
    together = seconds(responder, rows, config)
    alone: list[float] = []
    while len(alone) < units and sum(alone) < LIMIT_S:
        alone.append(seconds(responder, rows[[len(alone)]], config))
    each = float(np.mean(alone))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {units} units together {together:.1f} s, one by one {each * units:.1f} s ({len(alone)} timed): "
        f"{each * units / together:.1f} x (aim: 10); {1000 * together / units / STEPS:.0f} ms a unit and step; {peak:,.0f} MB"
    )


def main(units: int = 100, device: str = "cpu") -> None:
    animal = default_twin(1000)
    animal.fitted.twin.to(device)
    config = OptimiseConfig(steps=STEPS, tolerance=1e-12, batch=units)
    with threads(1):
        compare("pictures", animal, units, config)
        compare("videos", animal, units, config.model_copy(update={"moving": True}))


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, str), sys.argv[1:], strict=False)))
