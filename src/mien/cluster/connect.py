"""The one way to a Ray cluster."""

from __future__ import annotations

import logging
import os
from typing import Any

from mien.errors import InputError, reason_of
from mien.optional import need

__all__ = ["connect"]


def connect(address: str, *, why: str, cpus: int | None = None) -> Any:
    """Join a Ray cluster; gives the package `ray`.

    Args:
        address: of the cluster, `auto` for the one this machine belongs to, `local` for one made here and now.
        why: what needs it, for the message where Ray is not installed.
        cpus: cores that a cluster made here and now is to give away; by default all of this machine.

    Raises:
        InputError: there is no cluster at this address.
        MienError: Ray is not installed.
    """
    ray: Any = need("ray", extra="cluster", why=why)
    options: dict[str, Any] = {"logging_level": logging.ERROR}
    logging.getLogger("ray").setLevel(logging.ERROR)
    if address == "local":
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options |= {"log_to_driver": False, "include_dashboard": False, "num_cpus": cpus}
    try:
        ray.init(address=address, ignore_reinit_error=True, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        todo = "start one with `ray start`, or leave --cluster out"
        raise InputError(
            f"no cluster at {address!r} ({reason_of(error)})", expected="a Ray cluster", todo=todo
        ) from error
    return ray
