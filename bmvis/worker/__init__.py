"""The parent's side of the worker process: start it, send requests, end it. Internal."""
