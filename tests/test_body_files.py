"""Body model files: found where users keep them, read the same from .npz and .pkl, and never believed blindly."""

import json
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from mien.body.files import BodyArrays, check_body, find_body, read_body
from mien.body.reading import KEYPOINT_NAMES
from mien.cli.body import check
from mien.errors import AssetMissing, BodyError, InputError, UnsafeFile
from mien.files import sha256
from mien.npz import Archive, load_npz, open_npz
from mien.unpickle import load_pickle

DIGEST = json.loads((Path(__file__).parent / "parity/fake_body_models_digest.json").read_text())


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """The arrays of the open body by their names in the file, to break one at a time."""
    archive = open_npz(find_body("openbody"))
    return {key: archive[key] for key in archive if key != "posedirs"}


def spoiled(folder: Path, parts: dict[str, Any], name: str = "broken.npz", **changed: Any) -> Path:
    """A file with some arrays changed, or left out where the change is None."""
    kept = {key: value for key, value in {**parts, **changed}.items() if value is not None}
    np.savez(folder / name, **kept)
    return folder / name


def pickled(path: Path, value: Any, protocol: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol))
    return path


# ---------------------------------------------------------------------------------------------- reading


def test_open_body() -> None:
    path = find_body("openbody")
    body = read_body(path)
    assert (body.family, body.gender, body.path, body.sha256) == ("openbody", "neutral", path, sha256(path))
    assert body.v_template.shape == (13492, 3) and body.faces.shape == (26972, 3)
    assert body.weights.shape == (13492, 55) and body.J_regressor.shape == (55, 13492)
    assert body.shapedirs.shape == body.exprdirs.shape == (13492, 3, 10)
    assert body.posedirs is None
    assert body.kp_vertex_ids[:5].tolist() == [9120, 9929, 9448, 616, 6]
    assert body.kp_vertex_ids[11:].tolist() == [5361, 4933, 5058, 5169, 5286, 8079, 7669, 7794, 7905, 8022]
    joints = body.J_regressor @ body.v_template
    assert joints.shape == (55, 3) and joints[15, 1] > joints[0, 1] > joints[7, 1]  # head, pelvis, ankle
    assert joints[20, 0] > joints[21, 0]  # the left wrist lies at +x


def test_open_body_loads_without_its_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    read, plain = [], Archive.__getitem__
    monkeypatch.setattr(Archive, "__getitem__", lambda archive, key: (read.append(key), plain(archive, key))[1])
    read_body(find_body("openbody"))
    assert "v_template" in read and "posedirs" not in read
    assert len(read) == len(set(read))  # and nothing is unpacked twice


def test_open_body_loads_quickly_in_a_new_process() -> None:
    code = (
        "import sys, time; start = time.perf_counter();"
        "from mien.body.files import find_body, read_body; read_body(find_body('openbody'));"
        "print(time.perf_counter() - start); assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 3  # 0.25 s on an idle core


@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_smplx_and_smpl_files_hold_what_the_parity_fixtures_were_made_with(fake_bodies: Path, gender: str) -> None:
    body = read_body(find_body(fake_bodies, family="smplx", gender=gender))
    assert (body.family, body.gender) == ("smplx", gender)
    columns = np.concatenate([body.shapedirs, body.exprdirs], -1)
    assert body.posedirs is not None and body.hands_meanl is not None
    named = {
        "v_template": body.v_template,
        "f": body.faces,
        "weights": body.weights,
        "shapedirs": columns,
        "posedirs": body.posedirs,
        "J_regressor": body.J_regressor,
        "hands_meanl": body.hands_meanl,
        "lmk_faces_idx": body.lmk_faces_idx,
        "dynamic_lmk_bary_coords": body.dynamic_lmk_bary_coords,
    }
    for key, array in named.items():
        wanted = DIGEST[gender.upper()][key]
        assert array is not None
        assert [array.mean(dtype=np.float64), array.std(dtype=np.float64)] == pytest.approx(
            [wanted["mean"], wanted["std"]], abs=1e-6
        )
    smpl = read_body(find_body(fake_bodies, family="smpl", gender=gender))
    assert (smpl.family, smpl.gender, smpl.shapedirs.shape[2], smpl.exprdirs.shape[2]) == ("smpl", gender, 10, 0)
    assert smpl.hands_meanl is None and smpl.lmk_faces_idx is None
    assert smpl.kp_vertex_ids[[0, 10, 20]].tolist() == [332, 6787, 6133]


def test_columns_are_split_into_betas_and_expressions(fake_bodies: Path, tmp_path: Path) -> None:
    path = fake_bodies / "smplx/SMPLX_NEUTRAL.npz"
    body = read_body(path)
    assert (body.shapedirs.shape[2], body.exprdirs.shape[2]) == (300, 100)
    assert body.parents[0] == -1 and body.parents[1:4].tolist() == [0, 0, 0]
    parts = load_npz(path)
    np.testing.assert_array_equal(body.exprdirs[..., 0], parts["shapedirs"][..., 300])
    parts["shapedirs"], parts["posedirs_zero"] = parts["shapedirs"][..., :20], np.array(True)
    del parts["posedirs"]
    short = read_body(pickled(tmp_path / "SMPLX_NEUTRAL.pkl", parts))
    assert (short.shapedirs.shape[2], short.exprdirs.shape[2]) == (10, 10)
    np.testing.assert_array_equal(short.exprdirs[..., 0], parts["shapedirs"][..., 10])
    assert short.kp_vertex_ids.tolist()[:2] == [9120, 9929] and len(KEYPOINT_NAMES) == 21


def assert_same(found: BodyArrays, wanted: BodyArrays) -> None:
    for key, value in vars(wanted).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(found, key), value)
        elif key not in ("path", "sha256"):
            assert getattr(found, key) == value


