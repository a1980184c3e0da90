"""What fits and scores read of a recording, and where receptive fields lie in it."""
