"""A BVH reader of its own: the hierarchy, and where forward kinematics puts the joints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Bvh:
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)
    frame_time: float = 0.0
    frames: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def positions(self) -> np.ndarray:
        """(frame, joint or end, 3)."""
        found = np.zeros((len(self.frames), len(self.names), 3))
        for number, row in enumerate(self.frames):
            worlds: list[np.ndarray] = []
            column = 0
            for joint, parent in enumerate(self.parents):
                local = np.eye(4)
                local[:3, 3] = self.offsets[joint]
                for channel in self.channels[joint]:
                    step = np.eye(4)
                    axis = "XYZ".index(channel[0])
                    if channel.endswith("position"):
                        step[axis, 3] = row[column]
                    else:
                        a, b = (axis + 1) % 3, (axis + 2) % 3
                        angle = np.deg2rad(row[column])
                        step[a, a] = step[b, b] = np.cos(angle)
                        step[b, a], step[a, b] = np.sin(angle), -np.sin(angle)
                    local = local @ step
                    column += 1
                worlds.append(local if parent < 0 else worlds[parent] @ local)
                found[number, joint] = worlds[-1][:3, 3]
            assert column == len(row)
        return found


def read_bvh(path: Path) -> Bvh:
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    bvh, stack = Bvh(), [-1]
    assert lines[0] == ["HIERARCHY"]
    for place, words in enumerate(lines[1:], 1):
        match words:
            case ["ROOT" | "JOINT", name]:
                bvh.names.append(name)
            case ["End", "Site"]:
                bvh.names.append(f"end of {bvh.names[stack[-1]]}")
            case ["{"]:
                bvh.parents.append(stack[-1])
                bvh.channels.append([])
                stack.append(len(bvh.names) - 1)
            case ["}"]:
                stack.pop()
            case ["OFFSET", *numbers]:
                bvh.offsets.append([float(each) for each in numbers])
            case ["CHANNELS", count, *names]:
                assert int(count) == len(names)
                bvh.channels[stack[-1]] = names
            case ["MOTION"]:
                assert stack == [-1]
                assert lines[place + 1][0] == "Frames:"
                bvh.frame_time = float(lines[place + 2][2])
                bvh.frames = np.array(lines[place + 3 :], float)
                assert len(bvh.frames) == int(lines[place + 1][1])
                return bvh
            case _:
                raise AssertionError(words)
    raise AssertionError("no motion")
