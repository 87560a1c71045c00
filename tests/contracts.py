"""A contract for import-linter, which has none like it: no circle of files.

Its own `acyclic_siblings` speaks of packages and files beside each other; a circle may also close
through the face of the package that its files lie in. Imports inside functions and for types count.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.application.contract_utils import AlertLevel, remove_ignored_imports

__all__ = ["NoCircles"]

#: One import can close very many circles; the shortest say enough.
SHOWN = 5


class NoCircles(Contract):
    """No file imports itself, by whatever detour."""

    ignore_imports = fields.SetField(subfield=fields.ImportExpressionField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        warnings = remove_ignored_imports(graph, self.ignore_imports, AlertLevel.ERROR)
        circles = set()
        for file in graph.modules:
            for imported in graph.find_modules_directly_imported_by(file):
                way_back = graph.find_shortest_chain(importer=imported, imported=file) or ()
                first = way_back.index(min(way_back)) if way_back else 0
                circles.add((*way_back[first:], *way_back[:first]))
        circles.discard(())
        return ContractCheck(
            kept=not circles,
            warnings=warnings,
            metadata={"circles": sorted(circles, key=lambda circle: (len(circle), circle))},
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        circles = check.metadata["circles"]
        for circle in circles[:SHOWN]:
            output.print_error(" -> ".join([*circle, circle[0]]))
        if len(circles) > SHOWN:
            output.print_error(f"(and {len(circles) - SHOWN} longer ones)")
