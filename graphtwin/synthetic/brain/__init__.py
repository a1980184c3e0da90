"""Cells of a simulated cortex: where they lie and how they grow."""
