"""What the house looks like from afar: files, functions, and modules that import each other.

    python tools/house.py [SRC]

Prints the number of files and lines, the longest and the median file and function, and every cycle of imports among
modules (those inside functions and under TYPE_CHECKING do not count: they cannot hurt).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

__all__ = ["cycles", "functions", "imports", "main"]


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def imports(tree: ast.Module, modules: set[str], package: str) -> set[str]:
    """The modules among `modules` that are imported when this one is.

    `from package import module` counts as that module; a package's own `__init__` is asked for by its name.
    """
    found = set[str]()
    for node in _at_import(tree.body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in inner]
        else:
            continue
        found.update(name for name in names if name in modules)
    return found


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _at_import([each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)])


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components of more than one node)."""
    index, low, stack = dict[str, int](), dict[str, int](), list[str]()
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1 or node in graph[node]:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def main(source: Path) -> int:
    """Print; 1 where there is a cycle."""
    paths = sorted(source.rglob("*.py"))
    names = {path: ".".join(path.relative_to(source.parent).with_suffix("").parts) for path in paths}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    trees = {path: ast.parse(path.read_text()) for path in paths}
    lines = {path: path.read_text().count("\n") for path in paths}
    lengths = sorted((length, name, path) for path in paths for name, length in functions(trees[path]))
    graph = {names[path]: imports(trees[path], set(names.values()), source.name) for path in paths}
    longest = max(paths, key=lambda path: lines[path])
    print(f"files              {len(paths)}, {sum(lines.values()):,} lines, median {median(lines.values()):.0f}")
    print(f"longest file       {lines[longest]} lines, {longest.relative_to(source)}")
    print(f"functions          {len(lengths):,}, median {median(length for length, _, _ in lengths):.0f} lines")
    print(f"longest function   {lengths[-1][0]} lines, {lengths[-1][1]} in {lengths[-1][2].relative_to(source)}")
    found = cycles(graph)
    print(f"cycles of imports  {len(found) or 'none'}")
    for group in found:
        print("  " + ", ".join(group))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "src/mien")))
