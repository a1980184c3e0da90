"""A fitted model, and what a reader asks of it."""
