"""Opening many files, each measured. Runs in processes of their own, without Django."""

import io
import os
import resource
import runpy
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

from goldwallet.errors import Refused
from kyc.images import CleanImage, clean, image_clean

#: Killed by the clock on the wall: three times as long as its processor time could ever last on an idle machine.
MOST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Opened:
    """`code` is that of the refusal, or empty. What its child took: seconds of processor, seconds, bytes at most."""

    name: str
    code: str
    photo: CleanImage | None
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


def open_all(files: Sequence[tuple[str, bytes]], *, forked: bool) -> list[Opened]:
    """Two at a time. `forked`: the child's program is loaded once and every file gets a fork of it, which saves most
    of its time; limits, decoder and answer are the same. Otherwise as in the house, from the start.
    """
    names, raws = zip(*files, strict=True)
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(open_forked if forked else open_one, names, raws, chunksize=4))


def open_one(name: str, raw: bytes) -> Opened:
    """The peak is that of the largest child of this process so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began, code, photo = time.monotonic(), "", None
    try:
        photo = image_clean(raw)
    except Refused as refused:
        code = refused.code
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Opened(name, code, photo, _cpu(after) - _cpu(before), wall, after.ru_maxrss * 1024)


def open_forked(name: str, raw: bytes) -> Opened:
    used: list[resource.struct_rusage] = []
    clean._asked = lambda question: _fork(question, used)
    began, code, photo = time.monotonic(), "", None
    try:
        photo = image_clean(raw)
    except Refused as refused:
        code = refused.code
    wall = time.monotonic() - began
    cpu, peak = (_cpu(used[0]), used[0].ru_maxrss * 1024) if used else (0.0, 0)
    return Opened(name, code, photo, cpu, wall, peak)


def _fork(raw: bytes, used: list[resource.struct_rusage]) -> bytes:
    program = _program()
    with clean._memory_file() as question, clean._memory_file() as answer:
        question.write(raw)
        question.seek(0)
        child = os.fork()
        if child == 0:
            os.dup2(question.fileno(), 0)
            os.dup2(answer.fileno(), 1)
            status = 1
            try:
                program["main"]()
                status = 0
            finally:
                os._exit(status)
        alarm = threading.Timer(MOST_SECONDS, os.kill, (child, 9))
        alarm.start()
        _, status, usage = os.wait4(child, 0)
        alarm.cancel()
        used.append(usage)
        answer.seek(0)
        return b"" if status else answer.read()


@cache
def _program() -> dict[str, object]:
    sys.argv[1:] = [clean._packages()]
    program = runpy.run_path(str(clean._CHILD))
    program["Image"].preinit()
    return program


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


#: Of JPEG: beginning and end, JFIF, tables, frame, scan. A file of these holds pixels and nothing else.
PLAIN = frozenset({0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9})


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers of a JPEG file with their bodies; raises ValueError at what is none, after the end too."""
    file = io.BytesIO(jpeg)
    while True:
        if file.read(1) != b"\xff":
            raise ValueError("no marker")
        marker = file.read(1)[0]
        if marker == 0xD8:
            yield marker, b""
            continue
        if marker == 0xD9:
            yield marker, b""
            break
        yield marker, file.read(int.from_bytes(file.read(2)) - 2)
        if marker == 0xDA:
            _skip_scan(file)
    if file.read(1):
        raise ValueError("something follows the end")


def _skip_scan(file: io.BytesIO) -> None:
    """To the marker after the pixels; within them every 0xFF is followed by a zero."""
    begin = file.tell()
    raw = file.getvalue()
    at = raw.index(b"\xff", begin)
    while raw[at + 1] == 0:
        at = raw.index(b"\xff", at + 2)
    file.seek(at)
