"""Find the factory of a reference, call it, and explain failures. `builder.py` is the entry point. Internal."""
