"""What a segmentation says of cells, contacts and synapses, and where tables disagree with it."""
