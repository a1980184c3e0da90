"""The stages in order: tables, cortex, embeddings, held-out fits, baselines and nulls, like-to-like, metrics, verdicts, predictions."""
