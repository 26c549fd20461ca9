"""`make bench`: compare bmvis with other tools and with its targets: `python tests/benchmarks [PART...]`."""

import sys
from importlib import import_module

from rich.console import Console
from rich.table import Table

PARTS = {
    "peers": "peers",
    "sizes": "sizes",
    "sites": "sites",
    "public": "public_sites",
    "builds": "builds",
    "architectures": "architectures",
    "figures": "figure_tools",
}
"""The module of each part. It is imported when the part runs: other parts need no torch."""


def main() -> int:
    console = Console(width=130) if not sys.stdout.isatty() else Console()
    targets = [target for part in sys.argv[1:] or PARTS for target in import_module(PARTS[part]).run(console)]
    table = Table("target", "measured", "limit", "", title="Targets")
    for target in targets:
        verdict = "[green]pass[/]" if target.is_met else "[bold red]FAIL[/]"
        table.add_row(target.what, f"{target.measured:.3g}", target.limit_text, verdict)
    console.print(table)
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
