"""From a model and display options to a page of rows, which every renderer draws. Internal."""
