"""Record which operation of a call uses which results. `dataflow_recorder.py` is the entry point. Internal."""
