"""Whether weights, or a wrapper around a network, mean what this package means: conventions, by their effect.

    report = verify(predictor, truths, body)
    report.sound, report.verdict                       # one line: sound, or what is wrong

Wrong conventions are not seen in shapes or keys: hands of the other side, a mean hand that was forgotten, axes in
another order, millimetres. So people with known truth are asked for, and each wrong convention is undone in turn: where
that makes the error clearly smaller, and smaller than that of a person at rest, that convention is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.errors import InputError, PictureError
from mien.evaluate.measuring import Ruler, project
from mien.evaluate.predicting import Answer, Predictor, see
from mien.evaluate.truths import Truths
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.metrics.distances import aligned_distance, shifted_distance
from mien.metrics.keypoints import keypoint_errors
from mien.records import SmplxParams

__all__ = ["CLEARLY", "Check", "Report", "verify"]

CLEARLY = 0.8
"""A convention is named if undoing it leaves at most this share of the error."""
DEEP = 200.0
"""Metres: who stands farther away stands there in millimetres."""
HANDS = ("left_hand_pose", "right_hand_pose")
MIRRORED = (
    (0, 1), (3, 4), (6, 7), (9, 10), (12, 13), (15, 16), (17, 18), (19, 20),
)  # fmt: skip
"""Left and right joints of `body_pose`."""
ORDERS = {"x, z, y": (0, 2, 1), "y, x, z": (1, 0, 2), "z, y, x": (2, 1, 0), "y, z, x": (1, 2, 0), "z, x, y": (2, 0, 1)}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question and its answer."""

    name: str
    ok: bool
    said: str
    """What was found; if not `ok`, what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All checks."""

    checks: tuple[Check, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.ok for check in self.checks)

    @property
    def verdict(self) -> str:
        """One line."""
        wrong = [check.said for check in self.checks if not check.ok]
        return "sound" if not wrong else "NOT SOUND: " + "; ".join(wrong)


