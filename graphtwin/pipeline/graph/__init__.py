"""The main job: held-out fits of the graph model, baselines, nulls, scores, verdicts."""
