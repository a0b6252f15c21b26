"""Upstream's SMPLest-X: its keys, and the parameters that it keeps for nothing."""

from __future__ import annotations

from mien.nets.layout import VIT_RULES, Layout, Shapes, axis, count, encoder_of, known_size
from mien.nets.smplest import NUM_TASK_TOKENS, SIZES, Config

__all__ = ["SMPLEST"]

TITLE = "SMPLest-X"
_HEADS = {
    "global_orient": "dec_body_root_pose",
    "body_pose": "dec_body_pose",
    "betas": "dec_body_shape",
    "camera": "dec_body_cam",
    "hand_root": "dec_hand_root_pose",
    "hand_pose": "dec_hand_pose",
    "expression": "dec_face_expression",
    "jaw_pose": "dec_face_jaw_pose",
}
_LAYER = "decoder.transformer.transformer.layers"
_RULES = (
    *VIT_RULES,
    (r"decoder\.position", "decoder.transformer.pos_embedding"),
    (r"decoder\.layers\.", f"{_LAYER}."),
    (r"(decoder\..*\d)\.norm1\.", r"\1.0.norm."),
    (r"(decoder\..*\d)\.self_attention\.qkv\.", r"\1.0.fn.to_qkv."),
    (r"(decoder\..*\d)\.self_attention\.out\.", r"\1.0.fn.to_out.0."),
    (r"(decoder\..*\d)\.norm2\.", r"\1.1.norm."),
    (r"(decoder\..*\d)\.cross_attention\.(q|kv)\.", r"\1.1.fn.to_\2."),
    (r"(decoder\..*\d)\.cross_attention\.out\.", r"\1.1.fn.to_out.0."),
    (r"(decoder\..*\d)\.norm3\.", r"\1.2.norm."),
    (r"(decoder\..*\d)\.mlp\.up\.", r"\1.2.fn.net.0."),
    (r"(decoder\..*\d)\.mlp\.down\.", r"\1.2.fn.net.3."),
    (r"reduce\.", "decoder.token_conv."),
    *((rf"heads\.{ours}\.", f"decoder.{theirs}.") for ours, theirs in _HEADS.items()),
)
_NUM_HEADS = {config.embed_dim: config.heads for config in SIZES.values()} | {64: 4}
"""Attention heads leave no trace in the shapes; the width tells them for every known size (64: the test network)."""


def _infer(shapes: Shapes, heads: int | None) -> Config:
    fields = encoder_of(shapes, heads, _NUM_HEADS, TITLE)
    fields["decoder_depth"] = count(shapes, rf"{_LAYER}\.(\d{{1,6}})\.")
    fields["decoder_heads"] = axis(shapes, f"{_LAYER}.0.1.fn.to_q.weight", 2, TITLE)[0] // 64
    fields["dim_out"] = axis(shapes, "decoder.token_conv.weight", 2, TITLE)[0]
    return known_size(Config, fields, SIZES.values())


def _dropped(config: Config) -> dict[str, tuple[int, ...]]:
    """Parameters that reach neither upstream's results nor its losses."""
    dim, out = config.embed_dim, config.dim_out
    rows = {"hand_cam": (6, 2 * out), "face_root_pose": (6, out), "face_cam": (3, out)}
    shapes: dict[str, tuple[int, ...]] = {
        "decoder.transformer.to_token_embedding.weight": (dim, NUM_TASK_TOKENS),
        "decoder.transformer.to_token_embedding.bias": (dim,),
    }
    for name, weight in rows.items():
        shapes |= {f"decoder.dec_{name}.weight": weight, f"decoder.dec_{name}.bias": weight[:1]}
    return shapes


SMPLEST = Layout(title=TITLE, sign="decoder.", rules=_RULES, infer=_infer, dropped=_dropped)
