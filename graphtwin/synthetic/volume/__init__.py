"""A block of simulated tissue as electron microscopy shows it."""
