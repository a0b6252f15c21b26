"""A picture in, people out: predict, look, save, read back.

    python examples/01_picture_to_people.py OUT [PICTURE] [WEIGHTS]

Without arguments of your own it takes the demo's picture and random weights: it shows the calls, not a pose.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mien

HERE = Path(__file__).parent


def main(out: Path, picture: Path, weights: str) -> None:
    """Write the results for one picture to `out`."""
    estimate = mien.load(weights, detector="full-image", batch_size=4)
    people = estimate(picture)
    for i, person in enumerate(people):
        x, y, z = person.params.transl.tolist()
        print(f"person {i}: score {float(person.score):.2f}, at ({x:.2f}, {y:.2f}, {z:.2f}) m")
        print(f"  left hand: {tuple(person.params.left_hand_pose.shape)}, joints: {tuple(person.joints3d.shape)}")
    people.save(out / "people.npz")
    people.overlay(style="both", opacity=0.6).save(out / "overlay.png")
    people.export(out / "people.glb")
    again = mien.read(out / "people.npz", picture=picture)
    print(f"read back: {len(again)} people; {again.origin.warning}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0] if arguments else "out/example"),
        Path(arguments[1]) if len(arguments) > 1 else HERE / "data/people.jpg",
        arguments[2] if len(arguments) > 2 else "random-xxs",
    )
