"""Finished folders and their pages: the page that a folder's kind asks for, and like-to-like from the question to the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphtwin.config import overridden
from graphtwin.folders import amended
from graphtwin.kinds import LIKE_TO_LIKE, RUN, require_kind
from graphtwin.pipeline.pairs import LikeToLikeConfig, run_like_to_like
from graphtwin.report.pages import write_like_to_like, write_run

PAGES = {RUN: write_run, LIKE_TO_LIKE: write_like_to_like}


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into a finished folder from what the folder holds, as `graphtwin report` does; returns the page.

    Args:
        folder: Folder that `graphtwin run` or `graphtwin like-to-like` wrote.
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
