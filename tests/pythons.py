"""The Python that builds models in tests of the hosts, which .ci/pythons also runs in Pythons without torch."""

import os
import sys

TORCH_PYTHON = os.environ.get("TORCH_PYTHON", sys.executable)
