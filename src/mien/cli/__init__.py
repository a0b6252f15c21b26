"""The command `mien`: one file per verb, imported only when it is asked for, so that `--help` starts at once."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

GROUPS: dict[str, dict[str, str]] = {
    "motion": {
        "predict": "people out of pictures and videos: SMPL-X parameters, joints, camera",
        "convert": "results of other systems as ours; SMPL-X as SMPL and SMPL-H",
        "fuse hands": "hands of other networks in the tracks of a clip",
        "export": "results as glb, bvh, amass, usd, obj, csv, openpose, fbx, html",
        "view": "a result in a browser, live: time, people, camera",
        "app": "a page to drop pictures and videos on",
    },
    "data": {
        "synth": "pictures of synthetic people with exact labels",
        "data list": "the catalogue of datasets",
        "data show": "all that is known of one dataset",
        "data check": "what of the catalogue is in a folder, what is missing, where it is to be had",
        "data validate": "what is wrong with a HumanData file, by key and row",
        "data fit": "gendered or SMPL parameters as neutral SMPL-X ones",
        "data ingest": "annotation files into a store for training",
        "data stats": "counts, coverage and distributions of a store",
        "data preview": "augmented samples with their labels drawn",
    },
    "training": {
        "train": "a network by a recipe, in one process or many",
        "finetune": "a specialist from weights and data of your own",
    },
    "research": {
        "evaluate": "how good weights or predictions are: errors, tables, a report",
        "study rank": "which dataset teaches most, on which benchmark",
        "study scale": "what more data and larger networks buy; does the mix matter",
        "study finetune": "what specialists gain, and what they forget",
        "study attributes": "how datasets look, face and stand; who covers whom, what adds most",
        "study hands": "how far from relaxed the hands of datasets are",
        "study attention": "where each task token of a network looks",
        "submit agora": "a zip for AGORA's server",
        "submit bedlam": "a zip for BEDLAM's server",
        "submit hbw": "an .npz for SHAPY/HBW",
        "submit check": "what is wrong with a submission",
        "verify": "whether weights follow the conventions: sides, axes, units, projection",
    },
    "models": {
        "weights convert": "a published checkpoint to safetensors",
        "weights show": "what a weights file holds: size, licence, body family",
        "export-model": "weights as ONNX or OpenVINO, checked against torch",
        "body check": "what a body file is, what is missing, where it is to be had",
        "doctor": "what is here, what is missing and how to get it, what licences allow",
    },
}
VERBS = {verb for group in GROUPS.values() for verb in group}
RESUMES = {
    **dict.fromkeys(("predict", "train", "finetune", "evaluate"), "--resume goes on"),
    **dict.fromkeys(("synth", "data ingest"), "the same command goes on"),
    **dict.fromkeys((verb for verb in VERBS if verb.startswith("study ")), "the same command goes on"),
}
"""How to go on after Ctrl-C, of verbs that can."""
FAMILIES = {verb.split()[0] for verb in VERBS if " " in verb}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0 well, 1 some inputs were skipped, 2 nothing could be done, 130 stopped."""
    from mien.errors import MienError

    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="mien: %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except MienError as error:
        print(f"mien: error: {error}", file=sys.stderr)
        return 2
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and _nobody_listens():
            return 0
        if not _interrupted(error):
            raise
        way = next((RESUMES[verb] for verb in (" ".join(words[:2]), words[0]) if verb in RESUMES), "")
        print(f"mien: stopped; what was finished is kept, {way}" if way else "mien: stopped", file=sys.stderr)
        return 130


def _nobody_listens() -> bool:
    """Whether standard output leads to a program that has ended, such as `head`. It leads nowhere from then on."""
    try:
        print(flush=True)  # what could not be written is forgotten, so that a flush alone would say nothing
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an exception: a cut-off archive, for one, fails with an error of its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _dispatch(words: list[str]) -> int:
    from mien.errors import InputError, closest

    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        import mien

        print(f"mien {mien.__version__}")
        return 0
    if words == ["doctor"]:  # has its say even where packages are missing
        from mien.cli.doctor import doctor

        return doctor()
    verb = " ".join(words[:2]) if words[0] in FAMILIES else words[0]
    if words[0] in FAMILIES and (len(words) < 2 or words[1] in ("-h", "--help")):
        print(_help(words[0]))
        return 0 if len(words) > 1 else 2
    if verb not in VERBS:
        raise InputError(f"mien has no verb {verb!r}", todo=closest(verb, VERBS))
    import tyro

    module = importlib.import_module(f"mien.cli.{verb.split()[0].replace('-', '_')}")
    function = getattr(module, verb.split()[-1].replace("-", "_"))
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
    return tyro.cli(function, prog=f"mien {verb}", args=words[len(verb.split()) :], config=config)


def _help(family: str = "") -> str:
    lines = [
        "mien: from a picture to a whole person",
        "",
        "usage: mien VERB [arguments]      mien VERB --help says more",
        "",
    ]
    for group, verbs in GROUPS.items():
        rows = [f"  {verb:<18}{line}" for verb, line in verbs.items() if verb.startswith(family)]
        lines += [f"{group}:", *rows, ""] if rows else []
    return "\n".join(lines).rstrip()
