"""Neurons and units joined and checked, and the graph they make."""
