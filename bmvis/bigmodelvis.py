"""bigmodelvis' interface on bmvis' tree: switching is one import line.

```python
from bmvis import Visualization  # was: from bigmodelvis import Visualization

Visualization(model).structure_graph()
```
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import rich
from rich.tree import Tree

from bmvis.errors import BmvisError
from bmvis.extraction.modules import capture
from bmvis.options import Options
from bmvis.render.terminal import print_page, to_tree
from bmvis.view.common_structure import rename_modules
from bmvis.view.layout import layout
from bmvis.view.mapping_files import from_opendelta

if TYPE_CHECKING:
    from torch import nn


class Visualization:
    """Draws a model's structure in the terminal.

    Args:
        plm: any PyTorch module; the name is bigmodelvis'.
    """

    def __init__(self, plm: nn.Module) -> None:
        self.plm = plm

    def structure_graph(
        self,
        rootname: str = "root",
        expand_params: bool = False,
        keep_non_params: bool = False,
        common_structure: bool = False,
        mapping: Mapping[str, Any] | None = None,
        only_common: bool = False,
        printTree: bool = True,  # noqa: N803 - bigmodelvis' name
    ) -> Tree:
        """Print the tree, and return it as Rich's. What of a mapping does not fit the model is a warning.

        Args:
            rootname: what the first row is called.
            expand_params: give each parameter a line of its own.
            keep_non_params: keep modules without parameters.
            common_structure: name modules by the structure that transformers have in common.
            mapping: how, in OpenDelta's nested dictionaries; without, bmvis' own mapping for the model's class.
            only_common: leave out what that structure has no name for, if that is asked for.
            printTree: print it; without, it is only returned.

        Returns:
            The same tree, for Rich to print elsewhere.
        """
        model = capture(self.plm)
        misfits: tuple[BmvisError, ...] = ()
        if common_structure and mapping is not None:
            model, misfits = rename_modules(model, from_opendelta(mapping, model.root.type))
        options = Options(
            root_name=rootname,
            expand_params=expand_params,
            non_params=keep_non_params,
            common="auto" if common_structure else "",
            only_common=common_structure and only_common,
            whole_names=True,
        )
        page = layout(model, options)
        for warning in (*misfits, *page.warnings):
            warnings.warn(warning.report, stacklevel=2)
        if printTree:
            print_page(page, rich.get_console())
        return to_tree(page)
