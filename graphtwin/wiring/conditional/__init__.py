"""Which candidates of an axon got its synapses: conditional fits, their errors, and rules made of them."""
