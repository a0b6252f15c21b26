"""mien: from a picture to a whole person.

    import mien
    estimate = mien.load("random-xs")
    people = estimate("street.jpg")
    people.save("street.npz")

Names are imported when they are first used, so that `import mien` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

from mien import kernel_cache

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mien.body.model import BodyModel
    from mien.clip import Clip, Track
    from mien.errors import MienError
    from mien.estimator import Estimator, load
    from mien.filming import predict_clip
    from mien.people import Drawing, People, read
    from mien.records import SmplxParams
    from mien.scene import Person, Scene

__all__ = [
    "BodyModel",
    "Clip",
    "Drawing",
    "Estimator",
    "MienError",
    "People",
    "Person",
    "Scene",
    "SmplxParams",
    "Track",
    "__version__",
    "load",
    "predict_clip",
    "read",
]

_HOMES = {
    "BodyModel": "mien.body.model",
    "Clip": "mien.clip",
    "Estimator": "mien.estimator",
    "Drawing": "mien.people",
    "MienError": "mien.errors",
    "People": "mien.people",
    "Person": "mien.scene",
    "Scene": "mien.scene",
    "SmplxParams": "mien.records",
    "Track": "mien.clip",
    "load": "mien.estimator",
    "predict_clip": "mien.filming",
    "read": "mien.people",
}


kernel_cache.settle()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
