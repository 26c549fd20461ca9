"""The interface of bigmodelvis, https://pypi.org/project/bigmodelvis.

To switch to bmvis, change one import:

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
from bmvis.options.definitions import Options
from bmvis.render.terminal import print_page, to_tree
from bmvis.view.common_structure import rename_modules
from bmvis.view.layout import layout
from bmvis.view.mapping_files import from_opendelta

if TYPE_CHECKING:
    from torch import nn


class Visualization:
    """Print the structure of a model in the terminal, with the interface of bigmodelvis.

    See https://pypi.org/project/bigmodelvis for the original.

    Args:
        plm: any PyTorch module. The name is that of bigmodelvis.

    Examples:
        >>> tree = Visualization(nn.Linear(2, 3)).structure_graph()
        root weight:[3, 2] bias:[3]
        <BLANKLINE>
        Linear: 9 parameters, all trainable; float32, 36 bytes
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
        """Print the tree, and return it as a `rich.tree.Tree`.

        Names in a mapping that do not match the model are reported as Python warnings.

        Args:
            rootname: the label of the first row.
            expand_params: show each parameter on its own line.
            keep_non_params: show modules without parameters.
            common_structure: rename modules to the names that all transformer architectures share.
            mapping: the new names, as nested dictionaries in OpenDelta's format. The default is the mapping that
                bmvis has for the class of the model.
            only_common: with `common_structure`, leave out modules that have no common name.
            printTree: whether to print the tree.

        Returns:
            The same tree, for Rich to print elsewhere.

        Raises:
            TypeError: `plm` is not a `torch.nn.Module`.
        """
        options = Options(
            root_name=rootname,
            expand_params=expand_params,
            non_params=keep_non_params,
            common="auto" if common_structure else "",
            only_common=common_structure and only_common,
            whole_names=True,
            fold="equal",
        )
        return self._graph(options, mapping if common_structure else None, is_printed=printTree)

    def _graph(self, options: Options, mapping: Mapping[str, Any] | None, *, is_printed: bool) -> Tree:
        """Return the tree for Rich; warn the caller of `structure_graph`, and print the tree if it is to be printed."""
        model = capture(self.plm)
        mapping_errors: tuple[BmvisError, ...] = ()
        if mapping is not None:
            model, mapping_errors = rename_modules(model, from_opendelta(mapping, model.root.type))
        page = layout(model, options)
        for warning in (*mapping_errors, *page.warnings):
            warnings.warn(warning.report, stacklevel=3)
        if is_printed:
            print_page(page, rich.get_console())
        return to_tree(page)
