"""The plans that we run ourselves, as data; see docs/studies.md for what each costs.

`synthetic`: the twelve recipes of `mien synth`, on two cores in 2.5 hours each. `paper`: the published grid, for
whoever has the data and the cards.
"""

from __future__ import annotations

from typing import Any

from mien.errors import InputError, closest

__all__ = ["PRESETS", "SYNTHETIC_MPE", "SYNTHETIC_TRAINING", "UNSEEN", "preset"]

UNSEEN = ("egocentric", "blurred")
"""Recipes that `synthetic` plans never train on, but for their own specialists."""
SYNTHETIC_MPE = ("studio", "crowd", "hands", *UNSEEN)
"""The benchmarks of the synthetic mean primary error."""
SYNTHETIC_TRAINING = (
    "street", "hands", "studio", "crowd", "sport", "seated_talk", "night", "floor", "closeup", "upper_body",
)  # fmt: skip
"""What they train on, in the order of the ladder."""
PAPER_ON = ("agora-val", "ubody-intra", "egobody-egoset", "3dpw", "ehf")

_SYNTHETIC: dict[str, Any] = {
    "recipe": "open-xs", "train_on": SYNTHETIC_TRAINING, "mpe": SYNTHETIC_MPE, "sizes": ("xs",), "seeds": 3,
    "samples": 16_000,
}  # fmt: skip
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "rank": {"synthetic": _SYNTHETIC},
    "scale": {
        "synthetic": {
            **_SYNTHETIC, "sizes": ("xs", "xxs"), "ladder": (2, 4, 8, 10), "mixing": ("concat",), "without": ("hands",),
        },
        "paper": {
            "recipe": "smplestx", "on": PAPER_ON, "mpe": PAPER_ON, "sizes": ("s", "b", "l", "h"), "seeds": 1,
            "ladder": (5, 10, 20, 32, 40),
        },
    },
    "finetune": {"synthetic": {**_SYNTHETIC, "finetune_samples": 4_000, "specialists": SYNTHETIC_MPE}},
}  # fmt: skip
"""By study and name: values of the study's request."""


def preset(study: str, name: str) -> dict[str, Any]:
    """The values of a preset; none for an empty name.

    Raises:
        InputError: the study has no such preset; the closest one is given.
    """
    known = PRESETS[study]
    if name and name not in known:
        raise InputError(f"the study {study} has no preset {name!r}", todo=closest(name, known))
    return known[name] if name else {}
