"""Renderers: each turns a `bmvis.rows.Page` into one format and decides no facts."""
