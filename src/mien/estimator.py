"""From pictures to people: the friendly face around a network, a body and a detector.

Original pixels in, original pixels out. Crops of several pictures share a batch; pictures are decoded ahead in threads,
so that neither a GPU nor the disk waits for the other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

import mien
from mien.body.files import find_body
from mien.body.model import BodyModel, Posed
from mien.detect import Detections, Detector, make_detector, parse_person, reject_outside, select_people
from mien.errors import BodyError, InputError, PictureError
from mien.geometry.boxes import crop_box, xywh_from_xyxy
from mien.geometry.camera import Camera
from mien.geometry.crop import Crop
from mien.nets import virtual_camera
from mien.nets.graphs import is_graph
from mien.nets.network import Network
from mien.nets.weights import WeightCard, load_network, save_pretrained
from mien.people import People
from mien.pictures import read_picture
from mien.placing import CameraChoice, Orientation, place
from mien.records import Located, Prediction, SmplxParams
from mien.scene import Origin

__all__ = ["Estimator", "Job", "Outcome", "ahead", "choose_device", "load"]

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16"]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

STRETCH = 32
"""Pictures that batches are shared among."""

logger = logging.getLogger("mien")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one picture: its people, or the reason why there are none; and the boxes that were refused."""

    name: str
    people: People | None
    problem: str = ""
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A picture after decoding, detection and cropping; or people of several frames that share a camera."""

    name: str
    picture: Path | np.ndarray | None = None
    image_size: tuple[int, int] = (0, 0)
    camera: Camera = field(default_factory=lambda: Camera.default(1, 1))
    camera_source: str = "default"
    boxes: Float[np.ndarray, "person 4"] = field(default_factory=lambda: np.zeros((0, 4)))
    scores: Float[np.ndarray, "person"] = field(default_factory=lambda: np.zeros(0))
    crops: tuple[Crop, ...] = ()
    patches: tuple[np.ndarray, ...] = ()
    problem: str = ""
    rejected: tuple[str, ...] = ()


def choose_device(device: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        InputError: the device is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if not available.get(device.split(":", maxsplit=1)[0], False):
        there = ", ".join(name for name, here in available.items() if here)
        raise InputError(f"device {device!r} is not available here", expected=f"one of: auto, {there}")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {device!r}", expected="a name and a number, as cuda:1") from error


def load(
    weights: str | Path,
    *,
    body: str | Path | None = None,
    detector: str | Detector = "auto",
    person: str = "all",
    device: Device = "auto",
    precision: Precision = "fp32",
    batch_size: int = 8,
    focal: float | None = None,
    fov: float | None = None,
    orientation: Orientation = "network",
) -> Estimator:
    """Everything needed to go from a picture to people.

    Args:
        weights: a .safetensors file, a folder, a hub id, `random-xs` (seeded random weights, for trying things out), or
            a graph of `mien export-model` (.onnx, .xml).
        body: a body file or folder; by default the body family of the weights, looked for where `mien doctor` says.
        detector: `auto`, `full-image`, `boxes:FILE.json`, `hf:PATH_OR_HUB_ID`, `onnx:FILE`, `ultralytics:FILE`, or
            any object with `detect`.
        person: `all`, `largest`, `top:N`, `id:N` or `at:X,Y`.
        device: where the network runs; `auto` is the processor for a graph.
        precision: `bf16` pays where the hardware is fast at it; `mien doctor` measures that. A graph has its own.
        batch_size: most crops in one pass of the network.
        focal: of the pictures' camera, pixels; by default what EXIF says, else the picture's diagonal.
        fov: the same as degrees from the left to the right edge.
        orientation: `corrected` turns people by the angle under which the picture's camera sees them.

    Raises:
        WeightsError, BodyError, AssetMissing, InputError: an argument does not fit; nothing was run.
    """
    parse_person(person)
    if batch_size < 1:
        raise InputError(f"batch size {batch_size}", expected="at least 1")
    choice = CameraChoice(focal=focal, fov=fov, orientation=orientation)
    where = choose_device("cpu" if device == "auto" and is_graph(weights) else device)
    network, card = load_network(weights, dtype=_dtype(precision), device=where)
    model = BodyModel.load(find_body(body, family=card.body_family))
    if model.family != card.body_family:
        raise BodyError(
            f"{model.path} is a {model.family!r} body, the weights {card.name} were trained on {card.body_family!r}",
            expected=f"a {card.body_family!r} body, since shape and expression do not carry over",
            todo="choose another --body or other --weights",
        )
    found = make_detector(detector, str(where)) if isinstance(detector, str) else detector
    label = detector if isinstance(detector, str) else type(detector).__name__
    return Estimator(
        network=network.eval(),
        card=card,
        body=model,
        detector=found,
        detector_name=label,
        person=person,
        batch_size=batch_size,
        camera=choice,
    )


def _dtype(precision: str) -> torch.dtype:
    """The type in which the network computes.

    Raises:
        InputError: there is no such precision.
    """
    if precision not in _DTYPES:
        raise InputError(f"the precision {precision!r}", expected=" or ".join(_DTYPES))
    return _DTYPES[precision]


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """A network with its body and detector; call it with a picture.

    Only the network runs on the chosen device: what follows it is little work, and double precision where it matters.
    """

    network: Network
    card: WeightCard
    body: BodyModel
    detector: Detector
    detector_name: str
    person: str
    batch_size: int
    camera: CameraChoice

    @classmethod
    def from_pretrained(cls, weights: str | Path, **options: Any) -> Estimator:
        """The same as `load`: a .safetensors file, a folder of `save_pretrained`, or a hub id `org/name[@revision]`."""
        return load(weights, **options)

    def save_pretrained(self, folder: Path | str) -> Path:
        """Write the network as `model.safetensors` and `config.json`, the form that a hub holds.

        Raises:
            OutputError: the folder cannot be written.
        """
        save_pretrained(self.network, self.card, Path(folder))
        return Path(folder)

    def __call__(self, picture: str | Path | UInt8[np.ndarray, "height width 3"]) -> People:
        """The people of one picture: a path, or an upright RGB array.

        Raises:
            PictureError: the picture cannot be read, or the array is none.
            InputError: the boxes file does not know the picture.
        """
        (outcome,) = self.stream([("picture" if isinstance(picture, np.ndarray) else str(picture), picture)])
        for reason in outcome.rejected:
            logger.warning("%s", reason)
        if outcome.people is None:
            raise PictureError(outcome.problem)
        return outcome.people

    def stream(
        self, pictures: Iterable[tuple[str, str | Path | UInt8[np.ndarray, "height width 3"]]]
    ) -> Iterator[Outcome]:
        """The outcome of each picture, in order; batches are shared by neighbouring pictures.

        No batch reaches beyond a stretch of `STRETCH` pictures: the last digits of a result depend on who else is in
        its batch, and so the same stretch gives the same bytes, whatever came before it.

        Args:
            pictures: a name (what the boxes file calls it) and a path or an upright RGB array for each.
        """
        jobs: deque[Job] = deque()
        patches: list[np.ndarray] = []
        ready = empty_prediction()
        for number, job in enumerate(ahead(lambda item: self._prepare(*item), pictures), 1):
            jobs.append(job)
            patches.extend(job.patches)
            while len(patches) >= (1 if number % STRETCH == 0 else self.batch_size):
                ready = _joined(ready, self.predict(patches[: self.batch_size]))
                del patches[: self.batch_size]
            while jobs and len(jobs[0].crops) <= len(ready.transl):
                job = jobs.popleft()
                yield self._outcome(job, ready[: len(job.crops)])
                ready = ready[len(job.crops) :]
        if patches:
            ready = _joined(ready, self.predict(patches))
        for job in jobs:
            yield self._outcome(job, ready[: len(job.crops)])
            ready = ready[len(job.crops) :]

    def _prepare(self, name: str, picture: str | Path | np.ndarray) -> Job:
        """Decode, detect, choose people, crop. Runs in a thread; problems of this picture stay with it."""
        try:
            pixels = _checked(picture, name) if isinstance(picture, np.ndarray) else read_picture(Path(picture))
            height, width = pixels.shape[:2]
            detections = reject_outside(self.detector.detect(pixels, name), width, height)
            chosen = select_people(detections, self.person)
        except InputError as error:
            return Job(name=name, problem=str(error))
        source = picture if isinstance(picture, np.ndarray) else Path(picture)
        camera, known = self.camera.camera(None if isinstance(source, np.ndarray) else source, width, height)
        job = Job(name=name, picture=source, image_size=(height, width), camera=camera, camera_source=known)
        return self.cropped(job, pixels, detections, chosen)

    def cropped(self, job: Job, pixels: np.ndarray, detections: Detections, chosen: Int[np.ndarray, "chosen"]) -> Job:
        """The job with a crop for each chosen person, and a reason for each box that cannot be used."""
        height, width = job.image_size
        rejected, kept, crops = list(detections.rejected), [], []
        for i in chosen.tolist():
            box = detections.boxes[i]
            padded = crop_box(xywh_from_xyxy(box), width, height)
            if padded is None:
                numbers = ", ".join(f"{value:g}" for value in box)
                rejected.append(f"the box ({numbers}) holds less than two pixels of the {width} x {height} picture")
            else:
                kept.append(i)
                crops.append(Crop.around(padded))
        told = tuple(f"{job.name}: skipped a box: {reason}" for reason in rejected)
        if rejected and not crops:
            problem = f"{job.name}: none of its {len(rejected)} boxes can be used: {rejected[0]}"
            return replace(job, problem=problem, rejected=told)
        return replace(
            job,
            boxes=detections.boxes[kept],
            scores=detections.scores[kept],
            crops=tuple(crops),
            patches=tuple(crop.extract(pixels, self.network.config.image_size) for crop in crops),
            rejected=told,
        )

    def _outcome(self, job: Job, prediction: Prediction) -> Outcome:
        if job.problem:
            return Outcome(name=job.name, people=None, problem=job.problem)
        answer = prediction if job.crops else empty_prediction()  # nobody is the same, whoever came before
        return Outcome(name=job.name, people=self.people(job, answer), rejected=job.rejected)

    def predict(self, patches: list[Float[np.ndarray, "height width 3"]]) -> Prediction:
        """The network's own answer for a batch of crops (RGB, 0..255), in float32 on the CPU."""
        return self.network.answer(np.stack(patches))

    def pose(self, prediction: Prediction) -> tuple[SmplxParams, Posed]:
        """Absolute parameters in the virtual crop camera, and the body posed with them, without their translation."""
        params = self.body.params_of(prediction)
        return params, self.body.shape(params.betas, params.expression).pose(params.full_pose())

    @torch.no_grad()
    def people(self, job: Job, prediction: Prediction) -> People:
        """Move the network's answer from the crops' virtual cameras to the one camera of the picture."""
        params, posed = self.pose(prediction)
        joints = posed.joints()
        crop_bbox = torch.from_numpy(np.array([crop.box for crop in job.crops], dtype=np.float32).reshape(-1, 4))
        seen = virtual_camera.project(joints, prediction.transl)
        joints2d = virtual_camera.picture_from_heat_map(seen, crop_bbox)
        orientation = self.camera.orientation
        placed = place(joints, posed.shaped.joints[:, 0], joints2d, crop_bbox, job.camera, orientation)
        params = replace(params, global_orient=placed.turn @ params.global_orient, transl=placed.transl)
        return People(
            params=params,
            bbox=torch.from_numpy(job.boxes.astype(np.float32)),
            crop_bbox=crop_bbox,
            score=torch.from_numpy(job.scores.astype(np.float32)),
            joints3d=placed.joints,
            joints2d=joints2d,
            part_bbox=None if prediction.located is None else _part_boxes(prediction.located, crop_bbox),
            crop_K=virtual_camera.crop_intrinsics(crop_bbox),
            crop_transl=prediction.transl,
            crop_global_orient=prediction.global_orient,
            transl_residual=placed.residual,
            K=job.camera.K,
            image_size=job.image_size,
            camera=job.camera_source,
            orientation=orientation,
            origin=self.origin(),
            picture=job.picture,
            body_path=self.body.path,
        )

    def origin(self) -> Origin:
        """What the results say about where they come from."""
        return Origin(
            weights_name=self.card.name,
            weights_sha256=self.card.sha256,
            body_family=self.body.family,
            body_name=self.body.path.name,
            body_sha256=self.body.sha256,
            detector=self.detector_name,
            mien_version=mien.__version__,
            warning=self.card.warning,
        )


