"""The graph model: from function and synapses to cell type, place and partners of neurons."""
