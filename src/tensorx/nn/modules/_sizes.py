"""Sizes given as a number or one per dimension."""


def sizes(value, count):
    """`value` as a tuple of `count` sizes."""
    try:
        value = tuple(value)
    except TypeError:
        return (value,) * count
    if len(value) == 1:
        return value * count
    if len(value) != count:
        raise ValueError(f"expected a number or {count} of them, got {value}")
    return value
