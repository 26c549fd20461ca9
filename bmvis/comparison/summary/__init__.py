"""Report many changes in few lines. `summing.py` is the entry point. Internal."""
