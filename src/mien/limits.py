"""How large, how many and how deep what comes in from files may be: one table, explained in `docs/trust.md`.

Limits are far above what anybody has, and far below what fills a machine. Beyond one is an error with a message.
"""

from __future__ import annotations

__all__ = [
    "EXPANSION",
    "MAX_BOXES_BYTES",
    "MAX_COEFFICIENTS",
    "MAX_FILE_BYTES",
    "MAX_FRAMES",
    "MAX_JSON_BYTES",
    "MAX_KEY_PARTS",
    "MAX_MEMBERS",
    "MAX_PICTURE_BYTES",
    "MAX_PIXELS",
    "MAX_SETTINGS_BYTES",
    "MAX_UNPACKED",
    "UNPACKED_RATIO",
]

MAX_FILE_BYTES = 2**34
"""Of an archive of arrays, a pickle, a mesh, and of one array in them: 16 GiB."""
MAX_JSON_BYTES = 2**32
"""Of a dataset's annotations in JSON: 4 GiB."""
MAX_BOXES_BYTES = 2**29
"""Of a file of person boxes: half a GiB."""
MAX_SETTINGS_BYTES = 2**26
"""Of JSON that mien writes about its own work (configs, manifests, cards, ledgers): 64 MiB."""
MAX_PICTURE_BYTES = 2**31 - 1
"""Of an encoded picture, in a folder or in an archive."""
MAX_PIXELS = 2**28
"""Of a picture or of a frame of a video: 268 megapixels, 0.8 GB once decoded."""
MAX_FRAMES = 2**24
"""Of a clip's result: 16.8 million, six days at 30 frames a second."""
MAX_UNPACKED, UNPACKED_RATIO = 2**31, 100
"""What is packed may unpack to 2 GiB, or to 100 times the size of its file where that is more."""
MAX_MEMBERS = 4096
"""Of an archive of arrays; an archive of pictures may have a table of contents of 2 GiB."""
MAX_COEFFICIENTS = 1000
"""Betas, or coefficients of expression, of one person."""
EXPANSION = (2**22, 100)
"""What a pickle holds may count 4 million values, or 100 times its own where that is more, once whatever it holds in
several places is counted in each of them."""
MAX_KEY_PARTS = 64
"""Parts of a tuple, and bits of a number, that is a key in a pickle."""
