"""Figures of a fitted circuit: activity that was held out beside what was predicted, motor output, recruitment, lesions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, MUTED, ON_LIGHT, VERMILLION
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text, plain
from graphtwin.sources.formats import read_trials

MOST_TRIALS = 3  # trials that are drawn, of those that no fit has seen
MOST_OUTPUTS = 4  # outputs that are drawn
MOST_ROWS = 120  # neurons of a raster, evenly chosen
CLIP = 2.5  # SDs at which a raster's colour is full


@dataclass(frozen=True)
class Shown:
    """Trials that no fit has seen, observed and predicted.

    Attributes:
        names: Name of each trial.
        dt_s: Seconds a step.
        observed, predicted: Activity, trials x steps x neurons, in SD of each neuron about its mean in all such trials; of neurons that no
            fit saw the prediction is in its own, since nothing told their unit.
        hidden: Which neurons no fit saw.
        output, said: Motor output, observed and predicted, trials x steps x outputs.
        spread: How far it may be off by what other fits say; NaN where there are none.
        outputs: Names of the outputs.
    """

    names: tuple[str, ...]
    dt_s: float
    observed: np.ndarray
    predicted: np.ndarray
    hidden: np.ndarray
    output: np.ndarray
    said: np.ndarray
    spread: np.ndarray
    outputs: tuple[str, ...]


def read_shown(run: RunFolder) -> Shown | None:
    """The trials that are drawn: one that stimulates a neuron never stimulated before, and others; None where nothing was predicted."""
    held, file = run.json("held_out"), run.path / "predicted.npz"
    if held is None or not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        predicted = {name: arrays[name] for name in arrays.files}
    trials = read_trials(run.path / "trials.h5")
    names = predicted["trials"].tolist()
    other = [name for name in names if name in set(held["other"])]
    chosen = [*held["stimulation"][:1], *other][:MOST_TRIALS]
    at, seen = [names.index(name) for name in chosen], [trials.names.index(name) for name in chosen]
    activity = trials.activity[[trials.names.index(name) for name in names]]
    mean, deviation = np.nanmean(activity, axis=(0, 1)), np.nanstd(activity, axis=(0, 1))
    deviation = np.where(deviation > 0, deviation, 1.0)
    hidden = np.isin(predicted["recorded"], held["unrecorded"])
    order = _order(run, predicted["recorded"], hidden)
    said = (predicted["activity"] - mean) / deviation
    said[:, :, hidden] = _standard(predicted["activity"][:, :, hidden])
    spread = predicted.get("output_spread", np.full(predicted["output"].shape, np.nan))
    return Shown(
        tuple(chosen),
        trials.dt_s,
        ((trials.activity[seen] - mean) / deviation)[:, :, order],
        said[at][:, :, order],
        hidden[order],
        trials.output[seen],
        predicted["output"][at],
        spread[at],
        trials.outputs,
    )


def _standard(values: np.ndarray) -> np.ndarray:
    """Values of each neuron in their own SD about their own mean."""
    deviation = values.std(axis=(0, 1))
    return (values - values.mean(axis=(0, 1))) / np.where(deviation > 0, deviation, 1.0)


def _order(run: RunFolder, names: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Neurons by type, those that no fit saw last; of very many evenly chosen ones."""
    table = run.table("neurons")
    types = dict(zip(table["neuron"], table["type"], strict=True)) if table is not None else {}
    order = np.array(sorted(range(len(names)), key=lambda at: (bool(hidden[at]), types.get(names[at], ""), names[at])), dtype=np.int64)
    return order[np.linspace(0, len(order) - 1, min(len(order), MOST_ROWS)).astype(np.int64)] if len(order) else order


