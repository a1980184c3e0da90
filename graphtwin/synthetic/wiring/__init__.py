"""Who of a simulated cortex comes close to whom, who connects by the planted rule, and what is reconstructed of it."""
