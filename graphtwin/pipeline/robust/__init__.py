"""Runs of classifiers that are drawn to a twin: fitted, scored and written to a folder."""

from graphtwin.pipeline.robust.robust_job import run_robust, score_robust

__all__ = ["score_robust", "run_robust"]
