"""Every reader of this package, the files that it is given, and how it is called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import seeds
from .mutate import Mutator, any_bytes, json_file, text_file
from .mutate_archives import npy_file, npz_file, tar_file, zip_file
from .mutate_media import picture_file, video_file
from .mutate_pickles import pickle_file, safetensors_file, torch_file

__all__ = ["TARGETS", "Target", "mutator_of"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader."""

    name: str
    reads: str
    """The function of the package that is called, for lists."""
    make: seeds.Maker
    """Fills a folder with the smallest valid files."""
    read: Callable[[Path, Path], object]
    """Reads them: the folder, and the file in it that was changed."""
    files: str = "**/*"
    """Which of them are changed."""


MUTATORS: dict[str, Mutator] = {
    ".json": json_file, ".npz": npz_file, ".npy": npy_file, ".pkl": pickle_file, ".pth": torch_file, ".tar": tar_file,
    ".safetensors": safetensors_file, ".zip": zip_file, ".csv": text_file, ".ply": text_file, ".obj": text_file,
    ".jsonl": text_file, ".calibration": text_file,
    **dict.fromkeys((".png", ".jpg", ".webp", ".bmp", ".tif", ".gif"), picture_file),
    **dict.fromkeys((".mp4", ".avi", ".mkv", ".ts"), video_file),
}  # fmt: skip
"""What changes a file, by its ending; others have their bytes changed."""


def mutator_of(path: Path) -> Mutator:
    """What changes a file of this name."""
    if path.name.endswith((".pth.tar", ".distcp")):
        return torch_file
    return pickle_file if path.name == ".metadata" else MUTATORS.get(path.suffix, any_bytes)


# pictures and videos ---------------------------------------------------------------------------------------------
def _picture(folder: Path, file: Path) -> None:
    from mien.exif import focal_from_exif
    from mien.pictures import read_picture

    focal_from_exif(file, 32, 24)
    read_picture(file)


def _training_picture(folder: Path, file: Path) -> None:
    from mien.data.pixels import decode, stored_size

    data = file.read_bytes()
    stored_size(data, file.name)
    decode(data, file.name, 2 if data[:2] == b"\xff\xd8" else 1)


def _video(folder: Path, file: Path) -> None:
    from mien.video import open_footage

    for count, _ in enumerate(open_footage(file).frames()):
        if count > 40:
            break


def _frames(folder: Path, file: Path) -> None:
    from mien.video import open_footage

    list(open_footage(folder).frames())


def _backgrounds(folder: Path, file: Path) -> None:
    from mien.synth.place.backgrounds import Backgrounds

    Backgrounds.open(folder).draw(np.random.default_rng(0), (8, 8))


def _boxes(folder: Path, file: Path) -> None:
    from mien.detect.boxes import BoxesFile

    found = BoxesFile.load(file)
    for name in ("a.jpg", "clip.mp4/0", "000000000785.jpg"):
        _refused(lambda name=name: found.detect(np.zeros((24, 32, 3), np.uint8), name))


def _refused(call: Callable[[], object]) -> None:
    """A reader that goes on after one refusal."""
    from mien.errors import MienError

    try:
        call()
    except MienError:
        pass


# results ---------------------------------------------------------------------------------------------------------
def _result(folder: Path, file: Path) -> None:
    from mien.clip import Clip, read
    from mien.export.motion import read_motions

    found = read(file)
    found.arrays()
    if isinstance(found, Clip):
        found.scene(0)
    read_motions(file)


def _guesses(folder: Path, file: Path) -> None:
    from mien.evaluate.guesses import read_guesses

    found = read_guesses(folder)
    _refused(lambda: found.of("a/0.jpg"))


# bodies and weights ----------------------------------------------------------------------------------------------
def _body(folder: Path, file: Path) -> None:
    from mien.body.files import check_body
    from mien.body.model import BodyModel

    check_body(file)
    BodyModel.load(file)


def _weights(folder: Path, file: Path) -> None:
    from mien.nets.weights import show

    show(file.parent if file.parent.name == "hub" else file)


def _checkpoint(folder: Path, file: Path) -> None:
    from mien.nets.upstream import convert
    from mien.train.starting import _backbone

    _refused(lambda: _backbone(file))
    convert(file, folder / "out.safetensors")


def _detector(folder: Path, file: Path) -> None:
    from mien.detect.network import Preparation

    Preparation.read(folder, "d_fine")(np.zeros((24, 32, 3), np.uint8))


# data ------------------------------------------------------------------------------------------------------------
def _humandata(folder: Path, file: Path) -> None:
    from mien.data.humandata import HumanData
    from mien.data.readers import READERS
    from mien.data.validate import validate

    _refused(lambda: HumanData.read(file).write(folder / "again.npz"))
    _refused(lambda: list(validate(file)))
    list(READERS["humandata"].read(file))


