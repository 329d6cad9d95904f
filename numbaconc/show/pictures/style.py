"""How every picture looks: sizes, colors, markers, and names that are no formulas; the user's settings are respected."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from numbaconc.errors import printable

# Colors that people with red-green blindness tell apart (Okabe and Ito, "Color Universal Design", 2008). Those of one
# picture differ in gray as well; where they do so only a little, markers and dashes differ, too.
BLUE, VERMILION, SKY, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#56B4E9", "#E69F00", "#009E73", "#CC79A7"
CERTIFIED, MEASURED = VERMILION, BLUE
ON_DARK = {VERMILION: ORANGE, BLUE: SKY}  # the same on a dark background
CATEGORIES = (BLUE, ORANGE, GREEN, PURPLE)  # of few lines that have no order; each has a marker or a dash of its own
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = {"train": "--", "test": "-"}
ORDERED = "viridis"  # of lines in an order: its lightness grows evenly, for the color-blind, too
REACH = {False: (0.0, 0.85), True: (0.4, 1.0)}  # which part of it is seen on a light background, and on a dark one
DARK = 0.4  # luminance of a background that is dark
LUMINANCE = (0.2126, 0.7152, 0.0722)

SINGLE, DOUBLE = 3.35, 6.9  # inches, the width of one column of a paper, and of both
HEIGHTS = {1: 2.1, 2: 2.9}  # inches, of the axes of a picture of so many columns
SPACE = "\N{NO-BREAK SPACE}"  # where no line is broken
JOINED = re.compile(r" [=≤≥] |h\([^()]*\)|\[0, 1\]")  # whose spaces are of that kind
LETTER = 0.56  # ems, the width of one
LEAST, MOST = 6.0, 11.0  # points, of letters: the smallest in print, and the largest that a column has room for
FORMATS = ("pdf", "svg", "png")

# What TeX takes for more than a letter, and letters that its fonts lack.
TEX = {one: f"\\{one}" for one in "{}$&#_%"}
TEX |= {one: f"{{{one}}}" for one in "[]*"}  # after a command, or the end of a row, they would belong to it
TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "`": r"\textasciigrave{}"}
TEX |= {
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    "'": "'",
    "–": "--",
    "…": r"\ldots{}",
    "†": r"\dag{}",
}
TEX |= {"ε": r"$\varepsilon$", "α": r"$\alpha$", "γ": r"$\gamma$", "μ": r"$\mu$", "ℓ": r"$\ell$", "∞": r"$\infty$"}
TEX |= {"≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\to$", "±": r"$\pm$", "·": r"$\cdot$", "×": r"$\times$", "−": "$-$"}
LATIN = 0x180  # code points below it are letters that TeX's fonts have


def literal(text: object) -> str:
    """Return a text of anybody's as it is given to Matplotlib, with `parse_math=False`: it is shown letter by letter.

    Where the user's Matplotlib sets text in TeX, what TeX would read as a command is escaped.
    """
    import matplotlib as mpl

    plain = printable(text) if "\n" not in str(text) else "\n".join(map(printable, str(text).split("\n")))
    return in_tex(plain) if mpl.rcParams["text.usetex"] else plain


def in_tex(text: str) -> str:
    """Return a text with every letter as TeX has to be told it."""
    return "".join(TEX.get(one) or (one if ord(one) < LATIN else f"{{[}}U+{ord(one):04X}{{]}}") for one in text)


def wrapped(text: object, inches: float, size: float) -> str:
    """Return a text in lines that are about so wide in letters of that size, in points.

    A long word is broken, too; h(μ, α, ε), and what stands on both sides of =, ≤ and ≥, stays in one line where that is
    wide enough.
    """
    width = max(8, int(inches * 72 / (LETTER * size)))
    lines = (JOINED.sub(lambda found: found[0].replace(" ", SPACE), printable(line)) for line in str(text).split("\n"))
    return "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in lines).replace(SPACE, " ")


def is_dark(axes: Any) -> bool:  # noqa: ANN401
    """Return whether the background of axes is dark, whichever style made them."""
    from matplotlib.colors import to_rgba

    color = to_rgba(axes.get_facecolor())
    if color[3] == 0:
        color = to_rgba(axes.figure.get_facecolor())
    return color[3] > 0 and sum(a * b for a, b in zip(LUMINANCE, color, strict=False)) < DARK


def ink(axes: Any) -> str:  # noqa: ANN401
    """Return the color of what has none of its own."""
    return "white" if is_dark(axes) else "black"


def faint(axes: Any) -> str:  # noqa: ANN401
    """Return the color of lines that others are compared with."""
    return "0.7" if is_dark(axes) else "0.45"


def on(axes: Any, color: str) -> str:  # noqa: ANN401
    """Return a color as it is seen on the background of axes."""
    return ON_DARK.get(color, color) if is_dark(axes) else color


def shades(axes: Any, n: int) -> list[Any]:  # noqa: ANN401
    """Return `n` colors in an order, from dark to light or, on a dark background, all of them light enough."""
    from matplotlib import colormaps

    low, high = REACH[is_dark(axes)]
    return [colormaps[ORDERED](low + (high - low) * i / max(1, n - 1)) for i in range(n)]


def font_size(relative: str) -> float:
    """Return a size in points, of one relative to the user's; none is so small that print loses it, unless the user's is."""
    from matplotlib.font_manager import FontProperties

    own, size = (float(FontProperties(size=one).get_size_in_points()) for one in ("medium", relative))
    return max(size, min(own, LEAST))


def enlarged() -> float:
    """Return by how much larger a picture has to be than a column of a paper for letters of the user's size to have room."""
    return max(1.0, font_size("medium") / MOST)


def width_of(axes: Any) -> float:  # noqa: ANN401
    """Return how wide axes are, in inches."""
    return float(axes.get_window_extent().width / axes.figure.dpi)


def height_of(axes: Any) -> float:  # noqa: ANN401
    """Return how tall axes are, in inches."""
    return float(axes.get_window_extent().height / axes.figure.dpi)
