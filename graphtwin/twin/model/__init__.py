"""The network of the functional twin: core, perspective, modulation, readouts and response distributions."""
