"""The processes of the worker: templates that fork, and those in which models are built. Internal."""
