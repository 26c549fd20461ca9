"""Tables of models: a row for each model, with its numbers in columns. Shared by hosts and command line; internal.

The lines of a table are those of a gallery. The way of a table: `options` are parsed, `own_columns` reads columns that
bmvis can't know, `columns` reads the others from a model, and `table` joins them. `bmvis.render.table_text` and
`bmvis.render.html.table` write the result.
"""
