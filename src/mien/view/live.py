"""Look at a result in a browser while this program runs: viser (https://viser.studio), with time, people and camera.

    live = Live(clip, body, footage, port=8080)       # http://127.0.0.1:8080
    live.show(12)

The world is the frame of the camera (OpenCV: x right, y down, z forward, metres), whose place is the origin.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from mien.body.model import BodyModel
from mien.clip import Clip
from mien.errors import InputError
from mien.export.motion import Motion, Stage, camera_matrix, motions_in
from mien.export.people import posed_motion
from mien.optional import need
from mien.palette import person_colour
from mien.scene import Scene
from mien.video import Footage
from mien.view.frames import LONGEST_SIDE, frame_times, small_frames
from mien.view.page import counted, jpeg_bytes

__all__ = ["Live"]

_SPEEDS = ("0.1", "0.25", "0.5", "1", "2", "4")
_NOBODY = "nobody"
_CAMERA_SIZE = 0.4
"""Of the drawn camera: how far away its picture is, metres."""


@dataclass
class _Person:
    """One person, and what of them is on the screen."""

    motion: Motion
    name: str
    mesh: Any = None
    skeleton: Any = None
    box: Any = None
    """Whether they are shown, as the user says."""
    is_shown: bool = False
    pelvis: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @property
    def colour(self) -> tuple[int, int, int]:
        """RGB, 0..255."""
        red, green, blue = (round(255 * value) for value in person_colour(self.motion.track))
        return red, green, blue


class Live:
    """A result in a browser, for as long as this object is not stopped."""

    def __init__(
        self,
        found: Clip | Scene,
        body: BodyModel,
        picture: Footage | UInt8[np.ndarray, "height width 3"] | None = None,
        *,
        title: str = "mien",
        host: str = "127.0.0.1",
        port: int = 8080,
    ) -> None:
        """Start to serve.

        Args:
            found: of a clip or a picture.
            body: the one that it was made with.
            picture: the clip's frames, or the picture (upright RGB); it stands in the camera.
            title: of the browser's window.
            host: 127.0.0.1 is this machine alone, 0.0.0.0 whoever can reach it.
            port: where; if it is taken, the next free one.

        Raises:
            InputError: the picture is not that of the result, or the result holds numbers that are not finite.
            BodyError: the result was made with another body.
            MienError: viser is not installed.
        """
        viser = need("viser", extra="view", why="looking at a result in a browser")
        self.body, self.motions = body, motions_in(found)
        is_clip = isinstance(found, Clip)
        self.stage = Stage.of(found)
        self.frames = range(max(1, self.stage.num_frames))
        self.times = frame_times(self.stage, self.motions, self.frames)
        self.numbers, self.pictures = _pictures(picture, self.stage, self.times, self.frames)
        names = [f"Track {each.track}" if is_clip else f"Person {each.track + 1}" for each in self.motions]
        self.people = [_Person(motion=each, name=name) for each, name in zip(self.motions, names, strict=True)]
        self.frame = 0
        self.backdrop: Any = None
        self._lock, self._stopped = threading.Lock(), threading.Event()
        with redirect_stdout(io.StringIO()):  # it greets
            self.server = viser.ViserServer(host=host, port=port, label=title, verbose=False)
        self.server.gui.configure_theme(control_width="medium", show_share_button=False)
        self._build()
        self.show(0)
        self._player = threading.Thread(target=self._play, name="mien-play", daemon=True)
        if len(self.frames) > 1:
            self._player.start()

    @property
    def port(self) -> int:
        """Where it is served."""
        return self.server.get_port()

    def stop(self) -> None:
        """Serve no more."""
        self._stopped.set()
        if self._player.is_alive():  # what it moves must still be served
            self._player.join(5)
        with redirect_stdout(io.StringIO()):
            self.server.stop()

    def show(self, frame: int) -> None:
        """Everyone as they are in one frame."""
        with self._lock, self.server.atomic():
            self.frame = frame
            for person in self.people:
                self._place(person)
            if self.pictures:
                at = int(np.searchsorted(self.numbers, frame, side="right")) - 1
                self._place_picture(_decoded(self.pictures[max(0, at)]))
            here = [person for person in self.people if person.is_shown]
            when = f"{self.times[frame]:.2f} s, frame {frame}: " if len(self.frames) > 1 else ""
            self.facts.content = f"{when}{counted(len(here))}"

    # what is on the page --------------------------------------------------------------------------------------
    def _build(self) -> None:
        """Everything that stands still, and the controls."""
        gui, height = self.server.gui, self.stage.image_size[0]
        K, aspect = camera_matrix(self.stage), self.stage.image_size[1] / height
        self.fov = 2 * math.atan(height / (2 * K[1, 1]))
        scene = self.server.scene
        scene.set_up_direction("-y")
        scene.configure_default_lights(True, cast_shadow=False)
        self.camera = scene.add_camera_frustum("/camera", fov=self.fov, aspect=aspect, scale=_CAMERA_SIZE)
        self._build_ground()
        self.facts = gui.add_markdown("")
        if len(self.frames) > 1:
            self.time = gui.add_slider("Frame", 0, self.frames[-1], 1, 0)
            self.time.on_update(lambda _: self.show(self.time.value))
            self.play = gui.add_checkbox("Play", False)
            self.speed = gui.add_dropdown("Speed", _SPEEDS, initial_value="1")
        through = gui.add_button("Look through the camera")
        through.on_click(lambda event: self._look_through(event.client))
        self.style = gui.add_dropdown("Show", ("mesh", "skeleton", "both"), initial_value="mesh")
        self.opacity = gui.add_slider("Opacity", 0.1, 1.0, 0.05, 1.0)
        self.frustum = gui.add_checkbox("Camera", True)
        self.behind = gui.add_checkbox("Picture behind", False, visible=bool(self.pictures))
        for control in (self.style, self.opacity, self.frustum, self.behind):
            control.on_update(lambda _: self._restyle())
        self.follow = gui.add_dropdown("Follow", (_NOBODY, *(person.name for person in self.people)))
        with gui.add_folder("People"):
            for person in self.people:
                person.box = gui.add_checkbox(person.name, True)
                person.box.on_update(lambda _: self._restyle())
        self.server.on_client_connect(self._look_around)

    def _build_ground(self) -> None:
        """A grid of half metres at the lowest foot, below the middle of everyone's ways."""
        if not self.motions:
            return
        ways = torch.cat([motion.params.transl for motion in self.motions])
        low, high = ways.amin(0), ways.amax(0)
        self.middle = ((low + high) / 2).numpy().astype(float)
        few = [motion[torch.linspace(0, len(motion) - 1, min(len(motion), 8)).long()] for motion in self.motions]
        floor = max(float(posed_motion(motion, self.body).mesh()[..., 1].max()) for motion in few)
        size = float((high - low).max()) + 6.0
        place = (self.middle[0], floor, self.middle[2])
        self.server.scene.add_grid("/ground", size, size, plane="xz", cell_size=0.5, position=place)

    def _restyle(self) -> None:
        self.camera.visible = self.frustum.value
        for person in self.people:
            if person.mesh is not None:
                person.mesh.opacity = self._opacity
        self.show(self.frame)

    @property
    def _opacity(self) -> float | None:
        """Of all meshes; None is opaque."""
        chosen = min(self.opacity.value, 0.6) if self.style.value == "both" else self.opacity.value
        return None if chosen == 1 else chosen

    def _place_picture(self, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
        """In the drawn camera, or, where the user wants that, behind everyone."""
        is_behind = self.behind.value
        self.camera.image = None if is_behind else pixels
        if self.backdrop is None and is_behind:
            K, (height, width) = camera_matrix(self.stage), self.stage.image_size
            far = 1.1 * max((float(each.params.transl[:, 2].max()) for each in self.motions), default=3.0) + 0.4
            middle = (((width - 1) / 2 - K[0, 2]) / K[0, 0] * far, ((height - 1) / 2 - K[1, 2]) / K[1, 1] * far, far)
            size = (width / K[0, 0] * far, height / K[1, 1] * far)
            self.backdrop = self.server.scene.add_image("/picture", pixels, *size, position=middle, format="jpeg")
        if self.backdrop is not None:
            self.backdrop.visible = is_behind
            if is_behind:
                self.backdrop.image = pixels

    def _place(self, person: _Person) -> None:
        """One person as they are now, if they are there."""
        row = int(torch.searchsorted(person.motion.frame_index, self.frame))
        is_here = row < len(person.motion) and int(person.motion.frame_index[row]) == self.frame
        is_shown = person.is_shown = bool(is_here and person.box.value)
        if person.mesh is not None:
            person.mesh.visible = is_shown and self.style.value != "skeleton"
            person.skeleton.visible = is_shown and self.style.value != "mesh"
        if not is_shown:
            return
        posed = posed_motion(person.motion[row : row + 1], self.body)
        vertices, joints = posed.mesh()[0].numpy(), posed.position[0].numpy()
        bones = np.stack([joints[list(self.body.parents[1:])], joints[1:]], 1)
        if person.mesh is None:
            self._add(person, vertices, bones)
            return self._place(person)
        person.mesh.vertices, person.skeleton.points = vertices, bones
        moved = joints[0].astype(float) - person.pelvis
        person.pelvis = joints[0].astype(float)
        if self.follow.value == person.name:
            for client in self.server.get_clients().values():
                client.camera.position = client.camera.position + moved
        return None

    def _add(self, person: _Person, vertices: np.ndarray, bones: np.ndarray) -> None:
        """Someone who was not there before."""
        scene, name = self.server.scene, f"/people/{person.motion.name}"
        faces = self.body.faces.numpy().astype(np.uint32)
        look = {"color": person.colour, "opacity": self._opacity, "cast_shadow": False, "receive_shadow": False}
        person.mesh = scene.add_mesh_simple(f"{name}/mesh", vertices, faces, **look)
        person.skeleton = scene.add_line_segments(f"{name}/skeleton", bones, person.colour, thickness=0.02)
        score = person.motion.score
        mean = float(score[score > 0].mean()) if bool((score > 0).any()) else 0.0
        person.mesh.on_click(lambda _: setattr(self.follow, "value", person.name))
        person.box.hint = f"mean score {mean:.2f}, {len(person.motion)} frames"

    # where the browser's camera is ----------------------------------------------------------------------------
    def _look_through(self, client: Any) -> None:
        """From the place of the picture's camera, with the picture behind everyone."""
        self.behind.value = bool(self.pictures)
        self.show(self.frame)
        client.camera.up_direction = (0.0, -1.0, 0.0)
        client.camera.position, client.camera.look_at = (0.0, 0.0, 0.0), (0.0, 0.0, 1.0)
        client.camera.fov = self.fov

    def _look_around(self, client: Any) -> None:
        """From beside and above the picture's camera, at everyone."""
        middle = self.middle if self.motions else np.array([0.0, 0.0, 3.0])
        away = 0.9 * middle[2]
        client.camera.position = middle + np.array([0.5 * away, -0.35 * away, -away])
        client.camera.look_at = middle

    def _play(self) -> None:
        """Frame after frame, at the clip's own times, while the box is ticked; from where the user moves it to."""
        clock, shown, before = 0.0, 0, time.monotonic()
        while not self._stopped.wait(0.01):
            now = time.monotonic()
            gone, before = now - before, now
            if not self.play.value or self.frame != shown:
                shown = self.frame
                clock = float(self.times[shown])
            if not self.play.value:
                continue
            clock += gone * float(self.speed.value)
            clock = float(self.times[0]) if clock > self.times[-1] + 1 / self.stage.fps else clock
            frame = max(0, int(np.searchsorted(self.times, clock, side="right")) - 1)
            if frame != shown:
                shown = frame
                self.time.value = frame


def _pictures(
    picture: Footage | np.ndarray | None, stage: Stage, times: np.ndarray, frames: range
) -> tuple[Sequence[int], list[bytes]]:
    """Numbers of the frames that have a picture, and the pictures, small, as JPEG."""
    if picture is None:
        return [], []
    if isinstance(picture, Footage):
        picture.check_size(stage.image_size)
        shots = list(small_frames(picture, times, frames))
    elif picture.shape[:2] == stage.image_size:
        shots = [(0, picture)]
    else:
        found, (height, width) = f"the picture is {picture.shape[1]} x {picture.shape[0]} pixels", stage.image_size
        raise InputError(found, expected=f"{width} x {height}, as the result says", todo="give the right picture")
    return [number for number, _ in shots], [jpeg_bytes(pixels, 2 * LONGEST_SIDE, 85) for _, pixels in shots]


def _decoded(data: bytes) -> UInt8[np.ndarray, "height width 3"]:
    import cv2

    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    return found
