"""Artifacts of a finished run -> figures, tables and one self-contained page."""
