"""Figures, each with the sentence that says what it shows."""
