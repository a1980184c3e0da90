"""What a like-to-like folder found, on the screen."""

from __future__ import annotations

from pathlib import Path

import typer


def print_findings(folder: Path) -> None:
    """Print the slopes, the rule in words, what to beware of, and where the page is."""
    import json

    import pandas as pd

    if (folder / "slopes.csv").exists():
        columns = ["group", "similarity", "estimate", "se", "p_adj", "n_pairs", "n_axons"]
        typer.echo(pd.read_csv(folder / "slopes.csv")[columns].to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (said["rule"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        typer.echo(line)
