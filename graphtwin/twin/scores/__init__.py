"""How well a twin predicts held-out responses."""
