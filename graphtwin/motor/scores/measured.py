"""What of each unit (neuron, trial, lesion) goes into a score: sums, from which any resample of the units is scored exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.metrics import roc_auc_score

from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.fitting import Fitted
from graphtwin.motor.questions import ResponseConfig, noise_before, onsets, responses
from graphtwin.motor.scores.split import Split
from graphtwin.shapes import Bool, Float

SUMS = ["s0", "s1", "s2", "s3", "s4", "s5"]
COLUMNS = ["question", "model", "metric", "resampled", "unit", "column", "statistic", *SUMS]
FEWEST_RANKED = 3  # values below which a rank correlation says nothing


@dataclass(frozen=True)
class Predicted:
    """What a model says of the test trials.

    Attributes:
        activity: Activity of the neurons that the trials record.
        output: Motor output; 0 columns without.
    """

    activity: Float[np.ndarray, "trials steps recorded"]
    output: Float[np.ndarray, "trials steps outputs"]


def predicted_by(fitted: Fitted, trials: Trials) -> Predicted:
    """What a fitted model says of some trials: the first of its fits."""
    found = fitted.predict(trials.stimulus, trials.stimulated, trials.recorded)
    return Predicted(found.activity[0], found.output[0])


def measured(
    name: str,
    predicted: Predicted | Float[np.ndarray, "held_out recorded"],
    trials_test: Trials,
    split: Split,
    circuit: Circuit,
    config: ResponseConfig,
    significant: Bool[np.ndarray, "held_out recorded"] | None = None,
) -> pd.DataFrame:
    """Sums of every unit for every question that a prediction answers.

    - stimulation: `auc` of who responds by the size of the predicted response, and `spearman` of predicted and observed responses, both
      within each neuron that was never stimulated in training
    - unrecorded: `r` and `r2` of each neuron never recorded in training, over trials held out at random
    - activity, output: `r` and `r2` of each neuron that was recorded in training, or output, over these trials
    - recruitment: `spearman` of the order in which the motor neurons that are recorded are recruited in each of these trials

    Args:
        name: Name of the model.
        predicted: What it says of the test trials; or the response of each recorded neuron to the stimulation of each that was held out
            (`split.stimulated`), of a model that answers the first question alone.
        trials_test: The test trials: `split.test(trials)`.
        split: What was held out.
        circuit: The circuit of the trials.
        config: When a response is one.
        significant: Whether each recorded neuron responds to each held-out neuron (`split.stimulated`), where that is known; None tells by
            the noise before onsets.

    Returns:
        Columns question, model, metric, resampled, unit, column, statistic (mean of values, or r or r2 of pooled sums), s0 to s5; rows of
        several models are paired by unit and column.
    """
    parts = [_stimulation(predicted, trials_test, split, circuit, config, significant)]
    if isinstance(predicted, Predicted):
        other = np.flatnonzero(np.isin(trials_test.names, split.other))
        seen, said = trials_test.chosen(other), Predicted(predicted.activity[other], predicted.output[other])
        parts += [*_activity(said, seen, split, circuit), _output(said, seen), _recruitment(said, seen, circuit)]
    table = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=COLUMNS)], ignore_index=True)
    return table.assign(model=name).reindex(columns=COLUMNS)


def measured_responses(
    name: str,
    predicted: Float[np.ndarray, "neurons recorded"],
    true: Float[np.ndarray, "neurons recorded"],
    responds: Bool[np.ndarray, "neurons recorded"],
    neurons: tuple[str, ...],
) -> pd.DataFrame:
    """Sums of every stimulated neuron, from responses alone: for a source that has a matrix of responses and no trials.

    Args:
        name: Name of the model.
        predicted: Predicted response of each recorded neuron to the stimulation of each neuron; NaN where nothing is predicted.
        true: Response that was seen; NaN where none was measured.
        responds: Whether that is a response.
        neurons: Names of the stimulated neurons, none of which was stimulated in training.
    """
    rows = []
    for at, neuron in enumerate(neurons):
        there = np.isfinite(true[at]) & ~np.isnan(predicted[at])
        said, seen = predicted[at][there], true[at][there]
        found = {"auc": _auc(np.abs(said), responds[at][there]), "spearman": _spearman(said, seen)}
        rows += [
            {"metric": metric, "unit": neuron, "column": ""} | _mean_of(value) for metric, value in found.items() if np.isfinite(value)
        ]
    return pd.DataFrame(rows).assign(question="stimulation", model=name, resampled="neurons").reindex(columns=COLUMNS)


def measured_lesions(
    name: str,
    predicted: Float[np.ndarray, "lesions trials steps outputs"],
    true: Float[np.ndarray, "lesions trials steps outputs"],
    lesions: tuple[str, ...],
) -> pd.DataFrame:
    """Sums of every lesion: change of motor output, predicted against true, over trials, steps and outputs.

    Args:
        name: Name of the model.
        predicted: Predicted change.
        true: Change that was seen.
        lesions: Name of each lesion.
    """
    each = [_both(predicted[at].ravel(), true[at].ravel(), {"unit": lesion, "column": ""}) for at, lesion in enumerate(lesions)]
    table = pd.DataFrame([row for rows in each for row in rows])
    return table.assign(question="lesion", model=name, resampled="lesions").reindex(columns=COLUMNS)


def _stimulation(
    predicted: Predicted | np.ndarray,
    trials: Trials,
    split: Split,
    circuit: Circuit,
    config: ResponseConfig,
    significant: np.ndarray | None,
) -> pd.DataFrame:
    """Who responds to neurons that were never stimulated before."""
    neurons = circuit.rows_of(split.stimulated, "neurons held out")
    true = responses(trials.activity, trials, neurons, config)
    said = responses(predicted.activity, trials, neurons, config) if isinstance(predicted, Predicted) else predicted
    responds = np.abs(true) > config.beyond * noise_before(trials, neurons, config) if significant is None else significant
    return measured_responses("", said, true, responds, split.stimulated)


def _activity(predicted: Predicted, trials: Trials, split: Split, circuit: Circuit) -> list[pd.DataFrame]:
    """Neurons never recorded before, each a unit; and, of the others, trials as units."""
    hidden = np.isin(trials.recorded, circuit.rows_of(split.unrecorded, "neurons held out"))
    unrecorded = []
    for column in np.flatnonzero(hidden):
        of = {"unit": circuit.names[trials.recorded[column]], "column": ""}
        unrecorded += _each(predicted.activity[:, :, column].ravel(), trials.activity[:, :, column].ravel(), of)
    seen = [
        row
        for column in np.flatnonzero(~hidden)
        for row in _by_trial(predicted.activity[:, :, column], trials.activity[:, :, column], trials.names, str(trials.recorded[column]))
    ]
    return [
        pd.DataFrame(unrecorded).assign(question="unrecorded", resampled="neurons"),
        pd.DataFrame(seen).assign(question="activity", resampled="trials"),
    ]


def _output(predicted: Predicted, trials: Trials) -> pd.DataFrame:
    """Motor output, trials as units."""
    rows = [
        row
        for column, output in enumerate(trials.outputs)
        for row in _by_trial(predicted.output[:, :, column], trials.output[:, :, column], trials.names, output)
    ]
    return pd.DataFrame(rows).assign(question="output", resampled="trials")


def _recruitment(predicted: Predicted, trials: Trials, circuit: Circuit) -> pd.DataFrame:
    """Order of recruitment of the motor neurons that were recorded, trials as units."""
    motor = circuit.motor[trials.recorded]
    said, true = (onsets(values[:, :, motor], trials.dt_s) for values in (predicted.activity, trials.activity))
    rows = []
    for at, trial in enumerate(trials.names):
        there = np.isfinite(said[at]) & np.isfinite(true[at])
        value = _spearman(said[at][there], true[at][there])
        rows += [{"metric": "spearman", "unit": trial, "column": ""} | _mean_of(value)] if np.isfinite(value) else []
    return pd.DataFrame(rows).assign(question="recruitment", resampled="trials")


def _by_trial(predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...], column: str) -> list[dict[str, object]]:
    """Sums of r and r2 of one column in every trial."""
    return [row for at, name in enumerate(names) for row in _both(predicted[at], true[at], {"unit": name, "column": column})]


def _both(predicted: np.ndarray, true: np.ndarray, of: dict[str, str]) -> list[dict[str, object]]:
    """Sums of r (n, sums of either, of their squares and product) and of r2 (n, squared errors, sum and squares of the true)."""
    there = np.isfinite(predicted) & np.isfinite(true)
    x, y = predicted[there].astype(np.float64), true[there].astype(np.float64)
    if not len(x):
        return []
    r = len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y
    r2 = len(x), np.square(x - y).sum(), y.sum(), y @ y
    return [{"metric": metric, "statistic": metric} | of | dict(zip(SUMS, sums, strict=False)) for metric, sums in (("r", r), ("r2", r2))]


def _each(predicted: np.ndarray, true: np.ndarray, of: dict[str, str]) -> list[dict[str, object]]:
    """Values of r and r2 of one unit by itself, whose mean over units is the score."""
    there = np.isfinite(predicted) & np.isfinite(true)
    x, y = predicted[there].astype(np.float64), true[there].astype(np.float64)
    if len(x) < FEWEST_RANKED or y.std() == 0:
        return []
    r = float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 else 0.0  # what never changes tells nothing
    found = {"r": r, "r2": 1 - float(np.square(x - y).mean() / y.var())}
    return [{"metric": metric} | of | _mean_of(value) for metric, value in found.items()]


def _mean_of(value: float) -> dict[str, object]:
    """Sums of a value that is averaged over units."""
    return {"statistic": "mean", "s0": value, "s1": 1.0}


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve, of scores that may be infinite; NaN where one class is empty."""
    return float(roc_auc_score(positive, scipy.stats.rankdata(score))) if 0 < positive.sum() < len(positive) else float("nan")


def _spearman(said: np.ndarray, seen: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where the prediction is the same for all, NaN with too few values."""
    if len(said) < FEWEST_RANKED or (seen == seen[0]).all():
        return float("nan")
    return 0.0 if (said == said[0]).all() else float(scipy.stats.spearmanr(said, seen).statistic)