def verify(predict: Predictor, truths: Truths, body: BodyModel) -> Report:
    """Ask about some people, and look at the answers.

    Args:
        predict: who is asked, as for `mien evaluate`.
        truths: a few people with whole truth, pictures, and different poses; some tens are enough.
        body: of both.

    Raises:
        InputError: nobody of them has a whole body, both hands and an answer, or answers have no parameters.
        PictureError: a picture cannot be used.
    """
    useful = np.flatnonzero(truths.whole & truths.hands.all(1) & ~truths.scanned)
    if not len(useful) or truths.family != body.family:
        raise InputError(f"{truths.name}: nobody has a whole {body.family} body and both hands", todo="choose others")
    return Report(checks=tuple(_Trial.of(predict, truths, useful, body).checks()))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trial:
    """Answers beside the truth."""

    truths: Truths
    ruler: Ruler
    answer: Answer
    params: SmplxParams
    boxes: np.ndarray
    true: Float[Tensor, "row vert 3"]

    @classmethod
    def of(cls, predict: Predictor, truths: Truths, rows: Int64[np.ndarray, "row"], body: BodyModel) -> _Trial:
        """Ask about some rows; who gets no answer is left out."""
        answers, boxes, there = list[Answer](), list[np.ndarray](), list[np.ndarray]()
        for seen in see(truths.take(rows), predict.image_size, 16):
            if problem := next((each for each in seen.problem if each), ""):
                raise PictureError(problem, expected="a picture for everybody")
            answer = predict(seen.crops, rows[seen.rows])
            answers.append(answer)
            boxes.append(seen.crop_box)
            there.append(np.ones(len(seen.rows), dtype=bool) if answer.there is None else answer.there.numpy())
        said = [each.params for each in answers if each.params is not None]
        if len(said) != len(answers):
            raise InputError("predictions without parameters", expected="parameters: joints alone show no convention")
        cameras = [each.K for each in answers if each.K is not None]
        known = np.flatnonzero(np.concatenate(there))
        if not len(known):
            raise InputError(f"nothing is said about anybody of {truths.name}", todo="choose the folder they are about")
        chosen, params = torch.from_numpy(known), SmplxParams.cat(said)[torch.from_numpy(known)]
        asked = truths.take(rows[known])
        return cls(
            truths=asked,
            ruler=Ruler.of(body),
            answer=Answer(params=params, K=torch.cat(cameras)[chosen] if cameras else None),
            params=params,
            boxes=np.concatenate(boxes)[known],
            true=asked.meshes(body),
        )

    def checks(self) -> Iterator[Check]:
        """In the order in which they make sense."""
        finite = all(
            bool(each.isfinite().all()) for each in (self.params.full_pose(), self.params.betas, self.params.transl)
        )
        yield Check(name="numbers", ok=finite, said="all finite" if finite else "answers hold NaN or infinity")
        if not finite:
            return
        yield self._units()
        yield from self._conventions()
        yield from self._floors()
        yield self._crop()

    @torch.no_grad()
    def body_error(self, params: SmplxParams) -> float:
        """Mean PVE, millimetres."""
        mesh, parts = self._mesh(params), self.ruler.parts
        shift = parts.roots.joints(self.true)[:, 0] - parts.roots.joints(mesh)[:, 0]
        return float(shifted_distance(mesh, self.true, None, shift).mean())

    @torch.no_grad()
    def hand_error(self, params: SmplxParams) -> float:
        """Mean PA-PVE of both hands, millimetres."""
        mesh, parts = self._mesh(params), self.ruler.parts
        assert parts.left_hand is not None and parts.right_hand is not None
        sides = (aligned_distance(mesh, self.true, ids).mean() for ids in (parts.left_hand, parts.right_hand))
        return float(torch.stack(list(sides)).mean())

    @torch.no_grad()
    def picture_error(self, params: SmplxParams) -> float:
        """Median distance of keypoints, percent of the box; NaN where no answer has a camera."""
        joints = self.ruler.body.shape(params.betas, params.expression).pose(params.full_pose()).joints()
        pixels = project(replace(self.answer, params=params), joints[:, list(SMPLX_137)], self.boxes)
        assert pixels is not None
        keypoints, known = self.truths.keypoints()
        box = torch.from_numpy(self.truths.samples.box.value)
        known = known & pixels.isfinite().all(-1)
        found = keypoint_errors(pixels.nan_to_num(0), keypoints, known, box)["kp2d_body_box"]
        return float(found.value[found.valid].median()) if found.valid.any() else math.nan

    def _mesh(self, params: SmplxParams) -> Float[Tensor, "row vert 3"]:
        return self.ruler.body.shape(params.betas, params.expression).pose(params.full_pose()).mesh()

    @property
    def _placed(self) -> bool:
        """Whether the answers say where people stand: a table may not."""
        return bool(self.params.transl.any())

    def _units(self) -> Check:
        if not self._placed:
            return Check(name="units", ok=True, said="no translations to look at")
        depth = float(self.params.transl[:, 2].median())
        if abs(depth) > DEEP:
            said = f"people stand {depth:,.0f} m away: translations are in millimetres, metres are meant"
            return Check(name="units", ok=False, said=said)
        if depth <= 0:
            return Check(name="units", ok=False, said=f"people stand behind the camera ({depth:.2f} m)")
        return Check(name="units", ok=True, said=f"people stand {depth:.1f} m away")

    def _rest(self) -> SmplxParams:
        """Somebody at rest, upright, facing the camera, hands relaxed; everything else as answered."""
        one = torch.eye(3, dtype=self.params.transl.dtype)
        mean = self.ruler.body.mean_hands
        assert mean is not None
        hands = {
            name: matrix_from_axis_angle(mean[i]).expand_as(getattr(self.params, name)) for i, name in enumerate(HANDS)
        }
        upright = torch.diag(torch.tensor([1.0, -1.0, -1.0])).to(one.dtype)
        turned = {"global_orient": upright.expand_as(self.params.global_orient)}
        still = {name: one.expand_as(getattr(self.params, name)) for name in ("body_pose", "jaw_pose")}
        return replace(self.params, **turned, **still, **hands)

    def _average(self) -> SmplxParams:
        """The mean person of the truth, turned as each is: what can be said of a body without looking at it."""
        true, found = self.truths.params(self.ruler.body), {}
        for name in ("body_pose", "jaw_pose", *HANDS):
            mean = axis_angle_from_matrix(getattr(true, name)).mean(0, keepdim=True)
            found[name] = matrix_from_axis_angle(mean).expand_as(getattr(true, name))
        shape = {
            name: getattr(true, name).mean(0, keepdim=True).expand_as(getattr(true, name))
            for name in ("betas", "expression")
        }
        return replace(true, **found, **shape)

    def _conventions(self) -> Iterator[Check]:
        """Undo every wrong convention that is known."""
        rest = self._rest()
        for name, measure, wrongs in (
            ("left and right", self.hand_error, self._sides()),
            ("mean hand", self.hand_error, self._mean_hands()),
            ("orientation", self.body_error, self._orientations()),
            ("rotations", self.body_error, self._rotations()),
        ):
            yield self._compare(name, measure, measure(rest), wrongs)

    def _compare(
        self,
        name: str,
        measure: Callable[[SmplxParams], float],
        floor: float,
        wrongs: dict[str, SmplxParams],
    ) -> Check:
        now = measure(self.params)
        errors = {said: measure(params) for said, params in wrongs.items()}
        said, best = min(errors.items(), key=lambda each: each[1])
        if best < CLEARLY * now and best < floor:
            return Check(name=name, ok=False, said=f"{said} (undone, the error falls from {now:.1f} to {best:.1f} mm)")
        return Check(name=name, ok=True, said=f"error {now:.1f} mm, at least {best:.1f} mm if it were otherwise")

    def _sides(self) -> dict[str, SmplxParams]:
        left, right = (getattr(self.params, name) for name in HANDS)
        return {
            "left and right hand are swapped": replace(self.params, left_hand_pose=right, right_hand_pose=left),
            "left and right hand are swapped and mirrored": replace(
                self.params, left_hand_pose=_mirror(right), right_hand_pose=_mirror(left)
            ),
            "hands are mirrored": replace(self.params, left_hand_pose=_mirror(left), right_hand_pose=_mirror(right)),
        }

    def _mean_hands(self) -> dict[str, SmplxParams]:
        mean = self.ruler.body.mean_hands
        assert mean is not None

        def moved(sign: int) -> SmplxParams:
            hands = {
                name: matrix_from_axis_angle(axis_angle_from_matrix(getattr(self.params, name)) + sign * mean[i])
                for i, name in enumerate(HANDS)
            }
            return replace(self.params, **hands)

        return {
            "the mean hand is missing: hand poses are offsets from it": moved(1),
            "the mean hand is added twice": moved(-1),
        }

    def _orientations(self) -> dict[str, SmplxParams]:
        root = self.params.global_orient
        flips = {"y up, z towards the viewer": [1.0, -1, -1], "upside down": [-1.0, -1, 1], "mirrored": [-1.0, 1, -1]}
        turns = {f"the root is in a frame with {name}": torch.diag(torch.tensor(s)) for name, s in flips.items()}
        found = {said: replace(self.params, global_orient=turn.to(root.dtype) @ root) for said, turn in turns.items()}
        return found | {"the root is transposed": replace(self.params, global_orient=root.mT)}

    def _rotations(self) -> dict[str, SmplxParams]:
        """Of the body's joints: rows for columns, axes in another order, sides exchanged."""
        pose = self.params.body_pose
        vectors = axis_angle_from_matrix(pose)
        found = {"rotations are transposed (rows for columns)": replace(self.params, body_pose=pose.mT)}
        for said, order in ORDERS.items():
            moved = torch.empty_like(vectors)
            moved[..., list(order)] = vectors
            turned = matrix_from_axis_angle(moved)
            found[f"axes stand in the order {said}"] = replace(self.params, body_pose=turned)
        swapped = _mirror(pose)
        order = list(range(21))
        for left, right in MIRRORED:
            order[left], order[right] = right, left
        found["left and right of the body are swapped"] = replace(self.params, body_pose=swapped[:, order])
        return found

    def _floors(self) -> Iterator[Check]:
        """Better than saying nothing."""
        now = self.body_error(self.params)
        for name, params in (("rest pose", self._rest()), ("mean pose", self._average())):
            floor = self.body_error(params)
            if name == "mean pose":
                now, floor = (self._unturned(each) for each in (self.params, params))
            ok = now < floor
            said = f"error {now:.1f} mm, of the {name} {floor:.1f} mm"
            yield Check(
                name=name, ok=ok, said=said if ok else f"no better than the {name} ({now:.1f} and {floor:.1f} mm)"
            )

    def _unturned(self, params: SmplxParams) -> float:
        """PVE with the true root orientation: what is known of pose and shape alone."""
        return self.body_error(replace(params, global_orient=self.truths.params(self.ruler.body).global_orient))

    def _crop(self) -> Check:
        """People are seen where they are: in the crop, not beside, mirrored or in another scale."""
        now = self.picture_error(self.params)
        if not self._placed or not math.isfinite(now):
            return Check(name="projection", ok=True, said="no translation, no camera or no keypoints to compare")
        moves = {
            "translations are in millimetres": self.params.transl / 1000,
            "x of the translation has the other sign": self.params.transl * torch.tensor([-1.0, 1, 1]),
            "y of the translation has the other sign": self.params.transl * torch.tensor([1.0, -1, 1]),
            "x and y of the translation are exchanged": self.params.transl[:, [1, 0, 2]],
        }
        errors = {said: self.picture_error(replace(self.params, transl=moved)) for said, moved in moves.items()}
        said, best = min(errors.items(), key=lambda each: each[1])
        if best < CLEARLY * now and best < 50:
            found = f"{said} (undone, keypoints are {best:.0f} % of the box off, not {now:.0f} %)"
            return Check(name="projection", ok=False, said=found)
        if now > 50:
            return Check(
                name="projection", ok=False, said=f"people are seen beside their boxes, {now:.0f} % of the box off"
            )
        return Check(name="projection", ok=True, said=f"keypoints are {now:.1f} % of the box off")


def _mirror(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotations seen in a mirror across x."""
    sign = torch.diag(torch.tensor([-1.0, 1, 1])).to(rotations.dtype)
    return sign @ rotations @ sign
