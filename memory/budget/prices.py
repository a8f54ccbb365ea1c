"""What language models cost: US dollars per million tokens, by ``provider:model``.

``prices.toml`` beside this file holds public list prices of a few models, with their
date. Prices change: a user's own entries win.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from memory.recipe import Record
from tasks.errors import InputError

SHIPPED_PRICES = Path(__file__).with_name("prices.toml")
MILLION = 1_000_000
_VERSION = re.compile(r"[-@](latest|\d{3,4}|\d{6}|\d{8}|\d{4}-\d{2}-\d{2})")
"""What follows a model's name in a dated version: nothing else, for ``gpt-5-pro`` is no ``gpt-5``."""


class Price(Record):
    """US dollars per million tokens."""

    input_usd: float = Field(ge=0.0, allow_inf_nan=False)
    cached_usd: float = Field(ge=0.0, allow_inf_nan=False)
    """Of input that the provider read from its cache."""
    output_usd: float = Field(ge=0.0, allow_inf_nan=False)
    """Reasoning included."""

    def usd(self, input_tokens: float, cached_tokens: float, output_tokens: float) -> float:
        """What so many tokens cost; ``input_tokens`` include the cached ones."""
        fresh = (input_tokens - cached_tokens) * self.input_usd
        return (fresh + cached_tokens * self.cached_usd + output_tokens * self.output_usd) / MILLION


@dataclass(frozen=True)
class PriceTable:
    """Prices by ``provider:model``."""

    prices: Mapping[str, Price]

    @classmethod
    def shipped(cls) -> PriceTable:
        """The table that comes with FT-Dojo: public list prices of a few models, with their date."""
        return cls(_prices(tomllib.loads(SHIPPED_PRICES.read_text(encoding="utf-8"))["prices"]))

    @classmethod
    def of_mapping(cls, mapping: Mapping[str, Any]) -> PriceTable:
        """The shipped table with the user's prices on top.

        Args:
            mapping: by ``provider:model``, ``{"input_usd", "output_usd"}`` and optionally
                ``"cached_usd"``, the input's price when left out; a ``Price`` serves as well.

        Raises:
            InputError: a price is missing, negative or no number; the model is named.
        """
        return cls({**cls.shipped().prices, **_prices(mapping)})

    def of(self, model: str) -> Price | None:
        """The price of a model; that of its undated name for a dated version; None when there is none."""
        if model in self.prices:
            return self.prices[model]
        known = [name for name in self.prices if _VERSION.fullmatch(model.removeprefix(name))]
        return self.prices[max(known, key=len)] if known else None

    def require(self, models: Iterable[str]) -> None:
        """Check that a cap on money can be kept over these models.

        Raises:
            InputError: one of them has no price; the line says how to give it one.
        """
        for model in models:
            if self.of(model) is None:
                raise InputError(
                    f"model {model}",
                    "has no price, so no cap in US dollars can be kept",
                    f'add "{model}" = {{ input_usd = ..., output_usd = ... }} (per million tokens; 0.0 for '
                    "your own server) under [prices] in the models file, or cap tokens instead",
                )


def _prices(mapping: Mapping[str, Any]) -> dict[str, Price]:
    found: dict[str, Price] = {}
    for model, entry in mapping.items():
        fields = entry.model_dump() if isinstance(entry, Price) else entry
        if isinstance(fields, Mapping) and "input_usd" in fields:
            fields = {"cached_usd": fields["input_usd"], **fields}
        try:
            found[model] = Price.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"price of {model}",
                f"{where}: {first['msg']}".removeprefix(": ").lower(),
                "write { input_usd = 0.25, cached_usd = 0.025, output_usd = 2.0 }, per million tokens",
            ) from None
    return found
