"""Build and call models on the meta device, and find where they behave differently than on the CPU. Internal."""