@pytest.mark.parametrize("protocol", [2, 4])
def test_pkl_and_npz_are_the_same_body(fake_bodies: Path, tmp_path: Path, protocol: int) -> None:
    path = fake_bodies / "smplx/SMPLX_FEMALE.npz"
    parts: dict[str, Any] = {**load_npz(path)}
    parts["J_regressor"] = scipy.sparse.csc_matrix(parts["J_regressor"])
    again = read_body(pickled(tmp_path / "SMPLX_FEMALE.pkl", parts, protocol))
    assert_same(again, read_body(path))


def test_old_smpl_files_hold_chumpy_and_sparse(
    fake_bodies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake_bodies / "smpl/SMPL_MALE.pkl"
    module, kind = types.ModuleType("chumpy.ch"), type("Ch", (), {"__module__": "chumpy.ch"})
    vars(module)["Ch"] = kind
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    parts = load_pickle(path)
    for key in ("v_template", "shapedirs", "weights", "posedirs"):
        leaf = kind()
        vars(leaf)["x"], parts[key] = parts[key], leaf
    parts["J_regressor"] = scipy.sparse.csc_matrix(parts["J_regressor"])
    assert_same(read_body(pickled(tmp_path / "SMPL_MALE.pkl", parts)), read_body(path))


def test_arrays_can_be_written_to(parts: dict[str, Any], tmp_path: Path) -> None:
    body = read_body(pickled(tmp_path / "body.pkl", parts, 5))
    assert all(value.flags.writeable for value in vars(body).values() if isinstance(value, np.ndarray))
    assert_same(body, read_body(find_body("openbody")))


# ---------------------------------------------------------------------------------------------- what can be wrong

REQUIRED = ["v_template", "f", "weights", "shapedirs", "J_regressor", "kintree_table", "hands_meanl", "hands_meanr"]
REQUIRED += ["lmk_faces_idx", "lmk_bary_coords", "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords", "kp_vertex_ids"]


@pytest.mark.parametrize("key", REQUIRED)
def test_missing_arrays(parts: dict[str, Any], tmp_path: Path, key: str) -> None:
    path = spoiled(tmp_path, {name: value for name, value in parts.items() if name != key})
    with pytest.raises(BodyError, match=rf"broken\.npz: {key} is missing"):
        read_body(path)
    report = check_body(path)
    assert report.missing == (key,) and report.problems
    assert report.obtain or key == "v_template"


def test_missing_pose_correctives_are_an_error_unless_they_are_zero(parts: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="posedirs is missing"):
        read_body(spoiled(tmp_path, parts, posedirs_zero=None))


def with_entry(array: np.ndarray, index: Any, value: Any) -> np.ndarray:
    copy = array.copy()
    copy[index] = value
    return copy


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("v_template", lambda a: a[:-1], "a model of 13491 vertices"),
        ("v_template", lambda a: a[:778], "a MANO hand"),
        ("v_template", lambda a: a[:5023], "a FLAME head"),
        ("v_template", lambda a: a[:, :2], r"v_template has shape \(13492, 2\)"),
        ("v_template", lambda a: with_entry(a, (3, 1), np.nan), "NaN"),
        ("v_template", lambda a: a.astype("U9"), "holds <U9"),
        ("v_template", lambda a: with_entry(a.astype(np.float64), 0, 1e300), "NaN or infinity"),
        ("f", lambda a: with_entry(a, (0, 0), 13492), "f holds indices out of range"),
        ("f", lambda a: with_entry(a.astype(np.int64), (0, 0), -1), "whole numbers from 0 to 13491"),
        ("f", lambda a: a.astype(np.float64) + 0.5, "out of range"),
        ("f", lambda a: a[:, :2], r"expected \(any, 3\)"),
        ("weights", lambda a: a[:, :24], r"expected \(13492, 55\)"),
        ("weights", lambda a: with_entry(a, 7, 0.5), "the weights of vertex 7 sum to 27.5"),
        ("shapedirs", lambda a: a[..., :12], "12 columns"),
        ("shapedirs", lambda a: with_entry(a, (0, 0, 0), np.inf), "infinity"),
        ("J_regressor", lambda a: a.T, r"expected \(55, 13492\)"),
        ("kintree_table", lambda a: a[:, :24], "a skeleton of 24 joints"),
        ("kintree_table", lambda a: a[:, :52], "SMPL-H"),
        ("kintree_table", lambda a: with_entry(a, (0, 3), 9), "before its parent"),
        ("kintree_table", lambda a: with_entry(a.astype(np.int64), (0, 3), -1), "before its parent"),
        ("hands_meanl", lambda a: a[:44], r"expected \(45,\)"),
        ("lmk_faces_idx", lambda a: with_entry(a, 0, 26972), "from 0 to 26971"),
        ("dynamic_lmk_faces_idx", lambda a: a[:, :16], r"expected \(79, 17\)"),
        ("kp_vertex_ids", lambda a: with_entry(a, 0, 13492), "from 0 to 13491"),
        ("kp_names", lambda a: with_entry(a, 0, "nostril"), "kp_names lacks nose"),
        ("hands_meanr", lambda a: np.array([{}] * 45), "holds object"),
        ("hands_meanr", lambda a: np.array({"a": 1}, dtype=object), r"has shape \(\)"),
    ],
)
def test_wrong_arrays(parts: dict[str, Any], tmp_path: Path, key: str, change: Any, said: str) -> None:
    path = spoiled(tmp_path, parts, **{key: change(parts[key])})
    with pytest.raises(BodyError, match=said):
        read_body(path)
    assert not check_body(path).ok


