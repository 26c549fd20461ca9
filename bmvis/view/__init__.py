"""Convert a model and display options to a page of rows, the input of every renderer. Internal."""
