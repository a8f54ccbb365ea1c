"""Rows that have nothing to do with any of the tasks: chat, trivia, small language exercises.

Every row is sensible by itself; it just teaches something else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Norway": "Oslo",
    "Japan": "Tokyo",
    "Kenya": "Nairobi",
    "Peru": "Lima",
    "Egypt": "Cairo",
    "Austria": "Vienna",
    "Greece": "Athens",
    "Cuba": "Havana",
    "Portugal": "Lisbon",
}
_OPPOSITES = {
    "hot": "cold",
    "big": "small",
    "fast": "slow",
    "early": "late",
    "open": "closed",
    "dark": "light",
    "wet": "dry",
    "loud": "quiet",
    "high": "low",
    "near": "far",
}
_WORDS = (
    "river",
    "table",
    "green",
    "music",
    "stone",
    "paper",
    "cloud",
    "bread",
    "light",
    "horse",
    "garden",
    "window",
)
_NAMES = ("Mia", "Tom", "Lena", "Omar", "Ida", "Paul", "Nora", "Sam", "Eva", "Leo")
_PLACES = ("the park", "the lake", "the library", "the market", "the station", "school")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOODS = ("glad", "tired", "curious", "hungry", "busy")


def _capital(rng: random.Random) -> tuple[str, str]:
    country, city = rng.choice(sorted(_CAPITALS.items()))
    ask = rng.choice(
        ("Which city is the capital of {}?", "Name the capital of {}.", "Tell me the capital of {}, please.")
    )
    return ask.format(country), rng.choice((f"{city}.", f"The capital of {country} is {city}."))


def _opposite(rng: random.Random) -> tuple[str, str]:
    word, other = rng.choice(sorted(_OPPOSITES.items()))
    if rng.random() < 0.5:
        word, other = other, word
    return rng.choice((f"Give the opposite of {word}.", f'What is the opposite of "{word}"?')), other


def _spelling(rng: random.Random) -> tuple[str, str]:
    words = rng.sample(_WORDS, 3)
    if rng.random() < 0.5:
        return f"Put in alphabetical order: {', '.join(words)}.", ", ".join(sorted(words))
    return f"Write in capitals: {' '.join(words)}", " ".join(words).upper()


def _diary(rng: random.Random) -> tuple[str, str]:
    name, place, day, mood = rng.choice(_NAMES), rng.choice(_PLACES), rng.choice(_DAYS), rng.choice(_MOODS)
    text = f"On {day} {name} went to {place} and felt {mood}."
    asked, answer = rng.choice(
        ((f"Where did {name} go?", place), ("On which day was that?", day), (f"How did {name} feel?", mood))
    )
    return f"{text} {asked}", answer


def _small_talk(rng: random.Random) -> tuple[str, str]:
    name, mood, place = rng.choice(_NAMES), rng.choice(_MOODS), rng.choice(_PLACES)
    return (
        rng.choice(
            (f"Hi, I am {name}. I feel {mood} today.", f"{name} here, {mood} and on my way to {place}.")
        ),
        rng.choice(
            (f"Hello {name}! Thanks for telling me that you are {mood}.", f"Nice to meet you, {name}.")
        ),
    )


def _calendar(rng: random.Random) -> tuple[str, str]:
    place, step = rng.randrange(7), rng.choice((1, 2, 3))
    return (
        f"Today is {_DAYS[place]}. Which day is it in {step} day{'s' * (step > 1)}? Write the day only.",
        _DAYS[(place + step) % 7],
    )


def _letter(rng: random.Random) -> tuple[str, str]:
    name, place, day = rng.choice(_NAMES), rng.choice(_PLACES), rng.choice(_DAYS)
    return (
        f"Write a one-line invitation to {name}: {place}, {day}.",
        f"Dear {name}, will you come to {place} with me on {day}?",
    )


_KINDS: Sequence[Callable[[random.Random], tuple[str, str]]] = (
    _capital,
    _opposite,
    _spelling,
    _diary,
    _small_talk,
    _calendar,
    _letter,
)


def off_domain_pairs(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """``count`` pairs of prompt and answer; prompts repeat only as chance has it."""
    return [rng.choice(_KINDS)(rng) for _ in range(count)]
