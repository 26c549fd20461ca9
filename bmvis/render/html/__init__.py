"""Draw trees, maps and galleries as HTML, with their stylesheets and scripts. Internal."""