def _checked(pixels: np.ndarray, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """The array, once it is seen to be a picture.

    Raises:
        PictureError: it is none.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        found = f"{name} is an array of {pixels.dtype} of shape {pixels.shape}"
        raise PictureError(found, expected="uint8 RGB, 0 to 255, of shape (height, width, 3)")
    return pixels


def empty_prediction() -> Prediction:
    """The answer for a picture without people."""
    one, fifteen = torch.zeros(0, 3, 3), torch.zeros(0, 15, 3, 3)
    return Prediction(
        global_orient=one,
        body_pose=torch.zeros(0, 21, 3, 3),
        left_hand_offset=fifteen,
        right_hand_offset=fifteen,
        jaw_pose=one,
        betas=torch.zeros(0, 10),
        expression=torch.zeros(0, 10),
        transl=torch.zeros(0, 3),
    )


def _joined(ready: Prediction, more: Prediction) -> Prediction:
    """Answers that wait, and the next ones; which fields there are is for the network to say."""
    return Prediction.cat([ready, more]) if len(ready.transl) else more


def _part_boxes(located: Located, crop_bbox: Float[torch.Tensor, "person 4"]) -> Float[torch.Tensor, "person 3 4"]:
    """Boxes of hands and face in pixels of the picture."""
    corners = located.boxes.unflatten(2, (2, 2)).flatten(1, 2)
    return virtual_camera.picture_from_heat_map(corners, crop_bbox).unflatten(1, (3, 2)).flatten(2)


def ahead(work: Callable[[Item], Result], items: Iterable[Item], depth: int = 4) -> Iterator[Result]:
    """Results of `work` in order, computed up to `depth` items ahead in threads."""
    source = iter(items)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="mien") as pool:
        queue: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(source, depth))
        try:
            while queue:
                result = queue.popleft().result()
                queue.extend(pool.submit(work, item) for item in islice(source, 1))
                yield result
        finally:
            for future in queue:
                future.cancel()
