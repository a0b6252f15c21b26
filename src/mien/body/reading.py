"""What is in a body model file: SMPL-X and SMPL as .npz or .pkl, and the open body, checked array by array.

Members of an .npz are read only when needed: the open body's pose correctives are 79 MB of zeros, and are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int64

from mien.errors import BodyError, MienError
from mien.files import opened, sha256
from mien.npz import load_npy, open_npz
from mien.unpickle import load_pickle

__all__ = ["KEYPOINT_NAMES", "KINDS", "BodyArrays", "Family", "Gender", "Kind", "Reading", "open_source", "read_body"]

Family = Literal["smplx", "openbody", "smpl"]
Gender = Literal["neutral", "male", "female"]

_OTHERS = {778: "a MANO hand", 5023: "a FLAME head"}
_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"<": "a web page: the download asked for a login",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"Rar!": "a rar archive: unpack it first",
    b"%PDF": "a PDF document",
}

KEYPOINT_NAMES = (
    *("nose", "reye", "leye", "rear", "lear", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
    *(f"{side}{finger}" for side in "lr" for finger in ("thumb", "index", "middle", "ring", "pinky")),
)
"""The 21 joints that are vertices, in the order in which they follow the skeleton's joints."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a family's files must hold."""

    title: str
    num_verts: int
    num_joints: int
    hands_and_face: bool
    obtain: str
    """What to do when a file is missing."""
    keypoints: tuple[int, ...] | None
    """Vertices in the order of `KEYPOINT_NAMES`, for files that do not name them."""


_SITE = "register at https://{}.is.tue.mpg.de and download it there: its licence forbids us to ship it"
KINDS: dict[Family, Kind] = {
    "smplx": Kind(
        title="SMPL-X body",
        num_verts=10475,
        num_joints=55,
        hands_and_face=True,
        obtain=_SITE.format("smpl-x"),
        keypoints=(
            *(9120, 9929, 9448, 616, 6, 5770, 5780, 8846, 8463, 8474, 8635),
            *(5361, 4933, 5058, 5169, 5286, 8079, 7669, 7794, 7905, 8022),
        ),
    ),
    "openbody": Kind(
        title="open body",
        num_verts=13492,
        num_joints=55,
        hands_and_face=True,
        obtain="it comes with this package: install the package again",
        keypoints=None,
    ),
    "smpl": Kind(
        title="SMPL body",
        num_verts=6890,
        num_joints=24,
        hands_and_face=False,
        obtain=_SITE.format("smpl"),
        keypoints=(
            *(332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787),
            *(2746, 2319, 2445, 2556, 2673, 6191, 5782, 5905, 6016, 6133),
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class BodyArrays:
    """One body model as arrays. Metres, y up, facing z, in the T-pose."""

    family: Family
    gender: Gender
    path: Path
    sha256: str
    """Of the file: what result files and weights name the body by."""
    v_template: Float32[np.ndarray, "vert 3"]
    faces: Int64[np.ndarray, "face 3"]
    weights: Float32[np.ndarray, "vert joint"]
    """Skinning; rows sum to one."""
    shapedirs: Float32[np.ndarray, "vert 3 beta"]
    """Metres per unit of each beta."""
    exprdirs: Float32[np.ndarray, "vert 3 expression"]
    """Metres per unit of each expression; SMPL has none (zero columns)."""
    posedirs: Float32[np.ndarray, "vert 3 pose"] | None
    """Metres per entry of (rotation - identity) of the joints after the root, row by row; None where all are zero."""
    J_regressor: Float32[np.ndarray, "joint vert"]
    parents: Int64[np.ndarray, " joint"]
    """The joint each joint hangs on, -1 for the root; parents come before their children."""
    hands_meanl: Float32[np.ndarray, "15 3"] | None
    """Axis-angle, radians; None for SMPL, which has no fingers."""
    hands_meanr: Float32[np.ndarray, "15 3"] | None
    lmk_faces_idx: Int64[np.ndarray, " landmark"] | None
    """Face landmarks (51): the triangle each lies on; None for SMPL."""
    lmk_bary_coords: Float32[np.ndarray, "landmark 3"] | None
    dynamic_lmk_faces_idx: Int64[np.ndarray, "angle contour"] | None
    """Contour landmarks (17), one row for each of 79 head angles; None for SMPL."""
    dynamic_lmk_bary_coords: Float32[np.ndarray, "angle contour 3"] | None
    kp_vertex_ids: Int64[np.ndarray, "21"]
    """Vertices that stand for joints, in the order of `KEYPOINT_NAMES`."""


def read_body(path: Path) -> BodyArrays:
    """Read a body model file of any family; which one it is, its number of vertices says.

    Of the columns of `shapedirs`, the first 300 are betas and the rest expressions where there are more than 300;
    otherwise the first 10 are betas and the rest expressions. SMPL has betas only.

    Raises:
        BodyError: it is no body model, or something in it is missing, of the wrong shape, or impossible.
        InputError: the file is damaged, or is not there.
        UnsafeFile: it is a pickle that asks for more than arrays.
    """
    reading = Reading(path, open_source(path))
    arrays = reading.arrays()
    if reading.problems:
        raise reading.problems[0]
    return BodyArrays(path=path, sha256=sha256(path), **arrays)


def open_source(path: Path) -> Any:
    """What a model file holds: a mapping from names to arrays (read when asked for), or a lone array.

    Raises:
        BodyError: by its content it is something else: a picture, a web page, a folder ...
        InputError: it is damaged, or is not there.
        UnsafeFile: it is a pickle that asks for more than arrays.
    """
    if path.is_dir():
        raise BodyError(f"{path} is a folder", expected="a body model file", todo="name the file in it")
    with opened(path) as stream:
        head = stream.read(64).lstrip()
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise BodyError(f"{path} is {what}", expected="a body model (.npz or .pkl)")
    if head.startswith(b"\x93NUMPY"):
        return load_npy(path)
    if head.startswith(b"PK"):
        archive = open_npz(path)
        if not archive:
            todo = "if it is a download, unpack it first; weights are no body model"
            raise BodyError(f"{path} is a zip archive without arrays", expected="an .npz archive", todo=todo)
        return archive
    if head.startswith(b"\x80") or path.suffix in (".pkl", ".pickle", ".p"):
        return load_pickle(path)
    raise BodyError(f"{path} is no body model", expected="an .npz or .pkl file")


class Reading:
    """One body model file while it is read: takes arrays out of it, and gathers all that is wrong with them."""

    def __init__(self, path: Path, source: Any) -> None:
        self.path, self.source = path, source if isinstance(source, Mapping) else {}
        self.problems: list[MienError] = []
        self.missing: list[str] = []
        self.family: Family | None = None
        name = path.name.lower()
        self.gender: Gender = "female" if "female" in name else "male" if "male" in name else "neutral"

    def complain(self, found: str, expected: str = "", todo: str = "") -> None:
        """Note a problem; reading goes on, so that a check can list them all."""
        self.problems.append(BodyError(f"{self.path}: {found}", expected=expected, todo=todo or "take the file anew"))

    def take(self, key: str, shape: tuple[int, ...], *, least: int = 0, below: int | None = None) -> np.ndarray | None:
        """The array called `key`, checked; None if there is a problem with it, which is noted.

        Args:
            key: its name in the file.
            shape: what it must be; -1 is any size.
            below: if given, the array holds indices in [least, below); without, it holds finite numbers.
            least: see `below`.
        """
        if key not in self.source:
            self.missing.append(key)
            obtain = KINDS[self.family].obtain if self.family else "is it another file?"
            return self.complain(f"{key} is missing", "a whole body model", obtain)
        try:
            value = self.source[key]
            array = value if hasattr(value, "toarray") else np.asarray(value)
        except MienError as error:
            return self.problems.append(error)
        except (ValueError, TypeError) as error:
            return self.complain(f"{key} is no array of numbers ({error})")
        wanted = str(shape).replace("-1", "any")
        if len(array.shape) != len(shape) or any(n not in (-1, m) for n, m in zip(shape, array.shape, strict=True)):
            return self.complain(f"{key} has shape {tuple(array.shape)}", wanted)
        array = array if isinstance(array, np.ndarray) else array.toarray()
        if array.dtype.kind not in "iuf":
            return self.complain(f"{key} holds {array.dtype}", "numbers")
        with np.errstate(all="ignore"):
            result = np.require(array, np.float32 if below is None else np.int64, ["C", "W"])
        if below is None and not np.isfinite(result).all():
            return self.complain(f"{key} holds NaN or infinity", "finite numbers")
        if below is not None and not (np.array_equal(result, array) and ((result >= least) & (result < below)).all()):
            return self.complain(f"{key} holds indices out of range", f"whole numbers from {least} to {below - 1}")
        return result

    def _plain(self, key: str, default: Any) -> Any:
        try:
            return self.source.get(key, default)
        except MienError as error:
            self.problems.append(error)
            return default

    def arrays(self) -> dict[str, Any]:
        """The fields of `BodyArrays`, as far as they can be read; see `problems`."""
        template = self.take("v_template", (-1, 3))
        if template is None:
            return {}
        count = len(template)
        self.family = next((name for name, kind in KINDS.items() if kind.num_verts == count), None)
        if self.family is None:
            what = f" ({_OTHERS[count]})" if count in _OTHERS else ""
            known = ", ".join(f"{kind.num_verts} ({kind.title})" for kind in KINDS.values())
            self.complain(f"a model of {count} vertices{what}", known, "take the model of a whole body")
            return {}
        kind = KINDS[self.family]
        faces = self.take("f", (-1, 3), below=count)
        return {
            "family": self.family,
            "gender": self.gender,
            "v_template": template,
            "faces": faces,
            "weights": self._weights(kind),
            "posedirs": self._posedirs(kind),
            "J_regressor": self.take("J_regressor", (kind.num_joints, count)),
            "parents": self._parents(kind),
            "kp_vertex_ids": self._keypoints(kind),
            **self._shapes(kind),
            **self._hands_and_face(kind, 0 if faces is None else len(faces)),
        }

    def _weights(self, kind: Kind) -> np.ndarray | None:
        weights = self.take("weights", (kind.num_verts, kind.num_joints))
        if weights is not None and (error := np.abs(weights.sum(1) - 1)).max() > 1e-3:
            self.complain(f"the weights of vertex {error.argmax()} sum to {weights[error.argmax()].sum():.3f}", "1")
        return weights

    def _posedirs(self, kind: Kind) -> np.ndarray | None:
        if np.any(self._plain("posedirs_zero", False)):
            return None
        return self.take("posedirs", (kind.num_verts, 3, 9 * (kind.num_joints - 1)))

    def _parents(self, kind: Kind) -> np.ndarray | None:
        table = self.take("kintree_table", (2, -1), least=-1, below=2**32)
        if table is None:
            return None
        parents = table[0].copy()
        parents[:1] = -1
        if len(parents) != kind.num_joints:
            what = " (SMPL-H)" if len(parents) == 52 else ""
            self.complain(f"a skeleton of {len(parents)} joints{what}", f"the {kind.num_joints} of the {kind.title}")
        elif (parents[1:] >= np.arange(1, len(parents))).any() or (parents[1:] < 0).any():
            self.complain("kintree_table names a joint before its parent", "parents before their children")
        return parents

    def _shapes(self, kind: Kind) -> dict[str, np.ndarray | None]:
        least = 20 if kind.hands_and_face else 10
        columns = self.take("shapedirs", (kind.num_verts, 3, -1))
        if columns is None:
            return {}
        if columns.shape[2] < least:
            self.complain(f"shapedirs has {columns.shape[2]} columns", f"at least {least}, betas and then expressions")
        num_betas = columns.shape[2] if not kind.hands_and_face else 300 if columns.shape[2] > 300 else 10
        return {"shapedirs": columns[..., :num_betas], "exprdirs": columns[..., num_betas:]}

    def _hands_and_face(self, kind: Kind, num_faces: int) -> dict[str, np.ndarray | None]:
        hands, idx, bary = ("hands_meanl", "hands_meanr"), "lmk_faces_idx", "lmk_bary_coords"
        if not kind.hands_and_face:
            return dict.fromkeys((*hands, idx, bary, f"dynamic_{idx}", f"dynamic_{bary}"))
        means = {key: self.take(key, (45,)) for key in hands}
        return {
            **{key: None if mean is None else mean.reshape(15, 3) for key, mean in means.items()},
            idx: self.take(idx, (51,), below=num_faces),
            bary: self.take(bary, (51, 3)),
            f"dynamic_{idx}": self.take(f"dynamic_{idx}", (79, 17), below=num_faces),
            f"dynamic_{bary}": self.take(f"dynamic_{bary}", (79, 17, 3)),
        }

    def _keypoints(self, kind: Kind) -> np.ndarray | None:
        if "kp_names" not in self.source and kind.keypoints is not None:
            return np.array(kind.keypoints)
        names = [str(name) for name in np.ravel(self._plain("kp_names", KEYPOINT_NAMES))]
        ids = self.take("kp_vertex_ids", (len(names),), below=kind.num_verts)
        absent = [name for name in KEYPOINT_NAMES if name not in names]
        if absent:
            self.complain(f"kp_names lacks {', '.join(absent)}", ", ".join(KEYPOINT_NAMES))
        return None if ids is None or absent else ids[[names.index(name) for name in KEYPOINT_NAMES]]
