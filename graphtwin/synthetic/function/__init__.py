"""What simulated animals see, do and answer."""
