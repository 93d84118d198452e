"""From a stranger's file to a photo of ours, and what becomes of a child that does not behave."""

import io
import os
import random
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from goldwallet.errors import Refused
from kyc.images import clean, image_clean
from kyc.tests.pictures import drawn, saved


def refusal(raw: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        image_clean(raw)
    return caught.value


def pixels(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB")


def quarters(size=(600, 400)) -> Image.Image:
    """Red, green, blue and white, so that one sees how it was turned."""
    image = Image.new("RGB", size, "white")
    w, h = size[0] // 2, size[1] // 2
    for colour, at in (("red", (0, 0)), ("green", (w, 0)), ("blue", (0, h))):
        image.paste(colour, (*at, at[0] + w, at[1] + h))
    return image


def corners(image: Image.Image) -> list[str]:
    """Clockwise from the top left."""
    names = {(255, 0, 0): "red", (0, 128, 0): "green", (0, 0, 255): "blue", (255, 255, 255): "white"}
    w, h = image.width - 20, image.height - 20
    found = [image.getpixel(at) for at in ((20, 20), (w, 20), (w, h), (20, h))]
    return [
        min(names.items(), key=lambda one: sum(abs(a - b) for a, b in zip(one[0], pixel, strict=True)))[1]
        for pixel in found
    ]


def test_a_photo_stays_what_it_shows():
    photo = image_clean(saved(quarters(), "JPEG"))
    assert (photo.width, photo.height) == pixels(photo.jpeg).size == (600, 400)
    assert corners(pixels(photo.jpeg)) == corners(quarters())
    assert pixels(photo.thumbnail).size == (400, 267)
    assert corners(pixels(photo.thumbnail)) == corners(quarters())


def test_a_phones_photo_is_scaled():
    photo = image_clean(saved(quarters((4000, 3000)), "JPEG"))
    assert (photo.width, photo.height) == pixels(photo.jpeg).size == (2400, 1800)
    tall = image_clean(saved(quarters((1000, 6000)), "PNG"))
    assert (tall.width, tall.height) == (400, 2400)


# What EXIF's tag 274 says of how the camera was held, as a viewer must show it (the tag's definition).
@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (1, ["red", "green", "white", "blue"]),
        (2, ["green", "red", "blue", "white"]),
        (3, ["white", "blue", "red", "green"]),
        (4, ["blue", "white", "green", "red"]),
        (5, ["red", "blue", "white", "green"]),
        (6, ["blue", "red", "green", "white"]),
        (7, ["white", "green", "red", "blue"]),
        (8, ["green", "white", "blue", "red"]),
    ],
)
def test_it_is_set_upright(turn, shown):
    exif = Image.Exif()
    exif[274] = turn
    photo = image_clean(saved(quarters(), "JPEG", exif=exif))
    assert corners(pixels(photo.jpeg)) == shown
    assert (photo.width, photo.height) == ((600, 400) if turn < 5 else (400, 600))


def test_shades_and_clear_pixels():
    deep = image_clean(saved(Image.new("I;16", (400, 400), 40_000), "PNG"))
    assert abs(pixels(deep.jpeg).getpixel((9, 9))[0] - 156) <= 1
    clear = image_clean(saved(Image.new("RGBA", (400, 400), (255, 0, 0, 0)), "PNG"))
    assert pixels(clear.jpeg).getpixel((9, 9)) == (255, 255, 255)
    printed = image_clean(saved(quarters().convert("CMYK"), "JPEG"))
    assert corners(pixels(printed.jpeg)) == corners(quarters())
    assert corners(pixels(image_clean(saved(quarters().convert("P"), "PNG")).jpeg)) == corners(quarters())


