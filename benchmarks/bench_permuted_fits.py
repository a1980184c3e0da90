"""Permuted fits of pairs: processor time of a fit that finds what others were told, against one that works it out again.

    python benchmarks/bench_permuted_fits.py

On the bundled minnie65, one fold of axons. Both fits must give the same probabilities.
"""

from __future__ import annotations

import time

import numpy as np

from graphtwin import sources
from graphtwin.cortex import build
from graphtwin.evaluation import folds_by_axon
from graphtwin.execute import threads
from graphtwin.graph.data import Told
from graphtwin.graph.model import fit_pairs
from graphtwin.graph.runs import Study, inner_sides, make_study
from graphtwin.graph.settings import load_settings
from graphtwin.tuning import learn_embeddings


def fitted(study: Study, replicate: int, told: Told | None) -> tuple[float, np.ndarray]:
    """Processor seconds of a permuted fit, and its probabilities of the pairs that were kept back."""
    settings, pairs = study.settings, study.pairs
    training = pairs.of_axons(folds_by_axon(study.inputs.nucleus_id[pairs.pre], settings.axon_folds, settings.seed) != 0)
    start = time.process_time()
    seen = study.permuted(replicate, within_layer=True)
    name = f"permuted {replicate}"
    fit = fit_pairs(seen.inputs, seen.similar, training, inner_sides(study, training, "axon"), settings.pairs, 0, name, told=told)
    return time.process_time() - start, np.concatenate(fit.kept)


def main() -> None:
    settings = load_settings()
    cortex = build(sources.load(settings.source))
    study = make_study(settings, cortex, learn_embeddings(cortex.units, settings.directions).embeddings)
    with threads(1):
        fitted(study, 0, study.told)  # compiles, and keeps what is told
        fitted(study, 1, None)
        before, alone = fitted(study, 2, None)
        fitted(study, 3, None)
        after, kept = fitted(study, 2, study.told)
    np.testing.assert_array_equal(kept, alone)
    print(f"alone         {before:6.2f} s of processor")
    print(f"after others  {after:6.2f} s of processor   {before / after:5.2f} times as fast, the same probabilities")


if __name__ == "__main__":
    main()
