"""The architecture figure: the boxes of a model at one level of detail, and the edges between them. Internal."""
