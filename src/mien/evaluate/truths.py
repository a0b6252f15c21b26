"""The truth about the people of a folder in HumanData form, as it is measured against.

    truths = read_truths(Path("data/studio"), "test", body)

Rows are read and mended as for training (absolute hands, tight boxes, what is absent or failed has weight 0), so that
training and evaluation mean the same by a label.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.fitted import mean_hands, row_weight
from mien.data.humandata import HumanDataFile
from mien.data.images import ImageStore
from mien.data.readers import READERS
from mien.data.readers.base import text
from mien.data.samples import PARAMS, Label, Samples
from mien.data.transforms import Setting, Tally
from mien.errors import BodyError, InputError
from mien.files import sha256
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams

__all__ = ["Hands", "Split", "Truths", "family_of", "files_of", "read_truths"]

Split = Literal["test", "train", "all"]
Hands = Literal["flat", "relative"]
BOX_PADDING = 1.2
"""By how much boxes of HumanData are larger than the person, unless the file says otherwise."""
_WHOLE = ("global_orient", "body_pose")


@dataclass(frozen=True, kw_only=True, eq=False)
class Truths:
    """People with their labels, and the pictures that they are in."""

    name: str
    """Of the recipe that made the folder, or of the folder."""
    samples: Samples
    """`extra["file"]` names the file of each row."""
    images: ImageStore
    sources: dict[str, str]
    """SHA-256 of each file, by its name."""
    entries: int
    """Rows of the files, before any were left out."""
    left_out: dict[str, int]
    """How many rows each rule for labels left out, by its name."""

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, rows: Any) -> Truths:
        """The people that an index array, a slice or a mask picks."""
        return replace(self, samples=self.samples.take(rows))

    @property
    def whole(self) -> Bool[np.ndarray, "row"]:
        """Whose body is known: root, pose and shape. Only their meshes are measured."""
        shape = row_weight(self.samples, "betas")
        kept = self.samples.extra.get("mesh_betas")
        shape = np.maximum(shape, kept.weight) if isinstance(kept, Label) else shape
        return np.minimum.reduce([shape, *(row_weight(self.samples, name) for name in _WHOLE)]) > 0

    @property
    def hands(self) -> Bool[np.ndarray, "row 2"]:
        """Who has a left and a right hand."""
        sides = [row_weight(self.samples, f"{side}_hand_pose") > 0 for side in ("left", "right")]
        return np.stack(sides, 1) & self.whole[:, None]

    @property
    def face(self) -> Bool[np.ndarray, "row"]:
        """Who has a jaw and an expression."""
        return self.whole & (row_weight(self.samples, "jaw_pose") * row_weight(self.samples, "expression") > 0)

    def keypoints(self) -> tuple[Float[Tensor, "row 137 2"], Bool[Tensor, "row 137"]]:
        """The 137 joints in pixels, and which of them are known and lie in the picture."""
        label, count = self.samples.keypoints2d, len(self)
        if label is None:
            return torch.zeros(count, 137, 2), torch.zeros(count, 137, dtype=torch.bool)
        known = label.weight > 0
        if self.samples.size is not None:
            limit = self.samples.size[:, None, ::-1] - 1
            known &= ((label.value >= 0) & (label.value <= limit)).all(-1)
        return torch.from_numpy(label.value), torch.from_numpy(known)

    def params(self, body: BodyModel) -> SmplxParams:
        """The parameters; unknown parts are at rest, unknown hands relaxed."""
        hands = ("left_hand_pose", "right_hand_pose")
        rest: dict[str, Any] = dict(zip(hands, mean_hands(body).numpy(), strict=True))
        values = {name: self._known(name, rest.get(name, np.float32(0))) for name in PARAMS}
        plain = {name: values.pop(name) for name in ("betas", "expression", "transl")}
        kept = self.samples.extra.get("mesh_betas")
        if isinstance(kept, Label):
            plain["betas"] = np.where(kept.weight[:, None] > 0, kept.value, plain["betas"])
        rotations = {name: matrix_from_axis_angle(torch.from_numpy(value)) for name, value in values.items()}
        return SmplxParams(**rotations, **{name: torch.from_numpy(value) for name, value in plain.items()})

    def _known(self, name: str, rest: Any) -> np.ndarray:
        """The values of a parameter, `rest` where it is not known."""
        shape, label = (len(self), *PARAMS[name]), getattr(self.samples, name)
        if label is None:
            return np.broadcast_to(rest, shape).astype(np.float32)
        known = row_weight(self.samples, name).reshape(-1, *[1] * (len(shape) - 1)) > 0
        return np.where(known, label.value, rest).astype(np.float32)


def read_truths(
    folder: Path, split: Split, body: BodyModel, *, images: str | None = None, hands: Hands = "flat", name: str = ""
) -> Truths:
    """The people of a folder.

    Args:
        folder: with `test.npz`, `train.npz` or other HumanData files; or one such file.
        split: `test` or `train` for that file, `all` for every .npz of the folder.
        body: that the predictions are of; the labels must be of the same family.
        images: where the pictures are; the folder itself by default.
        hands: how the files keep hand poses, where they do not say so themselves.
        name: what to call it; the recipe that made it, or the folder, by default.

    Raises:
        InputError: there is no such file, it is damaged, nothing is left of it, or there are no pictures.
        BodyError: the labels are of another body.
    """
    parts, left_out, entries = list[Samples](), dict[str, int](), 0
    files = files_of(folder, split)
    for file in files:
        _check_family(file, body)
        tally = Tally(_setting(file, body, hands))
        for chunk in READERS["humandata"].read(file):
            entries += len(chunk)
            parts.append(tally(replace(chunk, extra={**chunk.extra, "file": text([file.name] * len(chunk))})))
        for rule, count in tally.dropped.items():
            left_out[rule] = left_out.get(rule, 0) + count
    left_out = {rule: count for rule, count in left_out.items() if count}
    parts = [part for part in parts if len(part)]
    if not parts:
        why = ", ".join(f"{rule}: {count}" for rule, count in left_out.items()) or "the files are empty"
        raise InputError(f"{folder}: none of its {entries} people can be used ({why})", todo="see: mien data validate")
    truths = Truths(
        name=name or _name(files[0], folder),
        samples=Samples.cat(parts),
        images=ImageStore.open(images or str(folder if folder.is_dir() else folder.parent)),
        sources={file.name: sha256(file) for file in files},
        entries=entries,
        left_out=left_out,
    )
    if not truths.whole.any() and not truths.keypoints()[1].any():
        raise InputError(
            f"{folder}: nobody of {entries} people has whole SMPL-X parameters or 2D keypoints",
            expected="finite global_orient, body_pose and betas in `smplx`, or keypoints2d",
            todo="see: mien data validate",
        )
    return truths


def files_of(folder: Path, split: Split) -> list[Path]:
    """The HumanData files of a split.

    Raises:
        InputError: there is none.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist", expected="a folder of `mien synth`, or one with HumanData files")
    there = sorted(folder.glob("*.npz"))
    if not there:
        raise InputError(f"{folder} holds no .npz", expected="HumanData files such as test.npz")
    if split == "all":
        return there
    if folder / f"{split}.npz" not in there:
        names = ", ".join(file.name for file in there[:5])
        raise InputError(f"{folder} holds no {split}.npz", expected=f"one of: {names}", todo="choose another --split")
    return [folder / f"{split}.npz"]


