"""Figures of a campaign: direction tuning of the units that it moves most, all answers, and units x stimuli."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from graphtwin.plots import MUTED, OF_STATES, RULE, plot_tuning
from graphtwin.report.campaign_answers import StateAnswers
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.figures.place_figures import draw_cortex, draw_mosaic, fields_of_places, preferences
from graphtwin.report.words import join_words, number_text, plain
from graphtwin.schema import UNIT_KEY

POLAR_UNITS, POLAR_PER_ROW = 12, 4  # units whose direction tuning is drawn, and those of a row
FEWEST_DIRECTIONS, HALF_CIRCLE = 4, 180.0
FEWEST_PLACES = 9
MOST_PANELS, MOST_ROWS, MOST_COLUMNS = 3, 300, 400  # responders, units and stimuli of the map of answers, at most
BINS = 60  # bins of the histogram of answers


def draw_directions(answers: Sequence[StateAnswers], stimuli: pd.DataFrame) -> Block:
    """Polar plots of the mean answer to each direction, of the units that direction moves most; a line a state.

    Args:
        answers: Answers of every responder in every state.
        stimuli: Table of the stimuli, a row each.
    """
    title = "Direction tuning"
    directions = _directions(stimuli)
    if directions is None:
        return Absent("directions", title, f"no kind of stimulus is shown in {FEWEST_DIRECTIONS} directions or more.")
    degrees, curves = _curves(answers, directions)
    first = answers[0].state
    best = sorted(
        ((float(np.ptp(curve)), name, at) for (name, state), of in curves.items() if state == first for at, curve in enumerate(of.T)),
        key=lambda found: -found[0],
    )[:POLAR_UNITS]
    names = {each.responder: each for each in answers if each.state == first}
    states = _states(answers)[: len(OF_STATES)]
    n_rows = -(-len(best) // POLAR_PER_ROW)

    def fill(figure: Figure) -> None:
        for place, (_, name, at) in enumerate(best):
            axes = figure.add_subplot(n_rows, POLAR_PER_ROW, place + 1, projection="polar")
            plot_tuning(degrees, {state: curves[name, state][:, at] for state in states}, axes)
            key = _key(names[name], at)
            axes.set_title(plain(key), fontsize=7.5, loc="center")
        if len(states) > 1:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(states))

    _, name, at = best[0]
    curve = curves[name, first][:, at]
    key = _key(names[name], at)
    sentence = (
        f"Unit {key} is moved most by direction: it answers {number_text(curve.max())} to {degrees[curve.argmax()]:g}° and "
        f"{number_text(curve.min())} to {degrees[curve.argmin()]:g}°."
    )
    total = sum(each.n_units for each in names.values())
    caption = (
        f"The {len(best)} units, of {total:,}, whose answers differ most between directions ({first}), of the kind of stimulus that "
        f"has most of these: {len(degrees)}. All else is averaged over. Right is 0°, up 90°; the radius is the mean answer, in the units "
        f"of the recording. Above each plot stands session-scan-unit.{_left_out(answers)}"
    )
    svg = draw_svg("directions", (WIDTH, 1.9 * n_rows + 0.3), fill)
    return Drawn("directions", title, sentence, caption, svg, ("stimuli.parquet", "units.parquet"))


def draw_tuning_over_cortex(answers: Sequence[StateAnswers], stimuli: pd.DataFrame) -> Block:
    """Orientation and direction that units of the first responder prefer, where they lie in cortex; in the first state.

    Args:
        answers: Answers of every responder in every state.
        stimuli: Table of the stimuli, a row each.
    """
    directions = _directions(stimuli)
    if directions is None or np.ptp(directions.dropna()) <= HALF_CIRCLE:
        return Absent("cortex", "Preference over the cortex", f"no kind of stimulus is shown in {FEWEST_DIRECTIONS} directions all around.")
    degrees, curves = _curves(answers[:1], directions)
    return draw_cortex(answers[0].units, preferences(degrees, curves[answers[0].responder, answers[0].state]))


def draw_fields(answers: Sequence[StateAnswers], stimuli: pd.DataFrame) -> Block:
    """Fields of the units of the first responder from the kind of stimulus that is shown at most places; in the first state.

    Args:
        answers: Answers of every responder in every state.
        stimuli: Table of the stimuli, a row each.
    """
    placed = _places(stimuli)
    if placed is None:
        return Absent("mosaic", "Mosaic of receptive fields", f"no kind of stimulus is shown at {FEWEST_PLACES} places or more.")
    kind, places = placed
    mean = [answers[0].mean[rows].mean(0, dtype=np.float64) for rows in places.groupby(["x", "y"]).indices.values()]
    x, y = np.array(list(places.groupby(["x", "y"]).indices)).T
    rows = np.array(mean)
    return draw_mosaic(fields_of_places(x, y, rows), f"from its answers to {kind} at {len(x)} places")


def _places(stimuli: pd.DataFrame) -> tuple[str, pd.DataFrame] | None:
    """The kind of stimulus that is shown at most places, and the place of each stimulus, NaN of other kinds; None where places are few."""
    found = []
    for kind, of in stimuli.groupby("kind", sort=False):
        for prefix in ("", "aperture."):
            names = [f"{prefix}{name}" for name in ("x_deg", "y_deg")]
            if set(names) <= set(of) and len(of[names].dropna().drop_duplicates()) >= FEWEST_PLACES:
                found.append((str(kind), of[names].set_axis(["x", "y"], axis=1).reindex(stimuli.index)))
    return max(found, key=lambda pair: len(pair[1].drop_duplicates()), default=None)


def _key(of: StateAnswers, at: int) -> str:
    return "-".join(str(part) for part in of.units[UNIT_KEY].iloc[at])


def _directions(stimuli: pd.DataFrame) -> pd.Series | None:
    """Direction of each stimulus of the kind that is shown in most, NaN for others; None where these are too few."""
    found = [
        of[name].reindex(stimuli.index)
        for _, of in stimuli.groupby("kind", sort=False)
        for name in of
        if str(name).endswith("direction_deg") and of[name].nunique() >= FEWEST_DIRECTIONS
    ]
    return max(found, key=pd.Series.nunique, default=None)


def _curves(answers: Sequence[StateAnswers], of: pd.Series) -> tuple[np.ndarray, dict[tuple[str, str], Float[np.ndarray, "degrees units"]]]:
    """Directions, and the mean answers to each of them, by responder and state."""
    degrees = np.sort(of.dropna().unique().astype(float))
    rows = [np.flatnonzero(of.to_numpy() == angle) for angle in degrees]
    found = {(each.responder, each.state): [each.mean[some].mean(0, dtype=np.float64) for some in rows] for each in answers}
    return degrees, {key: np.stack(means) for key, means in found.items()}


def draw_histogram(answers: Sequence[StateAnswers]) -> Block:
    """How often answers are how large, a line a state, of all responders together.

    Args:
        answers: Answers of every responder in every state.
    """
    title = "All answers"
    states = _states(answers)[: len(OF_STATES)]
    of = {state: np.concatenate([each.mean.ravel().astype(np.float64) for each in answers if each.state == state]) for state in states}
    every = np.concatenate(list(of.values()))
    edges = np.linspace(every.min(), every.max(), BINS + 1) if np.ptp(every) else np.array([every[0] - 0.5, every[0] + 0.5])

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for state, colour in zip(states, OF_STATES[: len(states)], strict=True):
            axes.hist(of[state], edges.tolist(), histtype="step", color=colour, linewidth=1.2, label=plain(state))
        axes.set_yscale("log")
        axes.set_xlabel("mean answer, in the units of the recording")
        axes.set_ylabel("answers")
        axes.grid(color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
        if len(states) > 1:
            axes.legend()

    low, middle, high = np.quantile(every, [0.25, 0.5, 0.75])
    sentence = f"Half of the answers lie between {number_text(low)} and {number_text(high)}; their median is {number_text(middle)}."
    if len(states) > 1:
        medians = join_words(f"{number_text(np.median(of[state]))} in {state}" for state in states)
        sentence = f"{sentence[:-1]}: {medians}."
    caption = (
        f"{len(every):,} answers of {_of_units(answers)} to all stimuli, each the mean over the time that counts. "
        f"Counts are logarithmic.{_left_out(answers)}"
    )
    return Drawn("histogram", title, sentence, caption, draw_svg("histogram", (WIDTH, 2.6), fill))


def draw_map(answers: Sequence[StateAnswers], described: Sequence[str]) -> Block:
    """Units x stimuli, a panel a responder in the first state: each unit between its smallest and largest answer.

    Args:
        answers: Answers of every responder in every state.
        described: Words for each stimulus.
    """
    title = "Units and stimuli"
    first = [each for each in answers if each.state == answers[0].state]
    panels = first[:MOST_PANELS]

    def fill(figure: Figure) -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, each in zip(grid, panels, strict=True):
            image = axes.imshow(_ordered(each.mean), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes.set_title(plain(each.responder[:40]), fontsize=7.5)
            axes.set_xlabel("stimuli, in their order")
            axes.set_yticks([])
        grid[0].set_ylabel("units, by the stimulus that they answer most")
        bar = figure.colorbar(image, ax=grid, shrink=0.6, aspect=30)
        bar.set_label("from a unit's smallest to its largest answer", color=MUTED)

    best = np.concatenate([each.mean[:, _moved(each.mean)].argmax(0) for each in first])
    if len(best):
        most = int(np.bincount(best, minlength=len(described)).argmax())
        sentence = f"Stimulus {most} ({described[most]}) is the best one of {int((best == most).sum())} of {len(best):,} units."
    else:
        sentence = "No unit answers one stimulus otherwise than another."
    still = sum(each.still for each in first)
    left_out = f", and {MOST_PANELS} of {len(first)} responders" if len(first) > MOST_PANELS else ""
    caption = (
        f"State {first[0].state}. Each row is a unit, each column a stimulus; light is the unit's smallest answer and dark its largest. "
        f"At most {MOST_ROWS} units and {MOST_COLUMNS} stimuli of a responder are drawn, evenly chosen{left_out}. Not drawn are {still} "
        "units that answer alike to all stimuli."
    )
    return Drawn("map", title, sentence, caption, draw_svg("map", (WIDTH, 4.0), fill), ("stimuli.parquet",))


def _moved(mean: Float[np.ndarray, "stimuli units"]) -> np.ndarray:
    return np.asarray(np.ptp(mean, axis=0) > 1e-6 * np.abs(mean).max(0))


def _ordered(mean: Float[np.ndarray, "stimuli units"]) -> Float[np.ndarray, "rows columns"]:
    """Answers of units that differ between stimuli, 0 to 1, in the order of the stimuli that these answer most."""
    moved = mean[:, _moved(mean)].T.astype(np.float64)
    low = moved.min(1, keepdims=True)
    scaled = (moved - low) / np.maximum(moved.max(1, keepdims=True) - low, 1e-300)
    scaled = scaled[np.argsort(scaled.argmax(1), kind="stable")]
    rows, columns = (
        np.linspace(0, n - 1, min(n, most)).astype(int) if n else np.zeros(0, int)
        for n, most in zip(scaled.shape, (MOST_ROWS, MOST_COLUMNS), strict=True)
    )
    return scaled[np.ix_(rows, columns)] if len(rows) else np.zeros((1, 1))


def _states(answers: Sequence[StateAnswers]) -> list[str]:
    return list(dict.fromkeys(each.state for each in answers))


def _left_out(answers: Sequence[StateAnswers]) -> str:
    """A sentence on the states that have no line, where there are such."""
    number = len(_states(answers))
    return f" The first {len(OF_STATES)} of {number} states are drawn." if number > len(OF_STATES) else ""


def _of_units(answers: Sequence[StateAnswers]) -> str:
    """Number of units that are shown, and of how many."""
    first = [each for each in answers if each.state == answers[0].state]
    shown, total = sum(len(each.units) for each in first), sum(each.n_units for each in first)
    return f"{total:,} units" if shown == total else f"{shown:,} of {total:,} units, evenly chosen,"
