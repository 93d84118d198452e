"""Papers of the demo's people, drawn: like an ID, and of nobody."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _SOFT, _GREEN = "#eef1e6", "#1f2a1f", "#5b6b58", "#3f6b4a"
_SKIN, _HAIR, _SHIRT = "#8d5a3b", "#1d1512", "#2f5d73"
_TABLE = "#4a4038"


def _jpeg(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str = _INK) -> None:
    draw.text(at, text, fill=colour, font=ImageFont.load_default(size))


def _card() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A card on a table: its corner is at (60, 60), and it measures 880 by 555."""
    image = Image.new("RGB", (1000, 675), _TABLE)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 60, 940, 615), 36, fill=_PAPER)
    for step in range(0, 620, 22):
        draw.arc((80 + step, 300, 300 + step, 560), 200, 320, fill="#dfe6d3", width=2)
    return image, draw


def _face(width: int, height: int) -> Image.Image:
    """Somebody, from the front."""
    image = Image.new("RGB", (width, height), "#cfd8dc")
    draw = ImageDraw.Draw(image)
    middle, eyes = width // 2, height * 2 // 5
    draw.ellipse((-width // 8, height * 3 // 4, width * 9 // 8, height * 3 // 2), fill=_SHIRT)
    draw.rectangle((middle - width // 10, height // 2, middle + width // 10, height * 5 // 6), fill=_SKIN)
    draw.ellipse((middle - width // 4, height // 9, middle + width // 4, height * 2 // 3), fill=_HAIR)
    draw.ellipse((middle - width // 5, height // 5, middle + width // 5, height * 2 // 3), fill=_SKIN)
    for eye in (middle - width // 12, middle + width // 12):
        size = width // 50
        draw.ellipse((eye - size, eyes - size, eye + size, eyes + size), fill=_HAIR)
    mouth = (middle - width // 10, height * 9 // 20, middle + width // 10, height * 3 // 5)
    draw.arc(mouth, 20, 160, fill=_HAIR, width=max(3, width // 80))
    return image


def id_front(name: str, number: str, born: str) -> bytes:
    image, draw = _card()
    draw.rounded_rectangle((60, 60, 940, 150), 36, fill=_GREEN)
    draw.rectangle((60, 110, 940, 150), fill=_GREEN)
    _write(draw, (100, 86), "SPECIMEN IDENTITY CARD", 38, "#ffffff")
    _write(draw, (690, 92), "OF THE DEMO", 30, "#dfe6d3")
    image.paste(_face(230, 300), (100, 200))
    lines = (("FULL NAMES", name.upper()), ("DATE OF BIRTH", born), ("ID NUMBER", number))
    for row, (label, value) in enumerate(lines):
        _write(draw, (380, 200 + row * 105), label, 24, _SOFT)
        _write(draw, (380, 230 + row * 105), value, 40)
    _write(draw, (100, 540), "Valid nowhere", 26, _SOFT)
    return _jpeg(image)


def id_back(number: str) -> bytes:
    image, draw = _card()
    for row, label in enumerate(("DISTRICT OF BIRTH", "PLACE OF ISSUE", "DATE OF ISSUE")):
        _write(draw, (110, 110 + row * 80), label, 24, _SOFT)
        _write(draw, (420, 104 + row * 80), ("Kisumu", "Nairobi", "14.02.2019")[row], 34)
    draw.rectangle((60, 390, 940, 560), fill="#ffffff")
    for row, text in enumerate((f"IDDEMO{number}<<<<<<<<<<<<<<<<", "SPECIMEN<<OF<THE<DEMO<<<<<<<<<<")):
        _write(draw, (100, 410 + row * 66), text, 40)
    return _jpeg(image)


def selfie(name: str) -> bytes:
    image = Image.new("RGB", (800, 1000), "#d9cfc0")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 260, 1000), fill="#cdbfa9")
    image.paste(_face(680, 880), (60, 120))
    _write(draw, (40, 40), f"{name}, drawn", 28, "#7a6c58")
    return _jpeg(image)
