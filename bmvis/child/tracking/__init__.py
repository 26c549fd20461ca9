"""Record what the code of a model reads, by which a later build decides whether to build it again. Internal."""
