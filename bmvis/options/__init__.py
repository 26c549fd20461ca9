"""What a page, a command line or a configuration file can write: display options, inputs, rules for classes. Internal.

`definitions` is the one table of options, `parsing` reads values for it, `inputs` reads the inputs of a model, and
`class_rules` reads which documented classes get a tree.
"""
