"""The modes of a site: whether models are built, or read from snapshots."""

from typing import Literal

Mode = Literal["auto", "live", "snapshot", "check"]
"""`live` builds models, `snapshot` reads committed snapshots, `check` does both and compares them. `auto` is `live`
where PyTorch is installed, else `snapshot`."""
