"""Finished folders and their pages: the page that a folder's kind asks for, like-to-like and power from the question to the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphtwin.config import overridden
from graphtwin.folders import amended
from graphtwin.kinds import CAMPAIGN, LIKE_TO_LIKE, POWER, RUN, STIMULUS_SET, require_kind
from graphtwin.pipeline import PowerConfig
from graphtwin.pipeline.pairs import LikeToLikeConfig, run_like_to_like, run_power
from graphtwin.report.pages import write_campaign, write_like_to_like, write_power, write_run, write_stimulus_set_page

PAGES = {
    RUN: write_run,
    LIKE_TO_LIKE: write_like_to_like,
    POWER: write_power,
    CAMPAIGN: write_campaign,
    STIMULUS_SET: write_stimulus_set_page,
}


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into a finished folder from what the folder holds, as `graphtwin report` does; returns the page.

    Args:
        folder: Folder that `graphtwin run`, `like-to-like`, `power`, `insilico campaign`, `optimise` or `control` wrote.
    """
    folder = Path(folder)
    kind = require_kind(folder, *PAGES)
    with amended(folder, "report.html"):
        return PAGES[kind](folder)


def like_to_like(
    pairs: str | Path,
    similarity: str | Sequence[str],
    out: str | Path,
    overrides: list[str] | None = None,
    force: bool = False,
    **asked: Any,
) -> Path:
    """Which similarity decides who connects: slopes, nulls, curves and a page from a table of pairs, as `graphtwin like-to-like` does.

    Args:
        pairs: Path of the pair table: .pkl as published, .parquet, .feather or .csv.
        similarity: Columns of the pairs, or names that are computed from the neurons; one or several.
        out: Folder to write: new, empty, or of an analysis that has not finished, which is begun anew.
        overrides: Settings of `LikeToLikeConfig` as `key=value`.
        force: Take away an analysis that is in the folder, once the question is answered.
        asked: Other fields of `LikeToLikeConfig` by name: neurons, embeddings, outcome, by, inclusion, nulls, seed, workers, monitor.

    Returns:
        The folder.
    """
    names = (similarity,) if isinstance(similarity, str) else tuple(similarity)
    config = overridden(LikeToLikeConfig, {"pairs": pairs, "similarity": names, **asked}, overrides, "like-to-like")
    return run_like_to_like(config, Path(out), force, write_like_to_like)


def power(
    effect: float | Sequence[float],
    out: str | Path,
    pairs: str | Path | None = None,
    overrides: list[str] | None = None,
    force: bool = False,
    **asked: Any,
) -> Path:
    """How often each estimate finds a slope with a design, by simulation, and how many axons it needs, as `graphtwin power` does.

    Args:
        effect: Slopes to detect, of one sign: change of log expected synapses with one unit of the similarity.
        out: Folder to write: new, empty, or of an analysis that has not finished, which is begun anew.
        pairs: Path of the pair table whose axons tables are drawn from; None simulates geometry.
        overrides: Settings of `PowerConfig` as `key=value`.
        force: Take away an analysis that is in the folder, once all is simulated.
        asked: Other fields of `PowerConfig` by name: neurons, similarity, axons, targets, synapses, inclusion, tables, seed, workers.

    Returns:
        The folder.
    """
    effects = tuple(effect) if isinstance(effect, Sequence) else (effect,)
    config = overridden(PowerConfig, {"pairs": pairs, "effect": effects, **asked}, overrides, "power")
    return run_power(config, Path(out), force, write_power)
