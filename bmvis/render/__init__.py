"""Draw a page of rows as text, HTML, LaTeX, terminal output or JSON. Internal.

Renderers only add markup. The rows contain the facts.
"""