@pytest.mark.parametrize(
    ("raw", "code", "status"),
    [
        (b"", "empty", 400),
        (b"\xff\xd8\xff" + bytes(10_000_000), "too_big", 413),
        (b"<svg/>", "unreadable", 400),
        (b"\0\0\0\x18ftypheic", "heic", 400),
        (saved(Image.new("RGB", (299, 400)), "PNG"), "too_small", 400),
        (saved(Image.new("1", (6001, 4000)), "PNG"), "too_many_pixels", 400),
        (saved(drawn(), "PNG", save_all=True, append_images=[drawn((420, 320), "L")]), "moving", 400),
        (saved(drawn(), "JPEG")[:-600], "damaged", 400),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_refusal_has_its_sentence(raw, code, status):
    refused = refusal(raw)
    assert (refused.code, refused.status, refused.sentence) == (code, status, clean.SENTENCES[code])


@pytest.mark.fault("K03")
def test_a_large_file_starts_no_process(monkeypatch):
    monkeypatch.setattr(clean, "_asked", lambda raw: pytest.fail("a process was started"))
    for raw in (b"\xff\xd8\xff" * 4_000_000, b"GIF89a", b""):
        refusal(raw)


# --- the child -------------------------------------------------------------------------------------


@pytest.fixture
def child(monkeypatch, tmp_path):
    """`child(body)`: another program in its place. `limit()` is the real one's."""
    real = clean._CHILD

    def replace(body: str) -> None:
        program = tmp_path / "child.py"
        head = "import runpy, sys, time, os, socket\n"
        if "limit()" in body:  # with it comes all of Pillow
            head += f"limit = runpy.run_path({str(real)!r})['limit']\n"
        program.write_text(head + body)
        monkeypatch.setattr(clean, "_CHILD", program)

    return replace


TRIES = {
    "file": "open('/etc/passwd')",
    "temporary file": "open(os.devnull, 'w')",
    "socket": "socket.socket()",
    "memory": "bytearray(300_000_000)",
    "answer": "os.write(1, bytes(17_000_000)); os.write(1, b'x')",
    "library": "import sqlite3",
}


@pytest.mark.fault("K03")
@pytest.mark.parametrize("attempt", TRIES.values(), ids=TRIES.keys())
def test_the_child_can_only_compute(child, attempt):
    child(f"limit(); {attempt}; os.write(1, b'done')")
    assert clean._asked(b"x") == b""
    # Without the limits it is a thing that works.
    child(f"{attempt}; os.write(1, b'done')")
    assert clean._asked(b"x").endswith(b"done")


@pytest.mark.fault("K03")
@pytest.mark.skipif(os.geteuid() == 0, reason="the limit of processes does not hold for root")
def test_the_child_starts_no_process(child):
    child("limit()\ntry: os.fork()\nexcept OSError: os.write(1, b'no')")
    assert clean._asked(b"x") == b"no"


ENDS = {
    "crashes": "raise ValueError",
    "is killed": "os.kill(os.getpid(), 9)",
    "faults": "import ctypes; ctypes.string_at(0)",
    "computes for ever": "limit()\nwhile True: pass",
    "takes all memory": "limit()\nkept = []\nwhile True: kept.append(bytearray(1_000_000))",
    "sleeps": "time.sleep(60)",
    "sleeps after its answer": "os.write(1, b'NO moving'); time.sleep(60)",
    "says nothing": "pass",
    "says nonsense": "os.write(1, b'hello')",
    "says another word": "os.write(1, b'NO <script>')",
    "says too little": "os.write(1, b'PHOTO' + bytes(12))",
    "promises more": "os.write(1, b'PHOTO' + b'\\0\\0\\1\\0' * 4 + b'\\xff\\xd8\\xff' * 20)",
    "sends a page": "os.write(1, b'PHOTO' + b'\\0\\0\\0\\4' * 4 + b'<svg<svg')",
}


@pytest.mark.fault("K01", "K03")
@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS.keys())
def test_a_child_that_misbehaves_is_a_damaged_photo(child, monkeypatch, body):
    monkeypatch.setattr(clean, "MOST_SECONDS", 1.0 if "sleep" in body else 20.0)
    child(body)
    assert refusal(saved(drawn(), "PNG")).code == "damaged"


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_nothing_is_left_open():
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    image_clean(saved(drawn(), "PNG"))
    before = files()
    for raw in (saved(drawn(), "PNG"), saved(drawn(), "PNG")[:400]) * 3:
        with suppress(Refused):
            image_clean(raw)
    assert files() == before


@pytest.mark.fault("K03")
def test_the_child_knows_no_secret(child, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "not for a stranger's photo")
    child("os.write(1, ' '.join([*os.environ, *sys.argv[1:], os.getcwd()]).encode())")
    words = clean._asked(b"x").decode().split()
    assert set(words) <= {"LC_CTYPE", clean._packages(), "/"}


def test_who_comes_while_all_are_at_work_waits_and_not_for_ever(child, monkeypatch):
    child("time.sleep(1.5); os.write(1, b'NO moving')")
    monkeypatch.setattr(clean, "WAIT_SECONDS", 0.2)
    raw, codes = saved(drawn(), "PNG"), []
    threads = [
        threading.Thread(target=lambda: codes.append(refusal(raw).code)) for _ in range(clean.AT_ONCE + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["busy"] + ["moving"] * clean.AT_ONCE
    monkeypatch.setattr(clean, "WAIT_SECONDS", 10)
    assert refusal(raw).code == "moving"


def test_noise_is_no_slower_than_a_photo():
    """What compresses worst still passes, and its answer fits."""
    noise = Image.frombytes("RGB", (1700, 1700), random.Random(3).randbytes(1700 * 1700 * 3))
    began = time.monotonic()
    photo = image_clean(saved(noise, "PNG", compress_level=0)[:10_000_000])
    assert len(photo.jpeg) < 16_000_000
    assert time.monotonic() - began < clean.MOST_SECONDS
