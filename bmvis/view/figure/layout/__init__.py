"""From a figure to coordinates: rows, columns and right-angled lines, in a grid for each opened module. Internal.

Each frame is laid out by itself, the innermost first. A value that enters a frame comes from a point on its top edge,
and a value that leaves it goes to a point on its bottom edge. Outside, the frame is one box with these points.

In a grid, boxes are in rows (`rows.py`): a box is below the boxes that it depends on. Chains of boxes share a vertical
axis (`strands.py`). The longest chain, the trunk, is at x = 0, and the others are placed to its left and right
(`columns.py`), where values that skip rows have their lanes. Horizontal lines run between the rows (`channels.py`). So
a line never crosses a box. `geometry_check.py` checks the result without knowing how it was made.
"""
