"""Who is in a picture: person boxes from a file, a network, or the whole picture."""

from mien.detect.base import Detections, Detector, FullImage, make_detector, reject_outside
from mien.detect.select import PersonChoice, parse_person, select_people

__all__ = [
    "Detections",
    "Detector",
    "FullImage",
    "PersonChoice",
    "make_detector",
    "parse_person",
    "reject_outside",
    "select_people",
]
