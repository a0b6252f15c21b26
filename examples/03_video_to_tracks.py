"""From a video to tracks: a clip of two people who cross is made, predicted, smoothed and drawn.

    python examples/03_video_to_tracks.py OUT [FRAMES]

Needs the extra `video`. Open OUT/walk_overlay.mp4 to see who is who.
"""

import json
import sys
from pathlib import Path

import numpy as np

import mien
from mien.filming import draw_clip
from mien.movie import write_movie
from mien.people import Drawing
from mien.synth.clips import make_clip
from mien.video import open_footage


def main(out: Path, frames: int, weights: str = "open-xs", size: tuple[int, int] = (240, 320)) -> None:
    """Everything is written to `out`."""
    body = mien.load(weights, detector="full-image").body
    made = make_clip(body, "cross", seed=10, frames=frames, image_size=size)
    boxes: dict[str, list[list[float]]] = {}
    with write_movie(out / "walk.mp4", size[1], size[0], made.fps) as movie:
        for i in range(frames):
            shown = made.show(i)
            movie.add(shown.picture, float(made.times[i]))
            boxes[str(i)] = np.concatenate([shown.boxes, shown.scores[:, None]], 1).tolist()
    (out / "boxes.json").write_text(json.dumps({"walk.mp4": boxes}))

    estimate = mien.load(weights, detector=f"boxes:{out / 'boxes.json'}")
    filmed = mien.predict_clip(estimate, out / "walk.mp4", out / "walk.npz")
    print(f"{filmed.tracks} tracks, {filmed.frames} frames, {filmed.rate:.1f} frames/s")

    clip = mien.read(out / "walk.npz")
    for track in clip.tracks:
        print(track.id, len(track), int(track.valid.sum()), track.params.body_pose.shape)
    draw_clip(clip, open_footage(out / "walk.mp4"), out / "walk_overlay.mp4")
    drawn = [frame.pixels for frame in open_footage(out / "walk_overlay.mp4").frames()]
    sheet = [drawn[i] for i in np.linspace(0.1 * frames, 0.9 * frames, 4).astype(int)]
    Drawing(np.concatenate(sheet, 1)).save(out / "sheet.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
