"""The functional twin: from video to the responses of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.twin.fitting import FittedTwin
    from graphtwin.twin.runs import agree_twins as agree
    from graphtwin.twin.runs import correlate_twin as correlate
    from graphtwin.twin.runs import embed_twin as embed
    from graphtwin.twin.runs import fields_twin as fields
    from graphtwin.twin.runs import fit_twin as fit
    from graphtwin.twin.runs import fit_twins as fit_seeds
    from graphtwin.twin.runs import load_twin as load
    from graphtwin.twin.runs import score_population, score_predictions
    from graphtwin.twin.runs import score_twin as score
    from graphtwin.twin.runs import transfer_twin as transfer
    from graphtwin.twin.runs import tune_twin as tune

__all__ = [
    "FittedTwin",
    "agree",
    "correlate",
    "embed",
    "fields",
    "fit",
    "fit_seeds",
    "load",
    "score",
    "score_population",
    "score_predictions",
    "transfer",
    "tune",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "FittedTwin": ("graphtwin.twin.fitting.fitted_twin", "FittedTwin"),
        "fit": ("graphtwin.twin.runs.trainings", "fit_twin"),
        "transfer": ("graphtwin.twin.runs.trainings", "transfer_twin"),
        "load": ("graphtwin.twin.runs.twin_folder", "load_twin"),
        "score": ("graphtwin.twin.runs.held_out_trials", "score_twin"),
        "score_predictions": ("graphtwin.twin.runs.held_out_trials", "score_predictions"),
        "score_population": ("graphtwin.twin.runs.shared", "score_population"),
        "embed": ("graphtwin.twin.runs.in_silico", "embed_twin"),
        "tune": ("graphtwin.twin.runs.measured", "tune_twin"),
        "fit_seeds": ("graphtwin.twin.runs.trainings", "fit_twins"),
        "agree": ("graphtwin.twin.runs.certificates", "agree_twins"),
        "fields": ("graphtwin.twin.runs.measured", "fields_twin"),
        "correlate": ("graphtwin.twin.runs.correlations", "correlate_twin"),
    },
)
