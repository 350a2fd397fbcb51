"""Generic[T] as typing has it, for `Dataset[T]` in annotations; importing typing costs as much as all of tensorx."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic as Generic
    from typing import TypeVar

    T = TypeVar("T", covariant=True)
else:
    T = None

    class Generic:
        def __class_getitem__(cls, item):
            return cls
