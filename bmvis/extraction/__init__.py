"""Read a live PyTorch model into the data of `bmvis.model`. Internal; imports torch."""
