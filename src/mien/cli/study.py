"""`mien study ...`: the paper's studies, each of them one command."""

from __future__ import annotations

from mien.cli.study_pictures import attention, attributes, hands

__all__ = ["attention", "attributes", "hands"]
