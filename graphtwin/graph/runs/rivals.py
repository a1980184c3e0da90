"""The models that the graph model is held against, fitted on the pairs and neurons of a study; what they learn is never stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.spatial.distance import cdist

from graphtwin.evaluation import (
    N_NEGATIVES,
    DrawnPairs,
    LabelModel,
    NeuronSide,
    PairModel,
    PositionModel,
    baseline_features,
    draw_pairs,
    fit_label_baseline,
    fit_pair_baseline,
    fit_position_baseline,
)
from graphtwin.graph.data import UNHEARD, Messages, PairSet
from graphtwin.graph.runs.partner_features import partner_features
from graphtwin.graph.runs.study import Study
from graphtwin.tuning import (
    describe_tuning,
    direction_degrees,
    feature_similarity,
    function_correlation,
    orientation_difference,
    signal_correlation,
)

BASELINES: tuple[PairModel, ...] = ("majority", "distance", "exposure", "logistic", "boosting")
WITH_TUNING = " + tuning"  # ending of the labels of baselines that are told the similarity of tuning
TUNED = (f"logistic{WITH_TUNING}", f"boosting{WITH_TUNING}")
WITH_MESSAGES = " + messages"  # ending of the label of the baseline that is told the messages which need no function
BOOSTED_MESSAGES = f"boosting{WITH_MESSAGES}"
PAIRS_A_BLOCK = 2**18  # pairs that are described at a time; memory does not grow with the number of pairs beyond the answer
LABEL_BASELINES: dict[LabelModel, str] = {
    "majority": "majority",
    "scan": "scan alone",
    "logistic": "logistic, function",
    "boosting": "boosting, function",
}
POSITION_BASELINES: dict[PositionModel, str] = {
    "mean": "majority",
    "scan": "scan alone",
    "ridge": "ridge, function",
    "boosting": "boosting, function",
}


def pair_baselines(study: Study) -> tuple[PairModel, ...]:
    """The baselines that a study can have: exposure is one where the source has exposures."""
    return tuple(model for model in BASELINES if model != "exposure" or study.pairs.exposed is not None)


def pair_rivals(study: Study, split: str) -> tuple[str, ...]:
    """The baselines of pairs, and where axons are held out boosting that is told messages: of cells of new tissue there are none.

    Args:
        study: The study, whose exposures decide.
        split: What is held out: "axon" or "block".
    """
    return (*pair_baselines(study), *((BOOSTED_MESSAGES,) if split == "axon" else ()))


WORD, OF_PARTNERS = ", function", ", partners"  # endings of the labels of baselines of neurons: what they read


def label_baselines(study: Study) -> dict[LabelModel, str]:
    """The baselines of labels and what they are called: on partners where the source has no function; none of scans where there is one."""
    return {model: _called(study, label) for model, label in LABEL_BASELINES.items() if model != "scan" or study.has_scans}


def position_baselines(study: Study) -> dict[PositionModel, str]:
    """The baselines of positions, as `label_baselines`, in the same order."""
    return {model: _called(study, label) for model, label in POSITION_BASELINES.items() if model != "scan" or study.has_scans}


def _called(study: Study, label: str) -> str:
    return label if study.has_function else label.replace(WORD, OF_PARTNERS)


def neuron_side(study: Study, rows: Int[np.ndarray, " rows"], shown: Bool[np.ndarray, " neurons"]) -> NeuronSide:
    """What baselines read of some neurons: their function, or what their partners tell where the source has no function; and their scan.

    Args:
        study: The study.
        rows: Rows of `inputs`.
        shown: Which neurons may tell their labels to their partners.
    """
    features = study.inputs.function.astype(np.float64) if study.has_function else partner_features(study, shown)
    return NeuronSide(features[rows], study.scan[rows])


PairRivals = Callable[[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]], dict[str, Float[np.ndarray, " pairs"]]]


def fit_pair_rivals(study: Study, training: PairSet, labels: Sequence[str], n_negatives: int = N_NEGATIVES) -> PairRivals:
    """Baselines that give the probability of any pairs, by rows of `inputs`; a dictionary by label.

    The fit draws by the seed of the study alone, so that the same tables give the same models again.

    Args:
        study: The study, whose neurons and responses the baselines read.
        training: Pairs that they learn from.
        labels: Labels of the baselines to fit: those of `BASELINES`, whose endings `WITH_TUNING` and `WITH_MESSAGES` say what they are
            told beside geometry and labels.
        n_negatives: Number of unconnected pairs that they read, about.
    """
    drawn, (i, j), connected = drawn_pairs(study, training, n_negatives)
    endings = {label: next((end for end in (WITH_TUNING, WITH_MESSAGES) if label.endswith(end)), "") for label in labels}
    describe = partial(_features, study, training, Messages.of(study.inputs, study.similar, training), set(endings.values()))
    told, axon, fitted = describe(i, j), study.inputs.nucleus_id[i], {}
    for label, end in endings.items():
        model: PairModel = label.removesuffix(end)  # type: ignore[assignment]
        features, names = told[end]
        fitted[label] = fit_pair_baseline(model, (features, connected), names, drawn, axon, study.settings.seed)
    position = study.inputs.position.astype(np.float32)

    def answer(pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> dict[str, Float[np.ndarray, " pairs"]]:
        out = {label: np.empty(len(pre)) for label in fitted}
        order = np.argsort(pre, kind="stable")
        for start in range(0, len(pre), PAIRS_A_BLOCK):
            part = order[start : start + PAIRS_A_BLOCK]
            asked = describe(pre[part], post[part])
            keep = drawn.keep_at(np.linalg.norm(position[pre[part]] - position[post[part]], axis=1))
            for label, ask in fitted.items():
                out[label][part] = ask(asked[endings[label]][0], keep)
        return out

    return answer


def _features(
    study: Study,
    training: PairSet,
    messages: Messages,
    endings: Collection[str],
    pre: Int[np.ndarray, " pairs"],
    post: Int[np.ndarray, " pairs"],
) -> dict[str, tuple[Float32[np.ndarray, "pairs _"], list[str]]]:
    """What baselines read of pairs, and the names of the columns, by the endings of the labels of those that are told of it."""
    ids, exposed = study.inputs.nucleus_id, study.pairs.exposed
    exposure = None if exposed is None else exposed.of(pre, post) / exposed.typical
    plain, names = baseline_features(ids[pre], ids[post], study.cortex.neurons, messages.in_degrees(pre, post), exposure)
    found = {"": (plain, names)}
    if WITH_TUNING in endings:
        similar = tuning_similarity(study, pre, post)
        columns = np.stack([np.asarray(values, np.float32) for values in similar.values()], axis=1)
        found[WITH_TUNING] = np.concatenate([plain, columns], axis=1), [*names, *similar]
    if WITH_MESSAGES in endings:
        found[WITH_MESSAGES] = np.concatenate([plain, messages.unheard_of_pairs(pre, post)], axis=1), [*names, *UNHEARD]
    return found


def drawn_pairs(study: Study, training: PairSet, n_negatives: int) -> tuple[DrawnPairs, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The training pairs that the baselines read, their rows in `inputs` and whether they are connected."""
    position = study.inputs.position.astype(np.float32)
    pairs = training.pre[:, None] != training.post[None]
    distance_um = cdist(position[training.pre], position[training.post]).astype(np.float32)[pairs]
    connected = (training.size.toarray() > 0)[pairs]
    drawn = draw_pairs(distance_um, connected, study.settings.seed, n_negatives)
    at = np.flatnonzero(pairs)[drawn.rows]
    return drawn, (training.pre[at // len(training.post)], training.post[at % len(training.post)]), connected[drawn.rows]


def tuning_similarity(study: Study, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> dict[str, np.ndarray]:
    """Signal correlation of pairs, over function of any kind where there is any, and orientation difference (degrees) over directions.

    Of embeddings that were brought without either it is the cosine of what the graph model reads of both cells; NaN where a cell has none.
    """
    responses, columns = study.responses
    found = {"signal_correlation": function_correlation(study.function, pre, post)} if study.function.shape[1] else {}
    told = {**_of_directions(responses, columns, pre, post), **found}
    return told or {"feature_similarity": feature_similarity(study.inputs.function.astype(np.float64), pre, post)}


def _of_directions(responses: np.ndarray, columns: list[str], pre: np.ndarray, post: np.ndarray) -> dict[str, np.ndarray]:
    """Signal correlation and orientation difference (degrees) of pairs; none where the source has no direction responses."""
    if not columns:
        return {}
    known = np.isfinite(responses).all(1)
    preferred = np.full(len(responses), np.nan)
    tuning = describe_tuning(responses[known], direction_degrees(columns))
    preferred[known] = tuning["preferred_orientation"].to_numpy(np.float64)
    correlation = np.full(len(pre), np.nan)
    both = known[pre] & known[post]
    place = np.cumsum(known) - 1
    correlation[both] = signal_correlation(responses[known], place[pre[both]], place[post[both]])
    difference = np.full(len(pre), np.nan)
    difference[both] = orientation_difference(preferred[pre[both]], preferred[post[both]])
    return {"signal_correlation": correlation, "orientation_difference": difference}


def label_rival(study: Study, label: str, task: str) -> Float[np.ndarray, "neurons classes"]:
    """Probability of each class by a baseline fitted on all labelled neurons, NaN for neurons that are not asked about.

    Args:
        study: The study, whose neurons are learned from and answered for.
        label: Label of the baseline, one of `label_baselines`.
        task: Name of the label task: "layer" or "cell_type".
    """
    model = next(name for name, said in label_baselines(study).items() if said == label)
    rows, side = _subjects(study)
    codes, classes = study.classes(task)
    found = np.full((len(codes), len(classes)), np.nan)
    found[rows] = fit_label_baseline(model, side, codes[rows], side, len(classes), study.settings.seed)
    return found


def place_rival(study: Study, label: str, axis: int) -> Float[np.ndarray, "neurons 2"]:
    """Mean and standard deviation of the place along an axis (um) by a baseline; see `label_rival`.

    Args:
        study: The study, whose neurons are learned from and answered for.
        label: Label of the baseline, one of `position_baselines`.
        axis: Column of `inputs.position`.
    """
    model = next(name for name, said in position_baselines(study).items() if said == label)
    rows, side = _subjects(study)
    found = np.full((len(study.inputs.nucleus_id), 2), np.nan)
    found[rows] = np.column_stack(fit_position_baseline(model, side, study.inputs.position[rows, axis], side, study.settings.seed))
    return found


def _subjects(study: Study) -> tuple[Int[np.ndarray, " rows"], NeuronSide]:
    """Rows of the neurons that are asked about, and what the baselines read of them."""
    rows = np.flatnonzero(study.inputs.subjects)
    return rows, neuron_side(study, rows, np.ones(len(study.inputs.subjects), dtype=bool))
