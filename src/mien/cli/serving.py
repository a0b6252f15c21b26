"""What `mien view` and `mien app` share: a port that is free, a browser that opens, an end by Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from mien.errors import InputError

__all__ = ["check_port", "tell_address", "wait"]


def check_port(host: str, port: int) -> None:
    """Raise if nothing can be served there.

    Raises:
        InputError: the port is taken or none, or the host is not one of this machine's.
    """
    if not 0 < port < 65536:
        raise InputError(f"--port {port}", expected="a number from 1 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host {host}: {error}", expected="127.0.0.1 or another address of this machine") from error
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except PermissionError as error:
            raise InputError(f"port {port} is not for everyone", todo="choose one above 1023: --port 8090") from error
        except OSError as error:
            found, todo = f"cannot serve at {host}:{port}: {error.strerror}", f"choose another: --port {port + 1}"
            raise InputError(found, expected="a free port of this machine", todo=todo) from error


def tell_address(what: str, host: str, port: int, no_open: bool) -> None:
    """Say where it is, warn if others can reach it, and open a browser."""
    seen = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host
    url = f"http://[{seen}]:{port}" if ":" in seen else f"http://{seen}:{port}"
    print(f"mien: {what} at {url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    if not (seen.startswith("127.") and host not in ("0.0.0.0", "::")) and host != "::1":
        print("mien: WARNING: whoever can reach this machine can use it", file=sys.stderr, flush=True)
    if not no_open:
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def wait() -> None:
    """Until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
