"""The house stays in order: imports point one way, heavy packages come late, every public name is there."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/mien"

ROOMS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in (
        "errors limits",
        "optional files workers allowed hub palette kernel_cache parallel",
        "unpickle exif",
        "npz",
        "geometry.rotation geometry.boxes geometry.crop geometry.align geometry.hands records",
        "geometry.camera picture_files",
        "pictures body nets scene placing",
        "clip",
        "detect render export metrics video data.npz_rows data.npz_write data.samples",
        "view data.humandata track movie",
        "synth",
        "data",
        "losses",
        "people",
        "estimator",
        "filming",
        "cluster",
        "evaluate app",
        "train convert deploy",
        "study",
        "cli",
    )
)
"""From the ground up. A module imports only from rooms above its own in this list, or from its own room's package."""


def _room(module: str) -> str:
    """The entry of ROOMS that a module belongs to: the longest that is a prefix of its name."""
    names = {name for level in ROOMS for name in level}
    parts = module.split(".")
    found = [".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in names]
    return found[0] if found else ""


def _imports(path: Path) -> set[str]:
    """Modules of this package that a file imports, anywhere in it, without `TYPE_CHECKING` blocks."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mien":
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if _file(name) else str(node.module) for name in inner)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "mien")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return {name.removeprefix("mien").lstrip(".") for name in found}


def _file(module: str) -> bool:
    path = PACKAGE.parent / module.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_up(path: Path) -> None:
    level = {name: i for i, names in enumerate(ROOMS) for name in names}
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    room = _room(module)
    assert room, f"{module} has no room: name it in ROOMS"
    for imported in _imports(path):
        other = _room(imported)
        if imported and other != room:
            assert other, f"{module} imports {imported}, which has no room"
            assert level[other] < level[room], f"{module} imports {imported}, which is not above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 500, "one idea per file"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 80, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_device_and_no_pickle_in_passing(path: Path) -> None:
    text = path.read_text()
    assert ".cuda()" not in text
    if path.name not in ("unpickle.py", "allowed.py"):
        assert "pickle.load" not in text and "allow_pickle=True" not in text


def test_no_modules_import_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("house", PACKAGE.parents[1] / "tools/house.py")
    assert spec is not None and spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    assert house.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "d"}, "e": set()}) == [["a", "b", "c"], ["d"]]
    assert house.main(PACKAGE) == 0, capsys.readouterr().out


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(' '.join(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return set(printed.splitlines()[-1].split())  # what comes before is the statement's own


def test_import_and_help_are_light() -> None:
    for statement in ("import mien", "from mien.cli import main; main(['--help'])", "import mien.pictures"):
        assert not _modules_after(statement) & {"torch", "cv2", "numba", "transformers", "scipy"}, statement


def test_predicting_needs_no_compiler_and_no_optional_package() -> None:
    heavy = _modules_after("import mien; mien.load('random-xxs', detector='full-image')")
    assert "torch" in heavy
    assert not heavy & {"numba", "transformers", "matplotlib", "scipy", "sympy"}


def test_every_public_name_is_there() -> None:
    import mien

    for name in mien.__all__:
        assert getattr(mien, name) is not None
    assert set(mien.__all__) <= set(dir(mien))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mien.nonsense  # pyright: ignore
