"""Circuits of senses and motion: from a wiring diagram to what neurons do next, what is lost with them, and what moves."""
