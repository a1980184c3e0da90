"""Runs of classifiers that are drawn to a twin: fitted, scored and written to a folder."""

from graphtwin.pipeline.robust.robust_job import score_robust, train_robust

__all__ = ["score_robust", "train_robust"]
