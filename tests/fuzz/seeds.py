"""The smallest valid files of each kind, made in code. Each function fills a folder."""

from __future__ import annotations

import csv
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Maker = Callable[[Path], None]


# pictures and videos ---------------------------------------------------------------------------------------------
def _pixels(height: int = 24, width: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 8, (rows + columns) * 5], 2).astype(np.uint8)


def encoded(ending: str, pixels: np.ndarray | None = None, *flags: int) -> bytes:
    """A picture in a format of OpenCV."""
    import cv2

    return cv2.imencode(ending, _pixels() if pixels is None else pixels, list(flags))[1].tobytes()


def exif_jpeg() -> bytes:
    """A JPEG that says its orientation and its focal length."""
    import cv2

    first = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x8769, 4, 1, 8 + 2 + 24 + 4)
    block = b"II*\0" + struct.pack("<IH", 8, 2) + first + bytes(4)
    block += struct.pack("<H", 1) + struct.pack("<HHIHH", 0xA405, 3, 1, 35, 0) + bytes(4)
    data = encoded(".jpg", None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    content = b"Exif\0\0" + block
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + data[2:]


def pictures(folder: Path) -> None:
    """One of each format that is read."""
    import cv2

    deep = _pixels().astype(np.uint16) * 257
    clear = np.concatenate([_pixels(), _pixels()[..., :1]], 2)
    for name, data in {
        "a.png": encoded(".png"), "b.png": encoded(".png", deep), "c.png": encoded(".png", clear),
        "d.png": encoded(".png", _pixels()[..., 0]), "a.jpg": encoded(".jpg"), "b.jpg": exif_jpeg(),
        "a.webp": encoded(".webp"), "b.webp": encoded(".webp", None, cv2.IMWRITE_WEBP_QUALITY, 101),
        "a.bmp": encoded(".bmp"), "a.tif": encoded(".tiff"), "b.tif": encoded(".tiff", deep), "a.gif": encoded(".gif"),
    }.items():  # fmt: skip
        (folder / name).write_bytes(data)


def videos(folder: Path) -> None:
    """Half a second in four containers."""
    import av

    for name, form, codec, pixel in (
        ("a.mp4", "mp4", "libx264", "yuv420p"), ("b.mp4", "mp4", "mjpeg", "yuvj420p"),
        ("a.avi", "avi", "mpeg4", "yuv420p"),
        ("a.mkv", "matroska", "libx264", "yuv420p"), ("a.ts", "mpegts", "mpeg2video", "yuv420p"),
    ):  # fmt: skip
        with av.open(str(folder / name), "w", format=form) as container:
            stream: Any = container.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
            stream.pix_fmt, stream.height, stream.width = pixel, 48, 64
            for i in range(6):
                frame = av.VideoFrame.from_ndarray(np.roll(_pixels(48, 64), i, 1), format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25 if codec == "mpeg2video" else 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


# boxes -----------------------------------------------------------------------------------------------------------
def boxes(folder: Path) -> None:
    """The four forms."""
    write = {
        "a.json": {"a.jpg": [[1, 2, 30, 20, 0.9]], "sub/b.jpg": [], "./c.jpg": [[1.5, 2, 30, 20]]},
        "b.json": {"clip.mp4": {"0": [[1, 2, 30, 20, 0.9]], "1": []}},
        "c.json": [{"image_id": 785, "category_id": 1, "bbox": [1, 2, 20, 20], "score": 0.5}],
        "d.json": {
            "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "x/b.jpg"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 20, 20], "iscrowd": 0}],
        },
    }
    for name, content in write.items():
        (folder / name).write_text(json.dumps(content))


# results ---------------------------------------------------------------------------------------------------------
@cache
def _body() -> Any:
    from mien.body.files import find_body
    from mien.body.model import BodyModel

    return BodyModel.load(find_body("openbody"))


def results(folder: Path) -> None:
    """Of a picture with two people, and of a clip."""
    from scenes import make_scene

    scene = make_scene(_body(), 2)
    scene.save(folder / "scene.npz")
    _save_clip(folder, scene)


def _save_clip(folder: Path, scene: Any) -> None:
    from mien.scene import arrays_of_rows

    rows = {"track_id": np.array([0, 0]), "frame_index": np.array([0, 1]), "timestamps": np.array([0.0, 0.1])}
    rows |= {"valid": np.array([True, True])}
    once = {"fps": 10.0, "num_frames": 2, "smoothing": "none"}
    arrays = {**scene.shared_arrays(), **arrays_of_rows(scene), **rows, **once}
    np.savez(folder / "clip.npz", **{key: np.asarray(value) for key, value in arrays.items()})  # pyright: ignore


def smplerx(folder: Path) -> None:
    """SMPLer-X's own files."""
    from mien.data.samples import PARAMS

    (folder / "smplx").mkdir()
    (folder / "meta").mkdir()
    names = {"leye_pose": "leye", "reye_pose": "reye"}
    arrays = {names.get(name, name): np.zeros((1, *shape), np.float32) for name, shape in PARAMS.items()}
    np.savez(folder / "smplx/000001_0.npz", **arrays)  # pyright: ignore
    meta = {"focal": [1000, 1000], "princpt": [320, 240], "bbox": [1, 2, 30, 40]}
    (folder / "meta/000001_0.json").write_text(json.dumps(meta))


def guess_csv(folder: Path) -> None:
    """A plain table of predictions."""
    with open(folder / "guesses.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["image", "person", *_PARAM_COLUMNS, "fx", "fy", "cx", "cy", "score", "box_x", "box_y", "box_w", "box_h"]
        )
        for i in range(2):
            writer.writerow([f"a/{i}.jpg", i, *[0.1] * len(_PARAM_COLUMNS), 900, 900, 32, 24, 0.5, 1, 2, 30, 40])


_PARAM_COLUMNS = [f"global_orient_{i}" for i in range(3)] + [f"body_pose_{i}" for i in range(63)]


def guess_parquet(folder: Path) -> None:
    """The same as parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": ["a.jpg", "b.jpg"], "person": ["0", "1"]} | {name: [0.1, 0.2] for name in _PARAM_COLUMNS}
    pq.write_table(pa.table(columns), folder / "guesses.parquet")


# bodies and weights ----------------------------------------------------------------------------------------------
def bodies(folder: Path) -> None:
    """A made-up SMPL body as .npz and as .pkl, without pose correctives."""
    import scipy.sparse

    rng, verts, joints = np.random.default_rng(0), 6890, 24
    weights = np.zeros((verts, joints), np.float32)
    weights[:, 0] = 1
    parents = np.array([2**32 - 1, *range(joints - 1)])
    regressor = np.zeros((joints, verts), np.float32)
    regressor[:, 0] = 1
    arrays = {
        "v_template": rng.random((verts, 3), np.float32).round(1), "f": rng.integers(0, verts, (40, 3)),
        "weights": weights,
        "shapedirs": np.zeros((verts, 3, 10), np.float32), "posedirs_zero": np.array(True),
        "kintree_table": np.stack([parents, np.arange(joints)]), "J_regressor": regressor,
    }  # fmt: skip
    np.savez_compressed(folder / "SMPL_NEUTRAL.npz", **arrays)  # pyright: ignore
    arrays["J_regressor"] = scipy.sparse.csc_matrix(regressor)
    arrays["shapedirs"] = np.zeros((verts, 3, 10), np.float16)
    (folder / "SMPL_MALE.pkl").write_bytes(pickle.dumps(arrays, 2))


def weights(folder: Path) -> None:
    """A very small network, as one file and as a folder for a hub."""
    from mien.nets.card import WeightCard
    from mien.nets.smplest import Config, Smplest
    from mien.nets.weights import save_pretrained, save_weights

    tiny = Config(embed_dim=64, depth=1, heads=4, dim_out=16, decoder_depth=1, image_size=(64, 48))
    network = Smplest.random(tiny, 0)
    card = WeightCard(name="tiny", config=tiny, body_family="openbody", licence="Apache-2.0")
    save_weights(network, card, folder / "tiny.safetensors")
    save_pretrained(network, card, folder / "hub")


def checkpoints(folder: Path) -> None:
    """PyTorch's format of today and of before 2020, and ViTPose's layout."""
    import torch

    network = {"module.encoder.norm.weight": torch.zeros(4), "module.encoder.norm.bias": torch.zeros(4)}
    torch.save({"epoch": 1, "network": network, "optimizer": {}}, folder / "a.pth.tar")
    torch.save({"network": network}, folder / "b.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": {"backbone.norm.weight": torch.zeros(4)}}, folder / "c.pth")


def detector(folder: Path) -> None:
    """What says how a detector's pictures are prepared."""
    content = {
        "do_resize": True, "size": {"height": 64, "width": 64}, "resample": 2, "do_rescale": True,
        "rescale_factor": 0.004,
        "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    (folder / "config.json").write_text(json.dumps({"model_type": "d_fine", "id2label": {"0": "person"}}))


# data ------------------------------------------------------------------------------------------------------------
def dataset(name: str, split: str = "train") -> Maker:
    """The miniature files of a dataset of the catalogue."""

    def make(folder: Path) -> None:
        from raw_sets import WRITERS

        from mien.data.catalogue import catalogue

        entry = catalogue()[name]
        paths = [folder / Path(file.replace("*", "Speech")).name for file in entry.files[split][0]]
        WRITERS[entry.reader_of(split)](paths, entry)

    return make


def coco_with(**picture: Any) -> dict[str, Any]:
    """An annotation file of one picture and nobody yet."""
    return {"images": [{"id": 1, "file_name": "a.jpg", "height": 48, "width": 64, **picture}], "annotations": []}


def crowdpose(folder: Path) -> None:
    """CrowdPose: 14 joints."""
    content = coco_with(crowdIndex=0.5)
    content["annotations"] = [
        {"id": 1, "image_id": 1, "bbox": [1, 2, 30, 40], "keypoints": [1, 2, 2] * 14, "num_keypoints": 14}
    ]
    (folder / "a.json").write_text(json.dumps(content))


def posetrack(folder: Path) -> None:
    """PoseTrack: 17 joints, tracks."""
    content = coco_with(vid_id="1", is_labeled=True, frame_id=1)
    person = {
        "id": 1,
        "image_id": 1,
        "bbox": [1, 2, 30, 40],
        "bbox_head": [1, 2, 3, 4],
        "keypoints": [1, 2, 1] * 17,
        "track_id": 3,
    }
    content["annotations"] = [person]
    (folder / "a.json").write_text(json.dumps(content))


def ochuman(folder: Path) -> None:
    """OCHuman."""
    person = {"bbox": [1, 2, 30, 40], "keypoints": [1, 2, 1] * 19, "max_iou": 0.8}
    image = {"file_name": "a.jpg", "image_id": "1", "height": 48, "width": 64, "annotations": [person]}
    content = {"keypoint_visible": {"missing": 0, "vis": 1}, "images": [image]}
    (folder / "ochuman.json").write_text(json.dumps(content))


def dhp(folder: Path) -> None:
    """MPI-INF-3DHP as json."""
    picture = {"subject_idx": 1, "seq_idx": 2, "cam_idx": 0, "frame_idx": 7}
    content = coco_with(**picture)
    content["annotations"] = [{"image_id": 1, "bbox": [1, 2, 3, 4]}]
    camera = {"R": np.eye(3).tolist(), "t": [0, 0, 3000], "focal": [1500, 1500], "princpt": [1024, 1024]}
    files = {"3dhp_1k.json": content, "camera.json": {"1": {"2": {"0": camera}}},
             "joint_3d.json": {"1": {"2": {"7": [[j, 0, 0] for j in range(28)]}}}}  # fmt: skip
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))


def mats(folder: Path) -> None:
    """The original annotations of MPII and MPI-INF-3DHP."""
    import scipy.io

    place = folder / "S3/Seq2"
    place.mkdir(parents=True)
    flat2d, flat3d = np.empty((1, 1), object), np.empty((1, 1), object)
    flat2d[0, 0], flat3d[0, 0] = np.arange(2 * 56.0).reshape(2, 56), np.arange(2 * 84.0).reshape(2, 84)
    scipy.io.savemat(place / "annot.mat", {"annot2": flat2d, "annot3": flat3d})
    (place / "camera.calibration").write_text("name 0\nintrinsic 1500 0 1024 0 0 1501 1025 0 0 0 1 0 0 0 0 1\n")
    points = {"point": np.array([(101.0, 201.0, 9)], dtype=[("x", "O"), ("y", "O"), ("id", "O")])}
    people = np.array(
        [(11.0, 21.0, 31.0, 41.0, points)], dtype=[(n, "O") for n in ("x1", "y1", "x2", "y2", "annopoints")]
    )
    found = np.array([({"name": "015601864.jpg"}, people)], dtype=[("image", "O"), ("annorect", "O")])
    scipy.io.savemat(folder / "mpii.mat", {"RELEASE": {"annolist": found}})


def table(folder: Path) -> None:
    """Anyone's own table with parameters beside it, and a json in the style of COCO."""
    head = "image,x,y,w,h,nose_x,nose_y,left_wrist_x,left_wrist_y,left_wrist_v,height,width,track"
    rows = ["party/001.jpg,310,40,220,640,402,88,377,301,1,480,640,a", "b.jpg,1,2,30,40,,,5,6,0,480,640,b"]
    (folder / "a.csv").write_text("\n".join([head, *rows]) + "\n")
    np.savez(
        folder / "params.npz", body_pose=np.zeros((2, 21, 3)), betas=np.ones((2, 10)), flat_hand_mean=np.array(True)
    )
    content = coco_with()
    content["categories"] = [{"id": 1, "name": "person", "keypoints": ["nose", "left_eye"]}]
    content["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "keypoints": [1, 2, 2] * 17}
    ]
    (folder / "a.json").write_text(json.dumps(content))


def store(folder: Path) -> None:
    """A store of one dataset, with its pictures."""
    from people_of_chance import chance_samples

    from mien.data.store import Store

    (folder / "pictures").mkdir()
    (folder / "pictures/a.jpg").write_bytes(encoded(".jpg"))
    people = chance_samples(3, images=["a.jpg"] * 3, extra=True)
    Store.create(folder / "store").add("made", [people], pictures="../../../pictures")


def archives(folder: Path) -> None:
    """Two pictures in a zip and in a tar, with the tar's index."""
    data = encoded(".jpg")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name in ("a.jpg", "sub/b.jpg"):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name in ("a.jpg", "./sub/b.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def meshes(folder: Path) -> None:
    """A triangle in every format."""
    rows = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]
    head = "ply\nformat {} 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    end = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    (folder / "a.ply").write_text(head.format("ascii") + end + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    (folder / "b.ply").write_bytes(
        (head.format("binary_little_endian") + end).encode() + np.array(rows, "<f4").tobytes()
    )
    (folder / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    np.save(folder / "a.npy", np.array(rows))
    (folder / "a.json").write_text(json.dumps(rows))
    (folder / "a.pkl").write_bytes(pickle.dumps(np.array(rows), 2))


def submissions(folder: Path) -> None:
    """AGORA's zip, HBW's npz."""
    from mien.evaluate.submissions import JOINTS, PARAMS, plain_pickle

    said = {
        "params": {name: np.zeros((1, size), np.float32) for name, size in PARAMS.items()},
        "joints": np.ones((1, JOINTS, 2)),
    }
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("predictions/a_personId_0.pkl", (1980, 1, 1, 0, 0, 0)), plain_pickle(said))
    np.savez(folder / "a.npz", image_name=np.array(["a"]), v_shaped=np.zeros((1, 3, 3), np.float32))


