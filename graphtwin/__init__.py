"""A digital twin of cortex on its graph: from functional responses and a connectome to predicted cell type, position and connectivity.

The names below are loaded at first use, so that importing the package stays fast and pulls in neither torch nor pandas.

Jobs (`run`, `run_motor`, `run_robust`, `like_to_like`, `power`, `find_types`, `simulate`) take `out` and write a folder. Families of models
(`twin`, `motor`, `robustness`, `mixed`) have `fit`, which gives a fitted object with `predict` and `save`, and `load`; the graph model,
which `run` fits, has `graph.load` and `predict`.

Examples in docstrings run in a folder of small planted data (`tests/at_hand.py` makes it), with objects of it at hand: `twin`, `circuit`,
`trials`, `fitted`, `pictures`, `classifier`, `responder`, `pairs`; `np`, `pd` and `torch` are imported.
"""

from __future__ import annotations

from graphtwin.public import public_names

__version__ = "0.1.0"

# Public name -> the module that defines it, and its name there; the last ones are packages.
_PUBLIC = {
    "load": ("graphtwin.sources", "load"),
    "build": ("graphtwin.cortex.cortex", "build"),
    "learn_embeddings": ("graphtwin.tuning.learned", "learn_embeddings"),
    "run": ("graphtwin.pipeline.graph.main_job", "run"),
    "write_report": ("graphtwin.report.finished", "write_report"),
    "like_to_like": ("graphtwin.report.finished", "like_to_like"),
    "power": ("graphtwin.report.finished", "power"),
    "find_types": ("graphtwin.report.finished", "find_types"),
    "run_motor": ("graphtwin.pipeline.motor.motor_job", "run_motor"),
    "run_robust": ("graphtwin.pipeline.robust.robust_job", "run_robust"),
    "simulate": ("graphtwin.pipeline.simulated_cortex", "simulate"),
    "explorer": ("graphtwin.explorer", ""),
    "twin": ("graphtwin.twin", ""),
    "graph": ("graphtwin.graph", ""),
    "motor": ("graphtwin.motor", ""),
    "robustness": ("graphtwin.robustness", ""),
    "mixed": ("graphtwin.mixed", ""),
    "insilico": ("graphtwin.insilico", ""),
    "plots": ("graphtwin.plots", ""),
}

__all__ = ["__version__", *_PUBLIC]
__getattr__, __dir__ = public_names(__name__, _PUBLIC)
