"""Read and print what bmvis does not control: names, exceptions, output and files of user code. Internal.

Nothing here imports other parts of bmvis, so that the worker process can use it before user code runs.
"""