def _dataset(reader: str) -> Callable[[Path, Path], None]:
    """A reader of `mien.data.readers`, each file in the place that its name asks for."""

    def read(folder: Path, file: Path) -> None:
        from mien.data.readers import READERS, sniff

        first, *others = READERS[reader].files
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        roles: dict[str, Path] = {}
        for each in (*others, first):
            match = next((p for p in paths if re.search(each.pattern, p.name) and p not in roles.values()), None)
            if match is not None:
                roles[each.role] = match
        main = roles.pop(first.role, paths[0])
        _refused(lambda: sniff(file))
        list(READERS[reader].read(folder / "EHF" if reader == "ehf" else main, **roles))

    return read


def _table(folder: Path, file: Path) -> None:
    from mien.data.readers import READERS, sniff

    _refused(lambda: sniff(file))
    if file.suffix == ".json":
        list(READERS["table"].read(file))
    else:
        list(READERS["table"].read(folder / "a.csv", params=folder / "params.npz"))


def _mat(folder: Path, file: Path) -> None:
    from mien.data.readers import READERS, sniff

    _refused(lambda: sniff(file))
    if file.name == "mpii.mat":
        list(READERS["mpii"].read(file))
    else:
        list(READERS["mpi-inf-3dhp"].read(file.parent / "annot.mat", calibration=file.parent / "camera.calibration"))


def _store(folder: Path, file: Path) -> None:
    from mien.data.store import Store

    for dataset in Store.open(folder / "store"):
        _refused(dataset.verify)
        for chunk in dataset.chunks(2):
            len(chunk)
        dataset.image(0)


def _archive(folder: Path, file: Path) -> None:
    from mien.data.images import ImageStore

    archive = ImageStore.open(str(file))
    for name in ("a.jpg", "sub/b.jpg", "../../etc/passwd", "/etc/passwd", "x\0y"):
        _refused(lambda name=name: archive.has(name))
        _refused(lambda name=name: archive.read(name))


def _mesh(folder: Path, file: Path) -> None:
    from mien.evaluate.meshes import read_mesh

    read_mesh(file)


def _submission(folder: Path, file: Path) -> None:
    from mien.evaluate.submissions import check

    check(file)


# motion ----------------------------------------------------------------------------------------------------------
def _motion(folder: Path, file: Path) -> None:
    from mien.convert.kinds import kind_of
    from mien.convert.readers import read_amass, read_motionx
    from mien.synth.mocap import read_mocap

    _refused(lambda: kind_of(file))
    if file.suffix == ".npz":
        _refused(lambda: read_mocap(file).frame(0))
    (read_motionx if file.suffix == ".npy" else read_amass)(file)


def _hands(folder: Path, file: Path) -> None:
    from mien.track.hand_experts import read_hands

    read_hands(file, seeds._body())


def _spill(folder: Path, file: Path) -> None:
    from mien.filming.spill import Spill

    spill = Spill.open(folder / "parts", {"a": 1}, resume=True)
    spill.times()
    spill.column("score")


# trainings and studies -------------------------------------------------------------------------------------------
def _training(folder: Path, file: Path) -> None:
    import torch

    from mien.train.checkpoints import Checkpoints
    from mien.train.folder import RunFolder
    from mien.train.ranks import World
    from mien.train.telemetry import JsonLog

    _refused(
        lambda: Checkpoints(
            folder / "run/checkpoints", World(rank=0, size=1, device=torch.device("cpu")), keep=2
        ).latest()
    )
    JsonLog(folder / "run/log.jsonl", 1)
    RunFolder(folder / "run").config()


def _sharded(folder: Path, file: Path) -> None:
    import torch

    from mien.train.checkpoints import Checkpoints
    from mien.train.ranks import World

    network = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    checkpoints = Checkpoints(folder / "checkpoints", World(rank=0, size=1, device=torch.device("cpu")), keep=2)
    state = next((folder / "checkpoints").glob("step_*")) / "state.json"
    sizes = {each.name: each.stat().st_size for each in state.parent.iterdir() if each.name != "state.json"}
    if file != state:  # a stranger writes the sizes that fit
        state.write_text(json.dumps({"step": 4, "files": sizes, "state": {"epoch": 0}}))
    checkpoints.load(4, network, [optimizer], None)


def _study(folder: Path, file: Path) -> None:
    from mien.study.ledger import Ledger
    from mien.study.rank import read_ranking

    ledger = Ledger.open(folder, "rank")
    ledger.add("b", {"name": "b"})
    read_ranking(folder / "ranking.json", ["a", "b"])


