"""What responses say of a unit, without torch: tuning curves, direction embeddings, and similarities of pairs."""
