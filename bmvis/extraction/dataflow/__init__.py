"""Record which operation of a call uses the results of which others. `dataflow_recorder.py` is the entry point."""
