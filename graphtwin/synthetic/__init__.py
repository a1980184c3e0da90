"""A cortex with a known rule, written in the formats of the real ones. It knows neither the functional twin nor the graph model."""
