"""Files that are whole or not there, say when they are damaged, and have one writer.

    write        bytes, safe from a kill and from a power cut
    write_json   the same for JSON, with a checksum of its content
    read_json    gives it back only if the checksum agrees
    locked       one process at a time, others wait and are told for whom
    sweep        what killed processes left behind

Every fault is a CheckpointError that names the file, what is wrong and what to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import CheckpointError

PART = ".part"  # the end of a name while a file is being written


def write(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it to the disk, then give it its name.

    Whoever reads `path`, at any moment, after a kill or a power cut, sees the old file
    or the new one. A rename alone does not do that: it may reach the disk before the
    bytes do. The caller holds a lock, or is the only one to write this path.
    """
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {_reason(error)}. Make room or make the folder "
            "writable, or choose another with --out"
        ) from error
    finally:  # also after Ctrl-C
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Names are on the disk only when their folder is (Windows has no such call)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network and user-space file systems flush no folders; they have no more.
        if error.errno not in (22, 95):  # EINVAL, EOPNOTSUPP
            raise
    finally:
        os.close(handle)


def write_json(path: Path, content: dict) -> None:
    """Write JSON in readable form and stable order, with its own checksum."""
    whole = content | {"checksum": checksum(content)}
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    write(path, text.encode())


def checksum(content: dict) -> str:
    """SHA-256 of what a file of `write_json` says, whatever its spaces and order."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path, remedy: str) -> dict:
    """The content of a file of `write_json`, its checksum left out.

    Raises CheckpointError if it is unreadable or damaged, with what to do (`remedy`).
    """
    try:
        content = json.loads(read(path, remedy))
        if not isinstance(content, dict) or "checksum" not in content:
            raise ValueError("it has no checksum")
        if content["checksum"] != checksum(content):
            raise ValueError("its checksum is that of another content")
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); {remedy}") from error
    return {key: value for key, value in content.items() if key != "checksum"}


def read(path: Path, remedy: str) -> bytes:
    """The bytes of a file; CheckpointError if they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {_reason(error)}; {remedy}"
        ) from error


def exists(path: Path) -> bool:
    """Whether something bears this name; CheckpointError where one cannot look."""
    try:
        path.lstat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def demand_writable(folder: Path) -> None:
    """Fail before hours of training, not after, if `folder` cannot be written."""
    demand_room(folder, 0)


def demand_room(folder: Path, size: int) -> None:
    """Fail if `folder` cannot take `size` more bytes: they are written, and removed."""
    probe = folder / f".room-{os.getpid()}"
    write(probe, bytes(size))
    try:
        probe.unlink()
    except OSError as error:
        raise CheckpointError(f"cannot remove {probe}: {_reason(error)}") from error


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`. Whoever comes second is told who has it, and waits.

    Where the file system knows no locks, that is said, and nobody is kept out.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, is_singleton=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            print(f"{what} is being worked on {_holder(path)}: waiting", flush=True)
            lock.acquire()
    except NotImplementedError:
        print(f"{path.parent} knows no locks: give one command at a time", flush=True)
        yield
        return
    except OSError as error:
        raise CheckpointError(
            f"cannot lock {path}: {_reason(error)}. Make the folder writable or choose "
            "another with --out"
        ) from error
    try:
        if lock.lock_counter == 1:
            words = f"by process {os.getpid()} on {socket.gethostname()}"
            with contextlib.suppress(OSError):
                _note(path).write_text(words, encoding="utf-8")
        yield
    finally:
        if lock.lock_counter == 1:
            with contextlib.suppress(OSError):
                _note(path).unlink()
        lock.release()


def _note(lock: Path) -> Path:
    return lock.with_suffix(".held")


def _holder(lock: Path) -> str:
    try:
        return _note(lock).read_text(encoding="utf-8")
    except OSError:
        return "by another process"


def sweep(folder: Path, stem: str) -> None:
    """Remove what a killed writer of STEM… left in `folder`; its lock is held."""
    for left in (*folder.glob(f"{_literal(stem)}*{PART}"), *folder.glob(".room-*")):
        alive = left.name.startswith(".room-") and _alive(left.name[len(".room-") :])
        if not alive:
            with contextlib.suppress(OSError):
                left.unlink()


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _alive(number: str) -> bool:
    """Whether a process of that number may run here."""
    digits = number.removesuffix(PART)
    if not digits.isdecimal() or os.name == "nt":
        return True
    try:
        os.kill(int(digits), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
