"""Finished folders and their pages: the page that a folder's kind asks for, like-to-like and power from the question to the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphtwin.clusters import TypesConfig
from graphtwin.config import overridden
from graphtwin.folders import amended
from graphtwin.kinds import CAMPAIGN, LIKE_TO_LIKE, MOTOR, POWER, ROBUST, RUN, STIMULUS_SET, TYPES, require_kind
from graphtwin.pipeline import PowerConfig, run_types
from graphtwin.pipeline.pairs import LikeToLikeConfig, run_like_to_like, run_power
from graphtwin.report.pages import (
    write_campaign,
    write_like_to_like,
    write_motor,
    write_power,
    write_robust,
    write_run,
    write_stimulus_set_page,
    write_types,
)

PAGES = {
    RUN: write_run,
    LIKE_TO_LIKE: write_like_to_like,
    POWER: write_power,
    TYPES: write_types,
    MOTOR: write_motor,
    ROBUST: write_robust,
    CAMPAIGN: write_campaign,
    STIMULUS_SET: write_stimulus_set_page,
}


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into a finished folder from what the folder holds, as `graphtwin report` does; returns the page.

    Args:
        folder: Folder that `graphtwin run`, `motor fit`, `robust train`, `like-to-like`, `power`, `types`, `insilico campaign`,
            `optimise` or `control` wrote.

    Examples:
        >>> graphtwin.write_report("runs/types").name
        'report.html'
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

    Examples:
        >>> folder = graphtwin.like_to_like("pairs.parquet", "signal_correlation", "runs/like", inclusion="none", by="none", nulls=9)
        >>> (folder / "report.html").is_file()
        True
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

    Examples:
        >>> folder = graphtwin.power(1.0, "runs/power", "pairs.parquet", similarity="signal_correlation", axons=(20, 40))  # doctest: +SKIP
        >>> graphtwin.power(0.0, "runs/power")
        Traceback (most recent call last):
            ...
        ValueError: --effect 0: there is nothing to detect. ...
    """
    effects = tuple(effect) if isinstance(effect, Sequence) else (effect,)
    config = overridden(PowerConfig, {"pairs": pairs, "effect": effects, **asked}, overrides, "power")
    return run_power(config, Path(out), force, write_power)


def find_types(
    embeddings: str | Path,
    out: str | Path,
    known: str | Path | None = None,
    source: str | None = None,
    column: str = "cell_type",
    overrides: list[str] | None = None,
    force: bool = False,
    **asked: Any,
) -> Path:
    """Whether neurons fall into types by their embeddings, or function is a continuum, as `graphtwin types` does.

    Args:
        embeddings: Path of a table with embedding_* columns, of an `.npy` with its ids beside it, or of the folder of a run.
        out: Folder to write: new, empty, or of a search that has not finished, which is begun anew.
        known: Path of a table of known types, with nucleus_id or session, scan_idx and unit_id; None takes those of the run, if it is one.
        source: Name or TOML of a source that knows the types, in the place of `known`.
        column: Name of the column of known types.
        overrides: Settings of `TypesConfig` as `key=value`.
        force: Take away a search that is in the folder, once types are looked for.
        asked: Fields of `TypesConfig` by name: components, seeds, continua, permutations, seed.

    Returns:
        The folder.

    Examples:
        >>> folder = graphtwin.find_types("embeddings.parquet", "runs/found")
        >>> (folder / "report.html").is_file()
        True
    """
    config = overridden(TypesConfig, asked, overrides, "types")
    return run_types(Path(embeddings), Path(out), None if known is None else Path(known), source, column, config, force, write_types)
