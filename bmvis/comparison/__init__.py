"""Find the changes from one model to another. Internal."""
