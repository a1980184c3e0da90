"""Distributions of the response."""
