"""Networks of the graph model, their fits, and what fitted ones say of neurons and pairs."""