def draw_rasters(run: RunFolder, shown: Shown | None) -> Block:
    """Activity in trials that no fit has seen, observed above predicted."""
    key, title = "rasters", "Activity in trials that no fit has seen"
    if shown is None or not shown.observed.shape[2]:
        return Absent(key, title, "no activity was predicted (predicted.npz).")
    rows, seconds = shown.observed.shape[2], shown.observed.shape[1] * shown.dt_s
    first_hidden = int((~shown.hidden).sum())

    def fill(figure: Figure) -> None:
        axes = figure.subplots(2, len(shown.names), sharex=True, sharey=True, squeeze=False)
        image: Any = None
        for side, (what, values) in enumerate((("observed", shown.observed), ("predicted", shown.predicted))):
            for at, name in enumerate(shown.names):
                one = axes[side, at]
                extent = (0, seconds, rows, 0)
                image = one.imshow(
                    values[at].T, cmap="PuOr_r", vmin=-CLIP, vmax=CLIP, aspect="auto", extent=extent, interpolation="nearest"
                )
                if 0 < first_hidden < rows:
                    one.axhline(first_hidden, color=ON_LIGHT, linewidth=0.8)
                if side == 0:
                    one.set_title(plain(_short(name)), fontsize=7)
                if at == 0:
                    one.set_ylabel(f"{what}\nneurons")
                one.set_yticks([])
                one.set_xlabel("time (s)" if side else "")
        figure.colorbar(image, ax=axes, label="SD", shrink=0.6, fraction=0.03)

    rest = shown.hidden.sum()
    seen_r, hidden_r = (_mean_r(shown, part) for part in (~shown.hidden, shown.hidden))
    sentence = f"In these trials the mean correlation over time is {number_text(seen_r)} of neurons that were recorded in training"
    sentence += f", {number_text(hidden_r)} of the {rest} that were not." if rest else "."
    caption = (
        f"{rows} recorded neurons, by type; below the line those that no fit has seen. Each in its SD about its mean, predictions of those "
        "that no fit has seen in their own. The first trial stimulates a neuron that no training trial stimulates, where there is one."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 4.4), fill), ("predicted.npz", "trials.h5"))


def _mean_r(shown: Shown, rows: np.ndarray) -> float:
    """Mean over neurons of the correlation over all steps that are drawn."""
    found = []
    for at in np.flatnonzero(rows):
        x, y = shown.predicted[:, :, at].ravel(), shown.observed[:, :, at].ravel()
        there = np.isfinite(x) & np.isfinite(y)
        if there.sum() > 2 and x[there].std() > 0 and y[there].std() > 0:
            found.append(np.corrcoef(x[there], y[there])[0, 1])
    return float(np.mean(found)) if found else float("nan")


def draw_output(run: RunFolder, shown: Shown | None) -> Block:
    """Motor output in trials that no fit has seen."""
    key, title = "output", "Motor output in trials that no fit has seen"
    if shown is None or not shown.outputs:
        return Absent(key, title, "the trials of this source have no motor output.")
    n = min(len(shown.outputs), MOST_OUTPUTS)
    time = (np.arange(shown.output.shape[1]) + 1) * shown.dt_s

    def fill(figure: Figure) -> None:
        axes = figure.subplots(n, len(shown.names), sharex=True, sharey="row", squeeze=False)
        for row in range(n):
            for at, name in enumerate(shown.names):
                one, said, spread = axes[row, at], shown.said[at, :, row], shown.spread[at, :, row]
                one.plot(time, shown.output[at, :, row], color=MUTED, linewidth=0.9, label="observed")
                one.fill_between(time, said - spread, said + spread, color=VERMILLION, alpha=0.25, linewidth=0)
                one.plot(time, said, color=VERMILLION, linewidth=1.1, label="predicted")
                if row == 0:
                    one.set_title(plain(_short(name)), fontsize=7)
                if at == 0:
                    one.set_ylabel(plain(shown.outputs[row]), fontsize=6.5)
                one.set_xlabel("time (s)" if row == n - 1 else "")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)

    more = f" {n} of {len(shown.outputs)} outputs are drawn." if n < len(shown.outputs) else ""
    caption = f"Bands are the root mean square distance of the other fits, at draws of the prior, from the first, which is drawn.{more}"
    sentence = f"Over all trials held out at random predicted and observed output correlate by {scored(run, 'output', 'r')}."
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 1.0 + 0.95 * n), fill), ("predicted.npz", "trials.h5"))


