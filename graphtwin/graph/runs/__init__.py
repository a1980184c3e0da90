"""A run of the graph model on disk: its settings, what its fits read, and the fitted model that is asked."""
