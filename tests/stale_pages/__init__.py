"""Models, and edits between two builds that change or do not change them: tables for `test_stale_pages.py`."""
