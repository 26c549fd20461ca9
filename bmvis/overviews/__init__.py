"""Overviews of many models: galleries (a card for each) and tables (a row for each). Shared by the hosts; internal.

`entries` parses the lines, and `order` sorts and groups them, for galleries and tables. `gallery_options`, `cards` and
`pages`, which are the pages of single models, are of galleries. The way of a table: `table_options` are parsed,
`own_columns` reads columns that bmvis can't know, `columns` reads the others from a model, and `table` joins them.
`bmvis.render.table_text` and `bmvis.render.html.table` write the result. `facts` and `fact_text` are single numbers
in a sentence.
"""
