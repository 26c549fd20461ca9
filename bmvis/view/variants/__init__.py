"""Find the variants of a block, and write how they differ: the mark `differs from layer.0-5, where …`. Internal."""
