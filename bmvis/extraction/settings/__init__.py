"""Read what decides how a module behaves and is no tensor. `module_settings.py` is the entry point. Internal."""
