"""The boosted baseline on pairs of the bundled minnie65: processor time of answers by masks of leaves, against scikit-learn's walk.

    python benchmarks/bench_boosting.py

Fitted on one fold of axons with the 80 trees of the baseline and with 200, and asked of pairs of axons that no fit read, kept back of the
training side. Both ways of answering must give the same probabilities, bit for bit; both numbers of trees are ranked on the same pairs.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin import sources
from graphtwin.cortex import build
from graphtwin.evaluation import N_NEGATIVES, TreeEnsemble, baseline_features, boosting, folds_by_axon, thinned_to_true
from graphtwin.execute import threads
from graphtwin.graph.data import Messages, inner_axons
from graphtwin.graph.runs import Study, drawn_pairs, make_study
from graphtwin.graph.settings import load_settings
from graphtwin.tuning import learn_embeddings

BEFORE = 200  # trees of the baseline, once
PARTS = 10  # of the training axons, one of which is kept back


def answered(trees: HistGradientBoostingClassifier, asked: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Processor seconds of the walk and of the masks, which include making them, and the answer of both."""
    TreeEnsemble.of(trees)(asked[:1])  # compiles
    start = time.process_time()
    walked = trees.predict_proba(asked)[:, 1]
    between = time.process_time()
    found = TreeEnsemble.of(trees)(asked)
    end = time.process_time()
    np.testing.assert_array_equal(found, walked)
    return between - start, end - between, found


def compare(study: Study) -> None:
    """Fit both numbers of trees, answer both ways, print what each took and how each ranks."""
    settings, pairs = study.settings, study.pairs
    training = pairs.of_axons(folds_by_axon(study.inputs.nucleus_id[pairs.pre], settings.axon_folds, settings.seed) != 0)
    side = inner_axons(training, study.inputs, None, 1 / PARTS, settings.seed)[0]
    drawn, told, connected = drawn_pairs(study, side.training, N_NEGATIVES)
    messages, ids = Messages.of(study.inputs, study.similar, side.training), study.inputs.nucleus_id

    def features(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        return baseline_features(ids[pre], ids[post], study.cortex.neurons, messages.in_degrees(pre, post))[0]

    kept, n_cells = side.kept, len(side.kept.post)
    pre, post = np.repeat(kept.pre, n_cells), np.tile(kept.post, len(kept.pre))
    linked = kept.size.toarray().ravel() > 0
    read, asked, place = features(*told), features(pre, post), study.inputs.position.astype(np.float32)
    keep = drawn.keep_at(np.linalg.norm(place[pre] - place[post], axis=1))
    print(f"{len(connected)} pairs to fit, {len(asked)} asked")
    for made in (boosting(settings.seed, BEFORE), boosting(settings.seed)):
        start = time.process_time()
        trees = made.fit(read, connected)
        fitting = time.process_time() - start
        walking, masking, found = answered(trees, asked)
        said = thinned_to_true(found, keep)
        auc, precision = (score(linked, said) for score in (roc_auc_score, average_precision_score))
        times = f"fit {fitting:5.2f} s, walk {walking:5.2f} s, masks {masking:5.2f} s, {walking / masking:.1f} times as fast"
        print(f"{made.max_iter:4d} trees: {times}")
        print(f"            AUC {auc:.4f}, average precision {precision:.4f} of axons kept back")


def main() -> None:
    settings = load_settings()
    cortex = build(sources.load(settings.source))
    with threads(1):
        compare(make_study(settings, cortex, learn_embeddings(cortex.units, settings.directions).embeddings))


if __name__ == "__main__":
    main()