def test_a_root_of_minus_one_is_a_root(parts: dict[str, Any], tmp_path: Path) -> None:
    table = with_entry(parts["kintree_table"].astype(np.int64), (0, 0), -1)
    assert read_body(spoiled(tmp_path, parts, kintree_table=table)).parents[0] == -1


def test_a_sparse_bomb_is_not_unpacked(parts: dict[str, Any], tmp_path: Path) -> None:
    bomb = scipy.sparse.coo_matrix(([1.0], ([0], [0])), shape=(10**7, 10**7))
    with pytest.raises(BodyError, match="J_regressor has shape"):
        read_body(pickled(tmp_path / "broken.pkl", {**parts, "J_regressor": bomb}))


def test_hostile_files_are_not_run(parts: dict[str, Any], tmp_path: Path) -> None:
    hostile = pickle.dumps(parts, 0)[:-1] + b"0cos\nsystem\n(S'true'\ntR."
    (tmp_path / "SMPLX_NEUTRAL.pkl").write_bytes(hostile)
    with pytest.raises(UnsafeFile, match=r"os\.system"):
        read_body(tmp_path / "SMPLX_NEUTRAL.pkl")
    assert "os.system" in check_body(tmp_path / "SMPLX_NEUTRAL.pkl").problems[0]


def test_damaged_files(parts: dict[str, Any], tmp_path: Path) -> None:
    whole = find_body("openbody").read_bytes()
    broken = tmp_path / "cut.npz"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.npz cannot be read"):
        read_body(broken)
    assert "cannot be read" in check_body(broken).problems[0]
    info = open_npz(find_body("openbody")).members["shapedirs"]
    start = info.header_offset + info.compress_size // 2
    broken.write_bytes(whole[:start] + bytes(b ^ 255 for b in whole[start : start + 64]) + whole[start + 64 :])
    with pytest.raises(InputError, match=r"cut\.npz: shapedirs cannot be read"):
        read_body(broken)
    report = check_body(broken)
    assert report.num_verts == 13492 and report.num_betas is None and len(report.problems) == 1
    pickled(broken.with_suffix(".pkl"), parts)
    broken.with_suffix(".pkl").write_bytes(pickle.dumps(parts)[:-100])
    with pytest.raises(InputError, match=r"cut\.pkl cannot be read"):
        read_body(broken.with_suffix(".pkl"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        ("a.npz", b"\xff\xd8\xff\xe0", "a JPEG picture"),
        ("SMPLX_NEUTRAL.npz", b"\n <!DOCTYPE html>", "a login"),
        ("a.pkl", pickle.dumps([1, 2]), "v_template is missing"),
        ("a.pkl", pickle.dumps(3), "v_template is missing"),
        ("a.txt", b"hello", "no body model"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "without arrays"),
        ("a.npz", b"", "no body model"),
    ],
)
def test_other_files_are_told_by_their_content(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BodyError, match=said):
        read_body(path)
    report = check_body(path)
    assert "no body model" in report.what and said in report.problems[0] and not report.ok


