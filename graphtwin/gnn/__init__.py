"""The graph twin: message passing over function and training synapses, and what it predicts of each neuron and pair."""
