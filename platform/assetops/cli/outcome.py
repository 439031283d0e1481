"""What became of a run, in a person's words and in a program's."""

from dataclasses import dataclass, field
from typing import Any

from assetops.cli.progress import AssetRow, Failure


@dataclass
class Outcome:
    """What became of a run."""

    run_id: str
    success: bool
    assets: list[AssetRow]
    failures: list[Failure]
    publication: str
    seconds: float = 0.0
    checks_only: bool = field(default=False)
    # Tables that nothing makes any more.
    left_over: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 good, 1 the data is bad, 2 it could not be done; 2 outranks 1."""
        if self.success:
            return 0
        return max((failure.exit_code for failure in self.failures), default=2)

    def verdict(self) -> str:
        """Say in one line how it ended."""
        if self.exit_code == 0:
            said = self._checked() if self.checks_only else self.publication
            return f"{said} in {self.seconds:.1f} s."
        kept = " Nothing was published: consumers see what they saw."
        if self.publication.startswith("Release "):
            # A release is made from marts, and what failed is above none of them.
            kept = f" {self.publication}: nothing in it is made from what failed."
        kept = "" if self.checks_only else kept
        if self.exit_code == 1:
            return f"The data is bad.{kept}"
        return f"It could not be done.{kept}"

    def _checked(self) -> str:
        warned = sum(row.warned for row in self.assets)
        errored = sum(row.errored for row in self.assets)
        others = [f"{warned} warned,"] * bool(warned) + [f"{errored} errored,"] * bool(errored)
        return f"No critical check failed; {' '.join(others)}" if others else "All checks passed"

    def next_step(self) -> str:
        """Say what a person would do next."""
        if self.exit_code == 0:
            seen = [row.address for row in self.assets]
            shown = next((a for a in seen if a.startswith("published/")), seen[-1] if seen else "")
            show = f"assetops show {shown}, or " if shown else ""
            return f"Next: {show}assetops up to look around."
        less = "" if self.checks_only else ", or assetops build --retry for what is left"
        return f"Mend what is named above and run the command again{less}. Run {self.run_id}"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome for a program."""
        return {
            "run_id": self.run_id,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "publication": self.publication,
            "assets": [vars(row) for row in self.assets],
            "failures": [vars(failure) for failure in self.failures],
            "left_over": self.left_over,
        }
