"""The plain data of a captured model: no torch, no layout, no host.

Internal, except for the classes that `bmvis` exports.
"""