def _evaluation(folder: Path, file: Path) -> None:
    from mien.evaluate.baseline import read_baseline
    from mien.evaluate.known_answer import compare_known
    from mien.study.kept import kept

    _refused(lambda: read_baseline(folder / "baseline.json"))
    kept(folder / "kept.npz", {}, lambda: {"x": np.zeros(3)})
    compare_known(folder / "answer.json", "a", [0.5, 0.25])


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(name="pictures", reads="pictures, exif", make=seeds.pictures, read=_picture),
        Target(name="training pictures", reads="data.pixels.decode", make=seeds.pictures, read=_training_picture),
        Target(name="videos", reads="video.open_footage", make=seeds.videos, read=_video),
        Target(name="frames", reads="video.open_footage (folder)", make=seeds.pictures, read=_frames),
        Target(name="backgrounds", reads="synth.place.backgrounds", make=seeds.pictures, read=_backgrounds),
        Target(name="boxes", reads="detect.boxes.BoxesFile", make=seeds.boxes, read=_boxes),
        Target(name="results", reads="clip.read, scene.read", make=seeds.results, read=_result),
        Target(name="SMPLer-X", reads="evaluate.guesses.read_guesses", make=seeds.smplerx, read=_guesses),
        Target(name="guesses csv", reads="evaluate.guess_table", make=seeds.guess_csv, read=_guesses),
        Target(name="guesses parquet", reads="evaluate.guess_table", make=seeds.guess_parquet, read=_guesses),
        Target(name="bodies", reads="body.files.check_body, body.reading.read_body", make=seeds.bodies, read=_body),
        Target(name="weights", reads="nets.weights.load_weights, nets.card", make=seeds.weights, read=_weights),
        Target(name="checkpoints", reads="nets.upstream.convert", make=seeds.checkpoints, read=_checkpoint),
        Target(name="detectors", reads="detect.transformers.Preparation", make=seeds.detector, read=_detector),
        Target(
            name="HumanData", reads="data.humandata, data.validate, readers.humandata", make=seeds.dataset("bedlam"),
            read=_humandata,
        ),
        Target(name="SMPL HumanData", reads="readers.humandata", make=seeds.dataset("behave"), read=_humandata),
        *(
            Target(
                name=f"data {name}", reads="data.readers", make=seeds.dataset(entry, split), read=_dataset(name)
            )
            for name, entry, split in (
                ("coco-wholebody", "coco", "train"), ("mpii", "mpii", "train"), ("ubody", "ubody", "train"),
                ("human36m", "human36m", "train"), ("3dpw", "3dpw", "train"), ("agora", "agora", "train"),
                ("boxes", "agora", "test"), ("ehf", "ehf", "test"), ("interhand26m", "interhand", "train"),
                ("freihand", "freihand", "train"),
            )
        ),
        Target(name="data crowdpose", reads="data.readers", make=seeds.crowdpose, read=_dataset("crowdpose")),
        Target(name="data posetrack", reads="data.readers", make=seeds.posetrack, read=_dataset("posetrack")),
        Target(name="data ochuman", reads="data.readers", make=seeds.ochuman, read=_dataset("ochuman")),
        Target(name="data mpi-inf-3dhp", reads="data.readers", make=seeds.dhp, read=_dataset("mpi-inf-3dhp")),
        Target(name="matlab", reads="data.readers.mat", make=seeds.mats, read=_mat),
        Target(name="tables", reads="data.readers", make=seeds.table, read=_table),
        Target(name="stores", reads="data.store, data.manifest, data.shards", make=seeds.store, read=_store),
        Target(name="archives", reads="data.images.ImageStore", make=seeds.archives, read=_archive),
        Target(name="meshes", reads="evaluate.meshes.read_mesh", make=seeds.meshes, read=_mesh),
        Target(name="submissions", reads="evaluate.submissions.check", make=seeds.submissions, read=_submission),
        Target(name="motions", reads="convert.readers, synth.mocap, convert.kinds", make=seeds.motions, read=_motion),
        Target(name="hand experts", reads="track.hand_experts.read_hands", make=seeds.hands, read=_hands),
        Target(name="clip parts", reads="filming.spill.Spill", make=seeds.spill, read=_spill),
        Target(name="trainings", reads="train.folder, config, checkpoints", make=seeds.training, read=_training),
        Target(name="checkpoint folders", reads="train.checkpoints.Checkpoints", make=seeds.sharded, read=_sharded),
        Target(name="studies", reads="study.ledger, study.rank.read_ranking", make=seeds.study, read=_study),
        Target(name="evaluations", reads="evaluate.baseline, .known_answer", make=seeds.study, read=_evaluation),
    )
}  # fmt: skip
