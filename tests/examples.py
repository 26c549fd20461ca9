"""How many random models the test of a property draws: few in `make test`, 400 in `make test-mutated`."""

import os

EXAMPLES = int(os.environ.get("BMVIS_EXAMPLES", "40"))
