"""People as files for other programs: characters, skeletons, meshes, parameters, joints."""

from mien.export.dispatch import FORMATS, export, export_motions, write_format
from mien.export.glb import glb_bytes, write_glb
from mien.export.motion import Motion, motions_of, read_motions
from mien.export.obj import write_obj

__all__ = [
    "FORMATS",
    "Motion",
    "export",
    "export_motions",
    "glb_bytes",
    "motions_of",
    "read_motions",
    "write_format",
    "write_glb",
    "write_obj",
]
