"""Agreement of a model's answers with the labels of a source, on a sample of its rows."""

from __future__ import annotations

from pydantic import Field

from memory.recipe import Record


class Agreement(Record):
    """One audit of one source."""

    experiment: str
    """Whose model answered."""
    source: str
    agreed: int = Field(ge=0)
    """Rows on which answer and label are the same."""
    rows: int = Field(gt=0)
    """Rows that were answered."""

    @property
    def share(self) -> float:
        """Agreeing rows of all, 0.0 to 1.0."""
        return self.agreed / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of the share."""
        from tasks.answers.metrics import wilson  # numpy, for which `ftdojo --help` does not wait

        return wilson(self.share, self.rows)

    def text(self) -> str:
        """``63% [50, 75] of 60``."""
        low, high = self.interval
        return f"{self.share:.0%} [{100 * low:.0f}, {100 * high:.0f}] of {self.rows}"
