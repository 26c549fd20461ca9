"""Call a model once, and record what its modules return and cost. `forward.py` is the entry point. Internal."""
