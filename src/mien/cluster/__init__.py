"""Pictures and clips on many machines: a bucket or a folder in, one result each and a manifest out, on Ray Data."""

from mien.cluster.manifest import Entry, Manifest
from mien.cluster.places import Place
from mien.cluster.plan import Item, items_of, left_to_do, remote_items
from mien.cluster.run import Request, run_items
from mien.cluster.worker import Job, Worker

__all__ = [
    "Entry",
    "Item",
    "Job",
    "Manifest",
    "Place",
    "Request",
    "Worker",
    "items_of",
    "left_to_do",
    "remote_items",
    "run_items",
]
