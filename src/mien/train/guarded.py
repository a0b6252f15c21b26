"""Checkpoints read without running what they hold.

torch.distributed.checkpoint keeps its table of contents as a pickle, and reads it, and whatever is no tensor, with the
full pickle machine: a run folder of a stranger would run code at `--resume`. Here the table is read by a machine that
knows the few types of which such a table consists, and values by `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import torch
from torch.distributed.checkpoint import filesystem as storage
from torch.distributed.checkpoint import metadata as tables
from torch.distributed.checkpoint._traverse import set_element
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta
from torch.distributed.checkpoint.planner import ReadItem

from mien.errors import UnsafeFile
from mien.files import inside, opened
from mien.limits import MAX_JSON_BYTES

__all__ = ["GuardedPlanner", "GuardedReader"]

_RECORDS = (
    tables.BytesStorageMetadata, tables.ChunkStorageMetadata, Metadata, tables.MetadataIndex, StorageMeta,
    tables.TensorProperties, tables.TensorStorageMetadata, storage._StorageInfo,
)  # fmt: skip
_NAMES: dict[tuple[str, str], Any] = {(each.__module__, each.__name__): each for each in _RECORDS}
_NAMES |= {(tables.__name__, "_MEM_FORMAT_ENCODING"): tables._MEM_FORMAT_ENCODING, ("torch", "Size"): torch.Size}
_NAMES |= {("pathlib", name): pathlib.PurePosixPath for name in ("PosixPath", "PurePosixPath")}
_NAMES |= {("pathlib", name): pathlib.PureWindowsPath for name in ("WindowsPath", "PureWindowsPath")}
_NAMES |= {("torch.serialization", "_get_layout"): lambda name: {"torch.strided": torch.strided}[name]}


class _Table(pickle._Unpickler):
    """The pickle machine, for tables of contents alone."""

    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NAMES:
            return _NAMES[module, name]
        if module == "torch" and isinstance(found := getattr(torch, name, None), torch.dtype):
            return found
        self.refuse(f"{module}.{name}")

    def refuse(self, wish: str) -> NoReturn:
        raise UnsafeFile(
            f"the checkpoint asks for {wish[:160]} while it is read, so it was not read",
            expected="a checkpoint that mien wrote",
            todo="if you do not know where it comes from, delete it",
        )

    def load_build(self) -> None:
        """Only records are filled: types and functions stay as they are."""
        state, made = self.stack.pop(), self.stack[-1]
        if type(made) not in _RECORDS:
            self.refuse(f"a change inside {type(made).__name__}")
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        elif isinstance(state, dict) and all(isinstance(name, str) and not name.startswith("__") for name in state):
            vars(made).update(state)
        else:
            self.refuse(f"a change inside {type(made).__name__}")

    def refuse_instance(self, *_: Any) -> None:
        self.refuse("an instance of an old-style class or of a registered extension")

    _instantiate = get_extension = refuse_instance
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,  # pyright: ignore[reportAttributeAccessIssue]
        pickle.BUILD[0]: load_build,
    }


class GuardedReader(FileSystemReader):
    """Reads a checkpoint's folder; files that its table names lie in that folder."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """The table of contents.

        Raises:
            UnsafeFile: it asks for anything but what tables consist of.
            InputError: a file that it names lies elsewhere.
        """
        with opened(Path(self.path) / ".metadata", MAX_JSON_BYTES) as stream:
            table = _Table(stream).load()
        if not isinstance(table, Metadata) or not isinstance(table.storage_data, dict):
            raise ValueError("its table of contents is none")
        for each in table.storage_data.values():
            opened(inside(Path(self.path), str(each.relative_path))).close()
        if getattr(table, "storage_meta", None) is None:
            table.storage_meta = StorageMeta()
        table.storage_meta.load_id = self.load_id  # pyright: ignore[reportOptionalMemberAccess]
        return table


class GuardedPlanner(DefaultLoadPlanner):
    """Values that are no tensors are numbers, text and containers."""

    def load_bytes(self, read_item: ReadItem, value: Any) -> None:
        """Take one of them.

        Raises:
            UnsafeFile: it is something else, which would have run.
        """
        name = read_item.dest_index.fqn
        try:
            found = torch.load(value, weights_only=True)
        except pickle.UnpicklingError as error:
            raise UnsafeFile(
                f"{name} of the checkpoint is no number, text or container of them; it was not read",
                expected="a checkpoint that mien wrote",
                todo="if you do not know where it comes from, delete it",
            ) from error
        if self.flatten_state_dict:
            set_element(self.original_state_dict, self.mappings[name], found)
        else:
            self.state_dict[name] = found
