"""What the graph model reads: the cortical graph, one row a neuron, edges, and the pairs somebody looked at."""
