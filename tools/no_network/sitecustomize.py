"""Refuse every connection that leaves this machine.

The tests put this folder first on PYTHONPATH, so that every Python that they start
(Jupyter kernels, `python -m equivae_lite`, further subprocesses) imports it before
anything else; conftest.py calls `block()` for the pytest process itself. Unix sockets
and loopback stay open: Jupyter talks to its kernels over them.
"""

import importlib.util
import ipaddress
import socket
import sys
from importlib.machinery import PathFinder
from pathlib import Path


def is_local(address: object) -> bool:
    """Whether a socket address is a Unix path, "localhost" or a loopback number."""
    if not isinstance(address, tuple):
        return True  # a Unix socket's path
    host = address[0] or b""
    host = host.decode() if isinstance(host, bytes | bytearray) else str(host)
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False  # any other name would have to be looked up outside


def refuse(address: object) -> None:
    if not is_local(address):
        raise PermissionError(
            f"the tests allow no network: connection to {address} refused. Use data "
            "that is there already, or the stand-ins."
        )


def block() -> None:
    """Patch `socket` in this process; calling it again changes nothing."""
    if hasattr(socket, "_equivae_blocked"):
        return
    socket._equivae_blocked = True  # type: ignore[attr-defined]
    lookup = socket.getaddrinfo

    def guarded(name):
        original = getattr(socket.socket, name)

        def call(self, *args):
            # `sendto(data, [flags,] address)`: the address comes last in all three
            refuse(args[-1])
            return original(self, *args)

        call.__name__ = name
        return call

    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, guarded(name))

    def getaddrinfo(host, *args, **kwargs):
        refuse((host,))
        return lookup(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def chain() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    here = Path(__file__).resolve().parent
    rest = [p for p in sys.path if Path(p or ".").resolve() != here]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    block()
    chain()
