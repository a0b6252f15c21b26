"""People in motion as FBX, for Unity, Unreal, Maya and MotionBuilder. Blender writes it: nobody else may.

The people go to Blender as an animated GLB, and Blender's own exporter makes the FBX: the same mesh, skeleton, skin,
expressions and animation. Blender is looked for in this order: what the variable MIEN_BLENDER names (a Blender, or a
Python that has `bpy`), the `bpy` of this Python, `blender` on the PATH.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mien.body.model import BodyModel
from mien.errors import MienError, OutputError
from mien.export.glb import write_motions
from mien.export.motion import Motion
from mien.files import atomic_write

__all__ = ["find_blender", "write_fbx"]

VARIABLE = "MIEN_BLENDER"
SECONDS = 600
"""Most that Blender may take."""

_SCRIPT = """
import sys
import bpy

source, target, fps = sys.argv[-3:]
bpy.ops.wm.read_factory_settings(use_empty=True)
render = bpy.context.scene.render
render.fps = max(1, round(float(fps)))
render.fps_base = render.fps / float(fps)
bpy.ops.import_scene.gltf(filepath=source)
ends = [frame for action in bpy.data.actions for frame in action.frame_range]
if ends:
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = round(min(ends)), round(max(ends))
for thing in [each for each in bpy.data.objects if each.type == "MESH" and not each.vertex_groups]:
    bpy.data.objects.remove(thing)
for keys in bpy.data.shape_keys:
    for key in keys.key_blocks:
        key.slider_min, key.slider_max = -10, 10
bpy.ops.export_scene.fbx(
    filepath=target,
    object_types={"ARMATURE", "MESH", "EMPTY", "CAMERA"},
    add_leaf_bones=False,
    use_armature_deform_only=False,
    bake_anim=bool(ends),
    bake_anim_use_all_actions=False,
    bake_anim_use_nla_strips=False,
    bake_anim_simplify_factor=0.0,
    path_mode="STRIP",
)
"""
"""For Blender; empties its scene first. Shapes of bones that the importer draws are no part of anybody, and it bounds a
moving expression by its first frame (4.2)."""


def write_fbx(path: Path, motions: Sequence[Motion], body: BodyModel) -> Path:
    """Write people in motion as an FBX file, y up, whole or not at all.

    Args:
        path: where to.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.

    Raises:
        MienError: there is no Blender, or it fails.
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    blender = find_blender()
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as stream:
        source, target, script = (Path(folder) / name for name in ("people.glb", "people.fbx", "to_fbx.py"))
        write_motions(source, [motion.even() for motion in motions], body)
        script.write_text(_SCRIPT)
        _run([*blender, str(script), "--", str(source), str(target), f"{motions[0].stage.fps!r}"])
        if not target.is_file():
            raise OutputError(f"Blender wrote no FBX for {path}", expected="a file", todo=f"look at {VARIABLE}")
        stream.write(target.read_bytes())
    return path


def find_blender() -> list[str]:
    """What runs a script in Blender: the words before the script's path.

    Raises:
        MienError: there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        program = shutil.which(named)
        if program is None:
            raise MienError(f"{VARIABLE} is {named}", expected="a Blender, or a Python that has bpy, to be run")
        return _command(program)
    if importlib.util.find_spec("bpy") is not None:
        return [sys.executable]
    program = shutil.which("blender")
    if program is None:
        raise MienError(
            "writing FBX needs Blender, and there is none",
            expected=f"a program named by {VARIABLE}, the package bpy, or blender on the PATH",
            todo="install Blender (https://www.blender.org), or with Python 3.11: pip install 'bpy==4.2.*'; "
            "or export glb and convert it there",
        )
    return _command(program)


def _command(program: str) -> list[str]:
    if "python" in Path(program).name.lower():
        return [program]
    return [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MienError(f"{command[0]} does not run ({error})", expected="a Blender", todo=f"see {VARIABLE}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
        raise MienError(
            f"{command[0]} cannot write FBX: {last[:300]}",
            expected="Blender 4.2 or newer with its glTF and FBX add-ons",
            todo="export glb and convert it there",
        )
