"""How strongly each episode holds its place: salience and access, each fading on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hippo_episodic.inventory import Floats, Inventory

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row an episode, as in the `Inventory` it was made from; all arrays have shape (episodes,)."""

    worth: Floats
    """1 + S; at least 1."""
    idle_days: Floats
    """Days since it was last said or recalled; at least 0."""
    salience: Floats
    """Salience strength: worth · 2^(−days since last said / half-life)."""
    access: Floats
    """Access strength: access_weight · log2(1 + recalls) · 2^(−days since last recalled / half-life)."""
    total: Floats
    """Both together."""

    @classmethod
    def of(cls, stock: Inventory, moment: float, *, half_life_days: float | None, access_weight: float) -> Self:
        """Return the standing of every episode at `moment`, in seconds since 1970.

        Ages below 0, which a clock that was set back makes, count as 0.
        """
        worth = 1.0 + np.maximum(stock.scores, 0.0)
        said = np.maximum(moment - stock.said, 0.0) / _DAY_S
        recalled = np.maximum(moment - stock.recalled, 0.0) / _DAY_S
        salience = worth * _faded(said, half_life_days)
        access = access_weight * np.log2(1.0 + stock.recalls) * _faded(recalled, half_life_days)
        return cls(
            worth=worth,
            idle_days=np.minimum(said, recalled),
            salience=salience,
            access=access,
            total=salience + access,
        )

    def weakest_first(self, stock: Inventory, among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the rows of `among`, the weakest first; ties by the longer idle, then by id."""
        rows = np.flatnonzero(among)
        return rows[np.lexsort((stock.ids[rows], -self.idle_days[rows], self.total[rows]))]

    def history(self, stock: Inventory, row: int) -> str:
        """Return in words what made this episode's strength."""
        recalls = int(stock.recalls[row])
        recalled = "never recalled" if not recalls else f"recalled {recalls} times"
        return (
            f"S = {stock.scores[row]:.2f}, {recalled}, idle for {self.idle_days[row]:.1f} days; "
            f"strength {self.total[row]:.3g} = salience {self.salience[row]:.3g} + access {self.access[row]:.3g}"
        )


def _faded(days: Floats, half_life_days: float | None) -> Floats:
    if half_life_days is None:
        return np.ones_like(days)
    with np.errstate(over="ignore"):  # endless days over a tiny half-life
        return np.exp2(-days / half_life_days)
