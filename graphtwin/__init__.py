"""A digital twin of cortex on its graph: from functional responses and a connectome to predicted cell type, position and connectivity.

The names below are loaded at first use, so that importing the package stays fast and pulls in neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that defines it, and its name there.
_PUBLIC = {
    "load": ("graphtwin.sources", "load"),
    "build": ("graphtwin.cortex.cortex", "build"),
    "learn_embeddings": ("graphtwin.tuning.embeddings", "learn_embeddings"),
    "run": ("graphtwin.pipeline.graph.run", "run"),
    "score_all": ("graphtwin.graph.model.pair_fit", "score_all"),
    "write_report": ("graphtwin.report.pages.run_page", "write_run"),
    "load_graph": ("graphtwin.graph.runs.fitted_graph", "load_graph"),
    "predict_pairs": ("graphtwin.graph.runs.answers", "predict_pairs"),
    "predict_neurons": ("graphtwin.graph.runs.answers", "predict_neurons"),
    "like_to_like": ("graphtwin.pipeline.pairs.like_to_like", "run_like_to_like"),
    "train_twin": ("graphtwin.twin.runs.folder", "train_twin"),
    "transfer_twin": ("graphtwin.twin.runs.folder", "transfer_twin"),
    "score_twin": ("graphtwin.twin.runs.folder", "score_twin"),
    "score_population": ("graphtwin.twin.runs.shared", "score_population"),
    "predict_video": ("graphtwin.twin.runs.folder", "predict_video"),
    "embed_twin": ("graphtwin.twin.runs.in_silico", "embed_twin"),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name from its module at first use (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'graphtwin' has no attribute {name!r}. Public names: {', '.join(_PUBLIC)}.")
    module, attribute = _PUBLIC[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
