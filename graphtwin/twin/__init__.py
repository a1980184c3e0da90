"""Functional twin: a shared basis over stimulus directions, a readout a neuron, and the embeddings table."""
