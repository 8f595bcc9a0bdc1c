"""Stage 3: synthetic + real images -> a detector and its score on real photos."""
