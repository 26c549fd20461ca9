"""Draw a page of rows as text, HTML, LaTeX, terminal output or JSON. Internal.

A renderer adds markup and decides no facts.
"""
