"""What units share beyond stimulus and behaviour, given a twin's predictions: scores with their nulls, and pairs binned by prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from fits import Fit, Study
from jaxtyping import Float

from graphtwin.artifacts import write_table
from graphtwin.execute import rng_for
from graphtwin.sources.formats import Recording
from graphtwin.statistics import draw_counts, percentile_intervals
from graphtwin.twin.data import clips_of
from graphtwin.twin.population import RecordedPopulationConfig, read_population, score_recorded_population

BINS, REPLICATES = 15, 200


def shared_noise(study: Study, fit: Fit, recording: Recording) -> dict[str, pd.DataFrame]:
    """`population`, a row a score, and `noise_correlations`, a row a bin of pairs; read from files where an earlier run wrote them.

    Args:
        study: Study in whose folder files go.
        fit: Fit whose twin has the animal.
        recording: Recording of the animal; its repeated movies are the test.
    """
    paths = {name: study.folder / "sums" / f"{fit.name}_{name}.csv" for name in ("population", "noise_correlations")}
    if not all(path.exists() for path in paths.values()):
        config = RecordedPopulationConfig()
        test = fit.fitted.clips(recording, ("oracle",))
        training, _ = clips_of(recording, fit.fitted.config.clips)
        read = [
            read_population(fit.fitted.twin, clips, config, repeated)
            for clips, repeated in ((replace(training, scales=test.scales), False), (test, True))
        ]
        found = score_recorded_population(*read, config.population)
        write_table(found.scores, paths["population"])
        write_table(binned(found.predicted, found.measured), paths["noise_correlations"])
    return {name: pd.read_csv(path) for name, path in paths.items()}


def binned(predicted: Float[np.ndarray, "units units"], measured: Float[np.ndarray, "units units"]) -> pd.DataFrame:
    """Pairs in bins of equal number by prediction: mean predicted and measured, its 95 % interval over resampled units, pairs."""
    one, other = np.nonzero(np.triu(np.isfinite(predicted) & np.isfinite(measured), 1))
    x, y = predicted[one, other], measured[one, other]
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, x)
    n = np.bincount(place)
    drawn = []
    for count in draw_counts(rng_for(0, "resampled units"), len(predicted), REPLICATES):
        weight = count[one] * count[other]
        drawn.append(np.bincount(place, weight * y, len(n)) / np.maximum(np.bincount(place, weight, len(n)), 1.0))
    low, high = percentile_intervals(np.array(drawn), len(predicted) - 1.0)
    means = {name: np.bincount(place, values) / np.maximum(n, 1) for name, values in (("predicted", x), ("measured", y))}
    return pd.DataFrame({**means, "low": low, "high": high, "n_pairs": n})[n > 0].reset_index(drop=True)
