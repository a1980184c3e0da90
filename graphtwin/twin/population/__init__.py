"""What units share beyond stimulus and behaviour: the latent population model and its scores."""
