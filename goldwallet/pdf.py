"""A printed page of ours: A4 with a head and a foot, facts, tables and notes.

    sheet = Sheet("Ledger extract", "1 to 30 November 2026", made_by="treasury@example.com", made_at=now())
    sheet.facts([("Account", "Put in by the owner")])
    sheet.table([Column("Date", 30), Column("KES", 25, "right")], rows)
    sheet.note("All of it.")
    data = sheet.output()

Lengths are millimetres. The page is 210 wide, 178 of it ours (`WIDTH`); Helvetica's figures are all equally wide, so
amounts in a column aligned to the right stand under each other. It is one of the fonts that every reader brings along,
so nothing is embedded; such fonts know Latin-1 only: `latin` turns any text into that and never fails.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from goldwallet.wording import exact_time

WIDTH = 178.0
_LEFT, _TOP, _BOTTOM = 16.0, 30.0, 20.0
_LINE, _PAD, _SIZE = 4.2, 1.2, 8.5
_HEADING, _LABEL = 9.0, 48.0
_INK, _SOFT, _GOLD, _RULE = (38, 33, 24), (107, 98, 80), (184, 137, 43), (214, 206, 190)

#: The fonts have no minus. A dash that is as wide as a figure stands for it, as typists did it.
_MINUS = "–"
# What people's keyboards and our own pages write, and Latin-1 has no sign for.
_SAID = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—", "-"),
        "−": _MINUS,
        **dict.fromkeys("‘’‚‹›", "'"),
        **dict.fromkeys("“”„", '"'),
        "…": "...",
        "→": "->",
        "€": "EUR",
        "•": "·",
    }
)


def latin(text: str) -> str:
    """The text in Latin-1, on one line: letters without their marks where it has no others, else a question mark."""
    plain = []
    for sign in text.translate(_SAID):
        if unicodedata.category(sign)[0] == "C":
            # NUL, line ends, marks that turn the direction of writing: nothing that one sees.
            plain.append(" " if sign in "\t\n\r" else "")
        elif ord(sign) < 256 or sign == _MINUS:
            plain.append(sign)
        else:
            near = unicodedata.normalize("NFKD", sign).encode("latin-1", "ignore").decode("latin-1")
            plain.append(near or ("" if unicodedata.combining(sign) else "?"))
    return " ".join("".join(plain).replace("\xa0", " ").replace("\xad", "").split())


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in millimetres. A text that is wider goes on in the next line, so no row loses anything."""

    title: str
    width: float
    align: Literal["left", "right"] = "left"


class _Page(FPDF):
    """Head and foot of each page."""

    def __init__(self, *, title: str, subtitle: str, made: str) -> None:
        super().__init__(format="A4")
        self._title, self._subtitle, self._made = title, subtitle, made
        self.set_margins(_LEFT, _TOP, 210 - _LEFT - WIDTH)
        self.set_auto_page_break(False)
        # Latin-1 and a few signs more: the dash.
        self.core_fonts_encoding = "windows-1252"

    def header(self) -> None:
        self.set_y(12)
        self.set_font("helvetica", "B", 11)
        self.set_text_color(*_INK)
        self.cell(WIDTH / 2, 6, "Gold Wallet")
        self.set_font("helvetica", "", 9)
        self.set_text_color(*_SOFT)
        self.cell(WIDTH / 2, 6, self._title if self.page > 1 else "", align="R")
        self.set_draw_color(*_GOLD)
        self.set_line_width(0.5)
        self.line(_LEFT, 20, _LEFT + WIDTH, 20)
        self.set_y(_TOP - 5)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("helvetica", "", 7.5)
        self.set_text_color(*_SOFT)
        self.cell(WIDTH - 30, 5, self._made)
        self.cell(30, 5, f"Page {self.page_no()} of {{nb}}", align="R")