def test_folders_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="is a folder"):
        read_body(tmp_path)
    with pytest.raises(InputError, match="cannot be opened"):
        read_body(tmp_path / "none.npz")
    for path in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(InputError, match="is no file"):
            check_body(path)


# ---------------------------------------------------------------------------------------------- finding

NAMES = ["SMPLX_NEUTRAL.npz", "SMPLX_NEUTRAL.pkl"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "platform"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["models/smplx", "human_model_files/smplx", "smplx", "."])
def test_layouts(home: Path, tmp_path: Path, layout: str, name: str) -> None:
    path = touch(home / layout / name)
    assert find_body(None) == find_body("smplx") == find_body(None, family="smplx") == path
    elsewhere = touch(tmp_path / "given" / layout / name)
    assert find_body(str(tmp_path / "given")) == find_body(tmp_path / "given") == elsewhere
    assert find_body(str(elsewhere)) == elsewhere
    (tmp_path / "other").mkdir()
    assert find_body(tmp_path / "other") == path
    for gone in (tmp_path / "gone", "no/such/folder", "x.pickle"):
        with pytest.raises(AssetMissing, match=Path(gone).name):
            find_body(gone)
    with pytest.raises(AssetMissing, match="did you mean 'openbody'"):
        find_body("opnbody")
    with pytest.raises(AssetMissing, match=r"SMPLX_OTHER\.npz is missing"):
        find_body(tmp_path / "given/SMPLX_OTHER.npz")
    with pytest.raises(AssetMissing, match="SMPLX_MALE"):
        find_body(None, gender="male")


def test_order_of_search(home: Path) -> None:
    if sys.platform == "linux":
        platform = touch(home.parent / "platform/mien/models/smplx/SMPLX_NEUTRAL.npz")
        assert find_body(None) == platform
    packed = touch(home / "models/smplx/SMPLX_NEUTRAL.pkl")
    assert find_body(None) == packed
    assert find_body(None) != touch(home / "smplx/SMPLX_NEUTRAL.npz")
    assert find_body(None) != packed.with_suffix(".npz") and find_body(None) == packed
    better = touch(packed.with_suffix(".npz"))
    assert find_body(None) == better
    smpl = touch(home / "models/smpl/SMPL_FEMALE.pkl")
    assert find_body("smpl", gender="female") == find_body(None, family="smpl", gender="female") == smpl


