"""In silico experiments: stimuli shown to a responder, and what its answers say of units."""