class Sheet:
    """One document. What is written comes below what was written before; pages turn by themselves."""

    def __init__(self, title: str, subtitle: str, made_by: str, made_at: dt.datetime) -> None:
        made = latin(f"Made by {made_by} on {exact_time(made_at)}, Nairobi time")
        self._pdf = pdf = _Page(title=latin(title), subtitle=latin(subtitle), made=made)
        pdf.set_title(latin(title))
        pdf.set_creator("Gold Wallet")
        pdf.set_creation_date(made_at)
        pdf.add_page()
        self._text(latin(title), size=17, style="B", line=8)
        if subtitle:
            self._text(latin(subtitle), size=10, soft=True, line=5)
        pdf.ln(4)
        self._heading = ""

    def heading(self, text: str) -> None:
        """The title of a part. It waits for what follows, so that it never stands alone at the foot of a page."""
        self._begin(0)
        self._heading = latin(text)

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Names and what they are, one below the other."""
        pdf = self._pdf
        for label, value in facts:
            pdf.set_font("helvetica", "", 9)
            parts = [
                (0.0, _LABEL, _SOFT, self._wrapped(latin(label), _LABEL)),
                (_LABEL, WIDTH - _LABEL, _INK, self._wrapped(latin(value), WIDTH - _LABEL)),
            ]
            high = 5 * max(len(lines) for *_, lines in parts)
            self._begin(high)
            pdf.set_font("helvetica", "", 9)
            top = pdf.get_y()
            for left, width, ink, lines in parts:
                pdf.set_text_color(*ink)
                for number, line in enumerate(lines):
                    pdf.set_xy(_LEFT + left, top + 5 * number)
                    pdf.cell(width, 5, line)
            pdf.set_xy(_LEFT, top + high)
        self._pdf.ln(3)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str | tuple[str, ...]]]) -> None:
        """Rows of printed values; a tuple's stand below each other. The heads stand on every page again; a row is never
        cut by the end of one.
        """
        heads, heads_high = self._cells(columns, [column.title for column in columns], soft=True)
        begun = False
        for row in rows:
            cells, high = self._cells(columns, row)
            turned = self._room(high) if begun else self._begin(heads_high + high)
            if turned or not begun:
                self._row(columns, heads, heads_high, soft=True)
                begun = True
            self._row(columns, cells, high)
        if not begun:
            self._begin(heads_high)
            self._row(columns, heads, heads_high, soft=True)
        self._pdf.ln(4)

    def note(self, text: str) -> None:
        """A sentence in small print."""
        self._small()
        lines = self._wrapped(latin(text), WIDTH)
        self._begin(4)
        self._small()
        for line in lines:
            self._room(4)
            self._pdf.cell(WIDTH, 4, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._pdf.ln(2)

    def output(self) -> bytes:
        self._begin(0)
        return bytes(self._pdf.output())

    def _small(self) -> None:
        self._pdf.set_font("helvetica", "", 8)
        self._pdf.set_text_color(*_SOFT)

    def _begin(self, high: float) -> bool:
        """Room for the first lines of what follows, below the heading that waits for it; whether the page turned."""
        heading, self._heading = self._heading, ""
        if not heading:
            return self._room(high)
        turned = self._room(_HEADING + high)
        self._pdf.ln(2)
        self._text(heading, size=11, style="B", line=6)
        self._pdf.ln(1)
        return turned

    def _cells(
        self, columns: Sequence[Column], row: Sequence[str | tuple[str, ...]], *, soft: bool = False
    ) -> tuple[list[list[str]], float]:
        """The lines of each cell, and how high the row is."""
        self._pdf.set_font("helvetica", "B" if soft else "", _SIZE)
        cells = [
            [
                line
                for part in ((value,) if isinstance(value, str) else value)
                for line in self._wrapped(latin(part), column.width - 2 * _PAD)
            ]
            for column, value in zip(columns, row, strict=True)
        ]
        return cells, max(map(len, cells)) * _LINE + _PAD

    def _row(
        self, columns: Sequence[Column], cells: Sequence[list[str]], high: float, *, soft: bool = False
    ) -> None:
        pdf = self._pdf
        pdf.set_font("helvetica", "B" if soft else "", _SIZE)
        pdf.set_text_color(*(_SOFT if soft else _INK))
        left, top = _LEFT, pdf.get_y()
        for column, lines in zip(columns, cells, strict=True):
            for number, line in enumerate(lines):
                pdf.set_xy(left + _PAD, top + _PAD / 2 + number * _LINE)
                pdf.cell(column.width - 2 * _PAD, _LINE, line, align="R" if column.align == "right" else "L")
            left += column.width
        pdf.set_draw_color(*_RULE)
        pdf.set_line_width(0.3 if soft else 0.1)
        pdf.line(_LEFT, top + high, left, top + high)
        pdf.set_xy(_LEFT, top + high)

    def _text(self, text: str, *, size: float, line: float, style: str = "", soft: bool = False) -> None:
        pdf = self._pdf
        pdf.set_font("helvetica", style, size)
        pdf.set_text_color(*(_SOFT if soft else _INK))
        for part in self._wrapped(text, WIDTH):
            pdf.cell(WIDTH, line, part, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _room(self, high: float) -> bool:
        """Turn the page when so much does not fit any more; whether it was turned."""
        if self._pdf.get_y() + high <= self._pdf.h - _BOTTOM:
            return False
        self._pdf.add_page()
        return True

    def _wrapped(self, text: str, width: float) -> list[str]:
        """The text in lines no wider than this, in the font that is set. A word that is too long is cut."""
        wide = self._pdf.get_string_width
        # A cell keeps a margin on both sides of its text.
        width -= 2 * self._pdf.c_margin
        if wide(text) <= width:
            return [text]
        lines, line = [], ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if wide(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while wide(line) > width and len(line) > 1:
                fits = next((n for n in range(len(line) - 1, 1, -1) if wide(line[:n]) <= width), 1)
                lines.append(line[:fits])
                line = line[fits:]
        return [*lines, line]
