"""Training, what readouts have in common, and a fitted twin apart from its data."""
