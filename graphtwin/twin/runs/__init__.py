"""The functional twin on files: train, transfer, score, predict, embed."""
