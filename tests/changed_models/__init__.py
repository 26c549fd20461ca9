"""Single changes of models: the build before and after, and what a report of the change must have."""