def family_of(file: Path) -> str:
    """The body family of a file's parameters: what it or its folder says, else that of the field, SMPL-X."""
    data, misc = HumanDataFile.open(file), {}
    if "misc" in data:
        misc = data["misc"]
    if "body_family" in misc:
        return str(misc["body_family"])
    made = _made_with(file)
    if made is not None:
        return "openbody" if made == sha256(find_body("openbody")) else "smplx"
    return "openbody" if _exact(data) else "smplx"


def _check_family(file: Path, body: BodyModel) -> None:
    family = family_of(file)
    if family != body.family:
        raise BodyError(
            f"the parameters in {file} are of a {family!r} body, the predictions of a {body.family!r} body",
            expected="labels and predictions of one family, since shapes and meshes do not carry over",
            todo="choose other weights, or data made with their body",
        )


def _made_with(file: Path) -> str | None:
    """SHA-256 of the body that `mien synth` made the folder with."""
    try:
        record = json.loads((file.parent / "synth.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    made = record.get("body_sha256") if isinstance(record, dict) else None
    return made if isinstance(made, str) else None


def _exact(data: HumanDataFile) -> bool:
    """Whether the labels are those of `mien synth`: exact, so that zeros are values."""
    return "config" in data and str(data["config"]) == "mien synth"


def _setting(file: Path, body: BodyModel, hands: Hands) -> Setting:
    return Setting(
        hands=hands,
        padded=BOX_PADDING,
        exact=_exact(HumanDataFile.open(file)),
        mean_hands=lambda: mean_hands(body).numpy().astype(np.float32),
    )


def _name(file: Path, folder: Path) -> str:
    data = HumanDataFile.open(file)
    recipe = data["misc"].get("recipe") if _exact(data) and "misc" in data else None
    return str(recipe) if recipe else (folder.resolve().name if folder.is_dir() else folder.stem)
