"""Upstream's SMPLer-X: its keys, and the counters of batches that nothing reads."""

from __future__ import annotations

from mien.nets.layout import VIT_RULES, Layout, Shapes, axis, encoder_of, known_size
from mien.nets.smplerx import SIZES, Config

__all__ = ["SMPLERX"]

TITLE = "SMPLer-X"
_BODY = {
    "reduce": "body_conv", "global_orient": "root_pose_out", "body_pose": "body_pose_out", "betas": "shape_out",
    "camera": "cam_out",
}  # fmt: skip
_RULES = (
    *VIT_RULES,
    (r"body_map\.", "body_position_net.conv.0."),
    *((rf"body\.{ours}\.", f"body_regressor.{theirs}.0.") for ours, theirs in _BODY.items()),
    (r"boxes\.up\.", "box_net.deconv."),
    (r"boxes\.center\.", "box_net.bbox_center.0."),
    (r"boxes\.sizes\.left_hand\.", "box_net.lhand_size."),
    (r"boxes\.sizes\.right_hand\.", "box_net.rhand_size."),
    (r"boxes\.sizes\.face\.", "box_net.face_size."),
    (r"(box_net\..*_size)\.hidden\.", r"\1.0."),
    (r"(box_net\..*_size)\.out\.", r"\1.2."),
    (r"hand_features\.up\.", "hand_roi_net.deconv."),
    (r"hand_features\.widen\.", "hand_roi_net.conv.0."),
    (r"hand_map\.", "hand_position_net.conv.0."),
    (r"hand\.reduce\.", "hand_regressor.hand_conv.0."),
    (r"hand\.norm\.", "hand_regressor.hand_conv.1."),
    (r"hand\.pose\.", "hand_regressor.hand_pose_out.0."),
    (r"face\.expression\.", "face_regressor.expr_out.0."),
    (r"face\.jaw_pose\.", "face_regressor.jaw_pose_out.0."),
)
_NORMS = (*(f"box_net.deconv.{i}" for i in (1, 4, 7)), *(f"hand_roi_net.deconv.{i}" for i in (1, 4)))
_NUM_HEADS = {config.embed_dim: config.heads for config in SIZES.values()} | {64: 4}
"""Attention heads leave no trace in the shapes; the width tells them for every known size (64: the test network)."""


def _infer(shapes: Shapes, heads: int | None) -> Config:
    fields = encoder_of(shapes, heads, _NUM_HEADS, TITLE)
    fields["dim_out"] = axis(shapes, "body_regressor.body_conv.0.weight", 2, TITLE)[0]
    fields["box_dim"] = axis(shapes, "box_net.deconv.0.weight", 4, TITLE)[1]
    return known_size(Config, fields, SIZES.values())


def _dropped(config: Config) -> dict[str, tuple[int, ...]]:
    del config
    return {f"{norm}.num_batches_tracked": () for norm in (*_NORMS, "hand_regressor.hand_conv.1")}


SMPLERX = Layout(title=TITLE, sign="box_net.", rules=_RULES, infer=_infer, dropped=_dropped)