def draw_recruitment(run: RunFolder) -> Block:
    """When motor neurons are recruited, predicted against observed where they were recorded."""
    key, title, table = "recruitment", "Recruitment of motor neurons", run.table("recruitment")
    if table is None or table["onset_s"].isna().all():
        return Absent(key, title, "no motor neuron is recruited in the trials that no fit has seen, or there is none.")
    both = table.dropna(subset=["onset_s", "observed_s"])
    files = ("recruitment.csv",)
    if (both.groupby("trial").size() > 2).any():

        def fill(figure: Figure) -> None:
            axes = figure.subplots()
            end = float(both[["onset_s", "observed_s"]].to_numpy().max())
            axes.plot([0, end], [0, end], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
            axes.scatter(both["observed_s"], both["onset_s"], s=10, color=BLUE, alpha=0.5, linewidths=0)
            axes.set_xlabel("observed recruitment (s)")
            axes.set_ylabel("predicted recruitment (s)")

        rank = scored(run, "recruitment", "spearman")
        sentence = f"Within trials held out at random the predicted and the observed order have a mean rank correlation of {rank}."
        caption = (
            f"{len(both)} recruitments of {both['neuron'].nunique()} recorded motor neurons: half-way from the first to the highest value."
        )
        return Drawn(key, title, sentence, caption, draw_svg(key, (0.62 * WIDTH, 3.6), fill), files)
    order = table.groupby("neuron")["rank"].median().sort_values()

    def fill_order(figure: Figure) -> None:
        axes = figure.subplots()
        for row, neuron in enumerate(order.index):
            values = table.loc[table["neuron"] == neuron, "onset_s"].dropna()
            axes.plot(values, np.full(len(values), row), "o", color=BLUE, markersize=3, alpha=0.5)
        axes.set_yticks(range(len(order)), [plain(str(name)) for name in order.index])
        axes.invert_yaxis()
        axes.set_xlabel("predicted recruitment (s)")

    sentence = (
        f"{plain(str(order.index[0]))} is predicted to be recruited first, {plain(str(order.index[-1]))} last; no trial has three that "
        "were recorded, by which an order could be compared."
    )
    size = (0.75 * WIDTH, 1.0 + 0.16 * len(order))
    return Drawn(key, title, sentence, "A dot a trial.", draw_svg(key, size, fill_order), files)


def draw_lesions(run: RunFolder) -> Block:
    """What lesions do to motor output, predicted against measured."""
    key, title, table = "lesions", "Lesions: predicted against measured", run.table("lesions")
    if table is None:
        return Absent(key, title, "no lesions were measured (`graphtwin motor score RUN --lesions FILE`).")

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for axes, end, words in ((left, "", "size of the change (SD)"), (right, "_mean", "mean change (SD)")):
            x, y = table[f"measured{end}"], table[f"predicted{end}"]
            low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
            axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
            axes.scatter(x, y, s=10, color=BLUE, alpha=0.6, linewidths=0)
            axes.set_xlabel(f"measured: {words}")
            axes.set_ylabel(f"predicted: {words}")

    r = [float(np.corrcoef(table[f"measured{end}"], table[f"predicted{end}"])[0, 1]) for end in ("", "_mean")]
    n, outputs = table["lesion"].nunique(), table["output"].nunique()
    sentence = (
        f"Over {n} lesions and {'one output' if outputs == 1 else f'{outputs} outputs'} predicted and measured sizes correlate by "
        f"{number_text(r[0])}, mean changes by {number_text(r[1])}."
    )
    caption = "Root mean square over trials and steps, and the mean with its sign, in SD of the intact output. Dashed: as measured."
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 3.2), fill), ("lesions.csv",))


def scored(run: RunFolder, question: str, metric: str) -> str:
    """A score of the circuit with its interval, as the table of scores has it."""
    table = run.table("scores")
    if table is None:
        return "a number that was not scored yet"
    found = table[(table["model"] == "circuit") & (table["question"] == question) & (table["metric"] == metric)]
    if not len(found):
        return "a number that is not defined here"
    row = found.iloc[0]
    interval = f" ({number_text(row['low'])} to {number_text(row['high'])})" if np.isfinite(row["low"]) else ""
    return f"{number_text(row['estimate'])}{interval}"


def _short(name: str) -> str:
    """A name that fits above a third of a figure."""
    return name if len(name) <= 34 else f"{name[:16]}…{name[-16:]}"
