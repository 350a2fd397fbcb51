"""Names for what parameters take, for annotations."""

from __future__ import annotations

from ._C import device

TYPE_CHECKING = False  # type checkers take it for True; importing typing costs as much as all of tensorx
if TYPE_CHECKING:
    from typing import TypeAlias

Number: TypeAlias = int | float | complex
Device: TypeAlias = device | str
