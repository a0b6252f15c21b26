"""`mien doctor` tells what is there, what is missing and how to get it, whatever is broken."""

from __future__ import annotations

import importlib.metadata
import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien import kernel_cache
from mien.cli import findings, main
from mien.cli.findings import EXTRAS, Finding
from mien.cli.licences import LICENCES
from mien.errors import MienError

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    assert main(["doctor", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["schema_version"] == 1
    assert {licence["subject"] for licence in whole["licences"]} == {licence.subject for licence in LICENCES}
    broken = any(finding["state"] == "broken" for findings in whole["sections"].values() for finding in findings)
    assert whole["ready"] is not broken
    return whole["sections"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions of packages, to be changed; the requirements are those of pyproject.toml, however mien is installed."""
    versions: dict[str, str] = {}
    lines = list(PROJECT["dependencies"])
    for extra, members in PROJECT["optional-dependencies"].items():
        lines += [f'{member}; extra == "{extra}"' for member in members]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)
    found = findings._version

    def version(name: str) -> str:
        return versions.get(name, found(name))

    monkeypatch.setattr(findings, "_version", version)
    return versions


def by_subject(sections: dict[str, list[dict[str, str]]], section: str) -> dict[str, dict[str, str]]:
    return {finding["subject"]: finding for finding in sections[section]}


def test_what_is_there_and_what_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: dict[str, str]
) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "none"))
    sections = report(capsys)
    assert set(sections) == set(findings.SECTIONS)
    bodies, weights = by_subject(sections, "bodies"), by_subject(sections, "weights")
    assert bodies["openbody"]["state"] == weights["open-xs"]["state"] == "ready"
    assert bodies["smplx"]["state"] == "absent"
    assert f"put it at {tmp_path}/models/smplx/SMPLX_NEUTRAL.npz" in bodies["smplx"]["todo"]
    assert "mien weights convert" in weights["published weights"]["todo"]
    assert {finding["state"] for finding in sections["packages"]} == {"ready"}

    (tmp_path / "models/smplx").mkdir(parents=True)
    (tmp_path / "models/smplx/SMPLX_NEUTRAL.npz").touch()
    assert by_subject(report(capsys), "bodies")["smplx"]["state"] == "ready"


def test_what_each_body_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(body: object, family: str) -> None:
        raise MienError(f"no {family}")

    monkeypatch.setattr("mien.body.files.find_body", absent)
    found = {finding.subject: (finding.state, finding.found) for finding in findings._bodies()}
    assert found["openbody"] == ("broken", "absent; open-xs and mien synth need it")
    assert found["smpl"] == ("absent", "absent; for conversions to and from SMPL")


def test_every_extra_has_its_line(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras) <= set(EXTRAS), "say in mien/cli/findings.py what the extra is for"

    class Metadata:
        def get_all(self, key: str) -> list[str]:
            assert key == "Provides-Extra"
            return list(extras)

    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: Metadata())
    installed.update({"transformers": "", "av": "1.0"})
    found = {finding.subject: finding for finding in findings._extras()}
    assert set(found) == set(extras)
    assert found["detect"].state == "absent" and "missing: transformers" in found["detect"].found
    assert found["detect"].todo == "pip install 'mien[detect]'"
    assert found["video"].state == "absent"


@pytest.mark.parametrize(
    ("versions", "state", "words"),
    [
        ({}, "ready", "opencv-python-headless"),
        ({"opencv-python": "5.0.0"}, "broken", "exactly one"),
        ({"opencv-python-headless": ""}, "broken", "missing"),
        ({"opencv-python-headless": "4.12.0"}, "broken", "5 or newer"),
    ],
)
def test_exactly_one_opencv(installed: dict[str, str], versions: dict[str, str], state: str, words: str) -> None:
    installed.update(versions)
    finding = findings._opencv()
    assert finding.state == state and words in finding.found
    assert bool(finding.todo) == (state == "broken")


def test_a_core_package_that_is_missing_or_old_must_be_mended(installed: dict[str, str]) -> None:
    installed.update({"pyarrow": "", "numba": "0.1"})
    found = {finding.subject: finding for finding in findings._core()}
    assert found["pyarrow"] == Finding("broken", "pyarrow", "missing", "pip install 'pyarrow>=18'")
    assert found["numba"].state == "broken" and "0.1, but" in found["numba"].found


def test_it_never_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> Iterator[Finding]:
        yield Finding("ready", "before", "there")
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(findings, "SECTIONS", {"devices": breaks})
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "  ok  before" in printed
    assert "  !!  devices" in printed and "libcudart.so.12" in printed
    assert "to be mended: devices" in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_kernels_find_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: str(tmp_path) in str(path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert kernel_cache.settle([]) == ""
    monkeypatch.setenv("HOME", "/nonexistent")
    place = kernel_cache.settle([str(tmp_path / "none"), str(tmp_path)])
    assert place == os.environ["NUMBA_CACHE_DIR"] == f"{tmp_path}/mien-kernels-{os.getuid()}"
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o700
    assert kernel_cache.settle([]) == place, "what is set stays"
    assert not kernel_cache.are_kept("synth")
    (Path(place) / "synth_1234").mkdir()
    (Path(place) / "synth_1234/x.nbi").touch()
    assert kernel_cache.are_kept("synth")


def test_no_kernels_out_of_a_folder_that_others_can_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / f"mien-kernels-{os.getuid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    assert kernel_cache._private(tmp_path) is None
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert kernel_cache._private(tmp_path) is None


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m mien --help | head -1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["mien: from a picture to a whole person", "0"] and not run.stderr
    reads, writes = os.pipe()
    os.close(reads)
    run = subprocess.run([sys.executable, "-m", "mien", "--help"], stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert run.returncode == 0 and not run.stderr
