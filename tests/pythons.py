"""The Python that builds models in tests of the hosts: .ci/pythons runs those in some that have no torch."""

import os
import sys

TORCH_PYTHON = os.environ.get("TORCH_PYTHON", sys.executable)
