"""Call a model once, and record what its modules return and what they cost. `forward.py` is the entry point."""
