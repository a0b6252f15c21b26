"""The body under construction: everything that is counted by vertex, so that vertices can be renumbered at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from assets import Floats, Ints, Mask
from numpy.typing import NDArray
from skeleton import EYES, INDEX

__all__ = ["Body"]


@dataclass(frozen=True, kw_only=True)
class Body:
    """The mean person in the T-pose, and how it changes. Metres."""

    vertices: NDArray[np.float32]
    """(vert, 3)."""
    joints: Floats
    """(55, 3)."""
    triangles: Ints
    """(triangle, 3)."""
    weights: Floats
    """(vert, 55) skinning weights."""
    shape_directions: Floats
    """(beta, vert, 3)."""
    expression_directions: Floats
    """(expression, vert, 3)."""
    regressor: NDArray[np.float32]
    """(55, vert)."""
    vertex_ids: Ints
    """(vert,) MakeHuman's number of each vertex."""

    def joint(self, name: str) -> Floats:
        """Position (3,) of a joint, metres."""
        return self.joints[INDEX[name]]

    def moved_by(self, names: Iterable[str]) -> Floats:
        """Share (vert,) of each vertex's motion that these joints give it, 0 to 1."""
        return self.weights[:, [INDEX[name] for name in names]].sum(1)

    def is_eye(self) -> Mask:
        """Which vertices (vert,) belong to an eyeball."""
        return self.moved_by(EYES) > 0.5

    def row_of(self, vertex_id: int) -> int:
        """Our number of a MakeHuman vertex that is part of the body."""
        return int(np.flatnonzero(self.vertex_ids == vertex_id)[0])

    def reordered(self, order: Ints) -> Body:
        """The same body with its vertices in another order: vertex `order[i]` becomes vertex `i`."""
        return replace(
            self,
            vertices=self.vertices[order],
            triangles=np.argsort(order)[self.triangles],
            weights=self.weights[order],
            shape_directions=self.shape_directions[:, order],
            expression_directions=self.expression_directions[:, order],
            regressor=self.regressor[:, order],
            vertex_ids=self.vertex_ids[order],
        )
