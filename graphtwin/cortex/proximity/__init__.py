"""How close axons come to dendrites: L_d and distances of skeletons."""
