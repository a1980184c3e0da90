"""Pairs of neurons that could connect, which of them an analysis may use, and what is asked of each."""
