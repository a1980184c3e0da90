"""A circuit drawn with its signs: senses left, motor neurons right, edges that excite and that inhibit in colours of their own."""

from __future__ import annotations

from collections import deque

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from graphtwin.plots import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import plain

MOST_EDGES = 250  # edges that are drawn: the strongest
MOST_LABELS = 40  # neurons up to which each is labelled; types are, beyond
LANES = 5  # columns of neurons between senses and motor neurons


def draw_circuit(run: RunFolder, fitted: bool = True) -> Block:
    """Neurons and the strongest of their edges, by the sign of their strength.

    Args:
        run: Folder of the run.
        fitted: Whether strengths were fitted; else they are counts, and an unknown sign is drawn as one that excites.
    """
    key, title = "circuit", "The circuit with its signs"
    neurons, edges = run.table("neurons"), run.table("edges")
    if neurons is None or edges is None:
        return Absent(key, title, "the circuit has no chemical edges (edges.parquet).")
    strongest = edges.iloc[np.argsort(-edges["weight"].abs().to_numpy(), kind="stable")[:MOST_EDGES]]
    shown = neurons if len(neurons) <= 4 * MOST_EDGES else neurons[neurons["neuron"].isin({*strongest["pre"], *strongest["post"]})]
    places = _places(shown, edges)

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        largest = float(strongest["weight"].abs().max()) or 1.0
        for colour, part in ((VERMILLION, strongest[strongest["weight"] < 0]), (BLUE, strongest[strongest["weight"] > 0])):
            lines = [(places[a], places[b]) for a, b in zip(part["pre"], part["post"], strict=True)]
            strength = (part["weight"].abs() / largest).to_numpy()
            axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.3 + 1.8 * strength, alpha=0.45, zorder=1))
        for colour, part in _roles(shown):
            at = np.array([places[name] for name in part["neuron"]]).reshape(-1, 2)
            axes.scatter(at[:, 0], at[:, 1], s=16, color=colour, edgecolors="white", linewidths=0.5, zorder=2)
        _label(axes, shown, places)
        axes.set_xlim(-0.12, 1.12)
        axes.set_ylim(-0.04, 1.04)
        axes.axis("off")
        marks = [
            Line2D([], [], color=BLUE, label="excites"),
            Line2D([], [], color=VERMILLION, label="inhibits"),
            *(Line2D([], [], color=colour, marker="o", linestyle="", markersize=4, label=word) for colour, word in LEGEND),
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=5)

    excites = int((strongest["weight"] > 0).sum())
    told = int((edges["sign"] != 0).sum())
    how, others = ("as fitted", "as the fit found them") if fitted else ("by their number of synapses", "drawn as if they excite")
    sentence = (
        f"{len(strongest)} of {len(edges):,} chemical edges are drawn, the strongest {how}: {excites} excite, "
        f"{len(strongest) - excites} inhibit. The source tells the sign of {told:,} edges"
        + (f"; the others are {others}." if told < len(edges) else ".")
    )
    caption = (
        f"Senses left, motor neurons right, {len(shown):,} of {len(neurons):,} neurons. Wider lines are stronger. Gap junctions are not "
        "drawn."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 5.2), fill), ("edges.csv", "neurons.csv"))


LEGEND = ((GREEN, "sense"), (GREY, "between"), (ORANGE, "motor"))


def _roles(neurons: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Colour of each role and its neurons; one that is both is a motor neuron."""
    motor = neurons["motor"].astype(bool)
    sensory = neurons["sensory"].astype(bool) & ~motor
    return [(GREEN, neurons[sensory]), (GREY, neurons[~sensory & ~motor]), (ORANGE, neurons[motor])]


def _places(neurons: pd.DataFrame, edges: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Place of each neuron: x by steps from senses and to motor neurons, y by type within its column."""
    names = neurons["neuron"].tolist()
    pre, post = edges["pre"].tolist(), edges["post"].tolist()
    motor = set(neurons.loc[neurons["motor"].astype(bool), "neuron"])
    sensory = set(neurons.loc[neurons["sensory"].astype(bool), "neuron"]) - motor
    ahead, behind = _steps(sensory, pre, post), _steps(motor, post, pre)
    far = len(names)
    lane = {name: 0 if name in sensory else LANES + 1 if name in motor else 0 for name in names}
    between = [name for name in names if name not in sensory and name not in motor]
    share = {name: ahead.get(name, far) / max(ahead.get(name, far) + behind.get(name, far), 1) for name in between}
    types = dict(zip(names, neurons["type"], strict=True))
    by_share = sorted(between, key=lambda name: (share[name], str(types[name]), name))
    for at, name in enumerate(by_share):
        lane[name] = 1 + at * LANES // len(by_share)
    found = {}
    for one in sorted(set(lane.values())):
        members = sorted((name for name in names if lane[name] == one), key=lambda name: (str(types[name]), name))
        for at, name in enumerate(members):
            shift = 0.02 * (at % 2) if 0 < one <= LANES else 0.0
            found[name] = (one / (LANES + 1) + shift, 1 - (at + 0.5) / len(members))
    return found


def _steps(start: set[str], pre: list[str], post: list[str]) -> dict[str, int]:
    """Number of edges from some neurons to every other that they reach."""
    reached: dict[str, list[str]] = {}
    for a, b in zip(pre, post, strict=True):
        reached.setdefault(a, []).append(b)
    found, waiting = dict.fromkeys(start, 0), deque(start)
    while waiting:
        name = waiting.popleft()
        for other in reached.get(name, ()):
            if other not in found:
                found[other] = found[name] + 1
                waiting.append(other)
    return found


def _label(axes: object, neurons: pd.DataFrame, places: dict[str, tuple[float, float]]) -> None:
    """Names of neurons where they are few; else names of types of senses and motor neurons, at the middle of each."""
    if len(neurons) <= MOST_LABELS:
        for name, (x, y) in places.items():
            axes.text(x, y + 0.014, plain(name), fontsize=5.5, ha="center", color=BLACK, zorder=3)  # type: ignore[attr-defined]
        return
    for _, part in neurons[neurons["motor"].astype(bool) | neurons["sensory"].astype(bool)].groupby("type", sort=False):
        at = np.array([places[name] for name in part["neuron"]])
        right = bool(part["motor"].iloc[0])
        axes.text(  # type: ignore[attr-defined]
            at[0, 0] + (0.02 if right else -0.02),
            at[:, 1].mean(),
            plain(str(part["type"].iloc[0])),
            fontsize=6,
            ha="left" if right else "right",
            va="center",
            zorder=3,
        )
