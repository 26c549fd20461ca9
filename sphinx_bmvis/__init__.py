"""The Sphinx extension: `.. model-structure::` and what belongs to it."""
