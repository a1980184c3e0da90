"""Predictions against held-out anatomy: splits, metrics with intervals, baselines, verdicts in words."""
