"""Start worker processes, send requests to them, and end them: the parent's side. Internal."""