# motion ----------------------------------------------------------------------------------------------------------
def motions(folder: Path) -> None:
    """AMASS of SMPL-H and SMPL-X bodies, and Motion-X."""
    for name, width in (("a.npz", 156), ("b.npz", 165)):
        np.savez(
            folder / name, poses=np.full((3, width), 0.1), trans=np.zeros((3, 3)), betas=np.zeros(16),
            mocap_framerate=np.array(30.0), gender=np.array("male"),
        )  # fmt: skip
    np.save(folder / "c.npy", np.zeros((3, 322), np.float32))


def hands(folder: Path) -> None:
    """What a hand expert says."""
    np.savez(
        folder / "hands.npz", frame_index=np.arange(2), is_right=np.array([0, 1]), hand_pose=np.zeros((2, 15, 3)),
        global_orient=np.zeros((2, 3)), score=np.ones(2), boxes=np.ones((2, 4)), flat_hand_mean=np.array(False),
    )  # fmt: skip


def spill(folder: Path) -> None:
    """The part files of a clip that was stopped."""
    from mien.filming.spill import Spill

    begun = Spill.open(folder / "parts", {"a": 1}, resume=False)
    begun.append(np.zeros(2, [("score", "<f4"), ("track_id", "<i8")]), np.array([0.0, 0.1]), {"a": 1}, {"next": 0})


