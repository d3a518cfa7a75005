"""Typed functions as endpoints, and the page on which they are tried."""

from typing import Literal

from services.web.application import Application
from services.web.expose import add_try_page, expose

app = Application("Geometry", version="1.2", description="Shapes, measured by typed functions.")


@expose(app)
def area(width: float, height: float, unit: Literal["mm", "cm", "m"] = "m") -> str:
    """The area of a rectangle."""
    return f"{width * height:g} {unit}²"


@expose(app, safe=True)
def divide(dividend: int, divisor: int) -> dict[str, int]:
    """Quotient and remainder.

    A call changes nothing, so it may also be a GET.
    """
    return {"quotient": dividend // divisor, "remainder": dividend % divisor}


@expose(app)
def longest(words: list[str], shout: bool = False) -> str:
    """The longest of some words."""
    word = max(words, key=len, default="")
    return word.upper() if shout else word


@app.get("/shapes/<name>")
def shape(request, name):
    """One shape, by its name."""
    return {"name": name}


add_try_page(app)
