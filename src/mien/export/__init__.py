"""People as files for other programs: skinned GLB, plain OBJ."""

from mien.export.dispatch import export
from mien.export.glb import glb_bytes, write_glb
from mien.export.obj import write_obj

__all__ = ["export", "glb_bytes", "write_glb", "write_obj"]
