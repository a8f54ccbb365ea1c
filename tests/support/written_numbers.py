"""Numbers as tables of different places and fields write them, with the value that a reader must find."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from tasks.answers.gold import CONTINENTAL, ENGLISH, NumberFormat


@dataclass(frozen=True)
class Locale:
    """How a place writes numbers: its mark between thousands and its decimal mark."""

    name: str
    thousands: str
    decimal: str

    @property
    def form(self) -> NumberFormat:
        """The format that a column of this place shows."""
        return ENGLISH if self.decimal == "." else CONTINENTAL


LOCALES = (
    Locale("English", ",", "."),
    Locale("German", ".", ","),
    Locale("French", "\u202f", ","),
    Locale("French, typed", "\u00a0", ","),
    Locale("Swedish", " ", ","),
    Locale("Swiss", "'", "."),
    Locale("Swiss, typeset", "’", "."),
)
UNITS = ("", "%", "‰", "kg", "km/h", "m²", "°C", "°", "€", "dB", "mg/dl")
BEFORE = ("", "$", "€", "£", "¥", "USD ", "EUR ")
MINUS = ("-", "−", "–")


@dataclass(frozen=True)
class WrittenNumber:
    """A text, and what it says."""

    text: str
    value: Fraction
    unit: str
    form: NumberFormat


def digits(value: Decimal, places: int, locale: Locale, *, grouped: bool) -> str:
    """The magnitude of a number with so many decimals, in a place's marks."""
    whole, _, part = f"{abs(value):,.{places}f}".partition(".")
    whole = whole.replace(",", locale.thousands if grouped else "")
    return whole + (locale.decimal + part if part else "")


@st.composite
def decimals(draw: st.DrawFn, places: int | None = None) -> tuple[Decimal, int]:
    """(a number, its decimals); small and large ones alike."""
    places = draw(st.integers(0, 6)) if places is None else places
    size = draw(st.sampled_from((10, 10**3, 10**6, 10**9, 10**14)))
    return Decimal(draw(st.integers(-size, size))).scaleb(-places), places


@st.composite
def plain_numbers(draw: st.DrawFn, locale: Locale | None = None) -> WrittenNumber:
    """Grouped or not, signed, with a unit behind it or a currency before it."""
    locale = locale or draw(st.sampled_from(LOCALES))
    value, places = draw(decimals())
    body = digits(value, places, locale, grouped=draw(st.booleans()))
    sign = draw(st.sampled_from(MINUS)) if value < 0 else draw(st.sampled_from(("", "+")))
    before = draw(st.sampled_from(BEFORE))
    unit = "" if before else draw(st.sampled_from(UNITS))
    gap = draw(st.sampled_from(("", " "))) if unit else ""
    text = draw(st.sampled_from((f"{before}{sign}{body}", f"{sign}{before}{body}"))) + gap + unit
    return WrittenNumber(text, Fraction(value), (before.strip() or unit).casefold(), locale.form)


@st.composite
def powers(draw: st.DrawFn) -> WrittenNumber:
    """Scientific notation: ``5.9e-05``, ``5,9E+3``, ``5.9 x 10^-5``, ``5.9×10⁻⁵``, in TeX."""
    locale = draw(st.sampled_from(LOCALES))
    places = draw(st.integers(0, 5))
    value = Decimal(draw(st.integers(-9 * 10**places, 9 * 10**places))).scaleb(-places)
    exponent = draw(st.integers(-30, 30))
    body = ("-" if value < 0 else "") + digits(value, places, locale, grouped=False)
    raised = str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    text = draw(
        st.sampled_from(
            (
                f"{body}e{exponent:+03d}",
                f"{body}E{exponent}",
                f"{body} x 10^{exponent}",
                f"{body} × 10{raised}",
                f"{body}×10^{{{exponent}}}",
                f"{body} * 10**{exponent}",
                f"{body} \\times 10^{{{exponent}}}",
                f"{body} \\cdot 10^{{{exponent}}}",
            )
        )
    )
    return WrittenNumber(text, Fraction(value) * Fraction(10) ** exponent, "", locale.form)


VULGAR = {
    "½": Fraction(1, 2),
    "⅓": Fraction(1, 3),
    "¾": Fraction(3, 4),
    "⅝": Fraction(5, 8),
    "⅞": Fraction(7, 8),
}


@st.composite
def ratios(draw: st.DrawFn) -> WrittenNumber:
    r"""Fractions: ``3/4``, ``1 1/2``, ``2½``, ``\frac{3}{4}``."""
    over, under = draw(st.integers(0, 10**6)), draw(st.integers(1, 10**6))
    whole, sign = draw(st.integers(1, 999)), draw(st.sampled_from(("", "-", "−")))
    mark, part = draw(st.sampled_from(sorted(VULGAR.items())))
    text, value = draw(
        st.sampled_from(
            (
                (f"{sign}{over}/{under}", Fraction(over, under)),
                (f"{sign}{over} / {under}", Fraction(over, under)),
                (f"{sign}{over}⁄{under}", Fraction(over, under)),
                (f"{sign}{whole} {over}/{under}", whole + Fraction(over, under)),
                (f"{sign}{mark}", part),
                (f"{sign}{whole}{mark}", whole + part),
                (f"{sign}\\frac{{{over}}}{{{under}}}", Fraction(over, under)),
                (f"${sign}\\dfrac{{{over}}}{{{under}}}$", Fraction(over, under)),
            )
        )
    )
    return WrittenNumber(text, -value if sign else value, "", ENGLISH)


@st.composite
def clocks(draw: st.DrawFn) -> WrittenNumber:
    """Times of day and durations; seconds are what they count."""
    h, m, s = draw(st.integers(0, 199)), draw(st.integers(0, 59)), draw(st.integers(0, 59))
    if draw(st.booleans()):
        return WrittenNumber(f"{h}:{m:02}", Fraction(3600 * h + 60 * m), "time", ENGLISH)
    return WrittenNumber(f"{h:02}:{m:02}:{s:02}", Fraction(3600 * h + 60 * m + s), "time", ENGLISH)


@st.composite
def accounts(draw: st.DrawFn) -> WrittenNumber:
    """Negative amounts in brackets, as accounts write them."""
    locale = draw(st.sampled_from(LOCALES))
    value = Decimal(draw(st.integers(1, 10**9))).scaleb(-2)
    unit = draw(st.sampled_from(("", "$", "€")))
    text = f"({unit}{digits(value, 2, locale, grouped=True)})"
    return WrittenNumber(text, -Fraction(value), unit, locale.form)


def written_numbers() -> st.SearchStrategy[WrittenNumber]:
    """Any number in any of these styles."""
    return st.one_of(plain_numbers(), powers(), ratios(), clocks(), accounts())