@pytest.mark.parametrize("family", ["smplx", "smpl"])
def test_missing_bodies_name_places_and_site(home: Path, family: str) -> None:
    (home.parent / "somewhere").mkdir()
    with pytest.raises(AssetMissing) as caught:
        find_body("somewhere", family=family)
    said = str(caught.value)
    site = {"smplx": "https://smpl-x.is.tue.mpg.de", "smpl": "https://smpl.is.tue.mpg.de"}[family]
    assert f"{family.upper()}_NEUTRAL.npz" in said and "somewhere" in said and str(home) in said and site in said


def test_the_open_body_is_a_word(home: Path) -> None:
    touch(home.parent / "openbody")
    assert find_body("openbody") == find_body(None, family="openbody") == find_body("openbody", family="smplx")
    assert find_body("openbody").name == "openbody_SMPLX_NEUTRAL.npz"
    copy = touch(home.parent / "copies/openbody_SMPLX_NEUTRAL.npz")
    assert find_body(home.parent / "copies", family="openbody") == copy
    with pytest.raises(InputError, match="no male form"):
        find_body("openbody", gender="male")


def test_unknown_words_are_met_with_the_closest(home: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'smplx'"):
        find_body(None, family="smplxx")
    with pytest.raises(InputError, match="did you mean 'female'"):
        find_body(None, gender="femal")


# ---------------------------------------------------------------------------------------------- checking


def test_check_says_what_files_are(fake_bodies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_body = find_body("openbody")
    report = check_body(open_body)
    assert report.ok and (report.what, report.family, report.sha256) == ("open body", "openbody", sha256(open_body))
    assert (report.num_verts, report.num_faces, report.num_joints) == (13492, 26972, 55)
    assert (report.num_betas, report.num_expressions, report.has_pose_correctives) == (10, 10, False)
    assert report.has_mean_hands and report.has_landmarks
    smpl = check_body(fake_bodies / "smpl/SMPL_FEMALE.pkl")
    assert smpl.ok and (smpl.family, smpl.gender, smpl.num_joints) == ("smpl", "female", 24)
    assert smpl.has_pose_correctives and not smpl.has_mean_hands and not smpl.has_landmarks
    assert check((open_body, fake_bodies / "smplx/SMPLX_MALE.npz")) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "what             SMPL-X body, male" in printed and "betas            300" in printed
    assert f"sha256           {report.sha256}" in printed and "pose correctives no" in printed


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SMPLX_to_J14.pkl", "14 joints"),
        ("MANO_SMPLX_vertex_ids.pkl", "MANO hands"),
        ("SMPL-X__FLAME_vertex_ids.npy", "FLAME head"),
    ],
)
def test_check_knows_side_files(fake_bodies: Path, tmp_path: Path, name: str, said: str) -> None:
    renamed = tmp_path / "renamed.bin"
    renamed.write_bytes((fake_bodies / "smplx" / name).read_bytes())
    if renamed.read_bytes()[:1] == b"\x80" or name.endswith(".npy"):
        assert said in check_body(renamed).what
    report = check_body(fake_bodies / "smplx" / name)
    assert report.ok and said in report.what and report.family is None
    with pytest.raises(BodyError, match="v_template is missing"):
        read_body(fake_bodies / "smplx" / name)


def test_check_of_the_smpl_map_and_of_humandata(tmp_path: Path) -> None:
    empty = np.broadcast_to(np.float32(0), (6890, 10475))
    sparse = scipy.sparse.csr_matrix(empty.shape, dtype=np.float32)
    assert "smplx2smpl" in check_body(pickled(tmp_path / "smplx2smpl.pkl", {"matrix": sparse})).what
    np.savez(tmp_path / "h.npz", image_path=np.array(["a.jpg"]), bbox_xywh=np.zeros((1, 5)))
    report = check_body(tmp_path / "h.npz")
    assert "HumanData" in report.what and not report.ok


def test_check_lists_all_problems(parts: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spoiled(tmp_path, parts, f=None, weights=parts["weights"] * 2, hands_meanl=None)
    report = check_body(path)
    assert report.missing == ("f", "hands_meanl")
    assert [word in " ".join(report.problems) for word in ("sum to 2.000", "f is missing")] == [True, True]
    assert check((find_body("openbody"), path, tmp_path / "none.npz")) == 2
    printed = capsys.readouterr().out
    assert "missing          f, hands_meanl" in printed and "none.npz is no file" in printed