# trainings, studies, evaluations ---------------------------------------------------------------------------------
def training(folder: Path) -> None:
    """The JSON of a run folder."""
    from mien.train.config import to_json
    from mien.train.recipes import RECIPES

    (folder / "run").mkdir()
    (folder / "run/config.json").write_text(to_json(next(iter(RECIPES.values()))()))
    (folder / "run/log.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n')
    place = folder / "run/checkpoints/step_00000002"
    place.mkdir(parents=True)
    (place / "a.distcp").write_bytes(b"12345")
    state = {"step": 2, "files": {"a.distcp": 5}, "state": {"epoch": 0}}
    (place / "state.json").write_text(json.dumps(state))


def sharded(folder: Path) -> None:
    """A whole checkpoint of a very small network."""
    import torch

    from mien.train.checkpoints import Checkpoints
    from mien.train.ranks import World

    network = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    Checkpoints(folder / "checkpoints", World(rank=0, size=1, device=torch.device("cpu")), keep=2).save(
        4, network, [optimizer], None, {"epoch": 0}
    )


def study(folder: Path) -> None:
    """A ledger, a ranking, a constant person, a known answer, a run of an evaluation, kept arrays."""
    from mien.data.samples import PARAMS

    zeros = {name: np.zeros(shape).tolist() for name, shape in PARAMS.items()}
    provenance = {"body_family": "openbody", "body_sha256": "0", "sources": {}, "people": 3, "seed": 0, "before": {},
                  "after": {}, "mien_version": "0"}  # fmt: skip
    files = {
        "study.json": {"schema_version": 1, "study": "rank", "plan": {}, "jobs": {"a": {"name": "a"}}, "failed": {}},
        "ranking.json": {"ranking": [{"set": "a"}, {"set": "b"}]},
        "baseline.json": {"schema_version": 1, "provenance": provenance, "body": zeros, "hands": zeros},
        "answer.json": {"a": [0.5, 0.25]},
        "run.json": {"a": 1},
        "synth.json": {"recipe": "studio", "seed": 0},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    np.savez(folder / "kept.npz", made_of=np.array("{}"), seconds=np.array(1.0), x=np.zeros(3))
