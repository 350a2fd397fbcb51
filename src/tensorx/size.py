"""Size: the type of a shape."""


class Size(tuple):
    """The sizes of a tensor: a tuple of ints.

    >>> import tensorx as tx
    >>> tx.zeros(2, 3).shape
    tensorx.Size([2, 3])
    """

    __slots__ = ()

    def numel(self):
        """The number of elements of a tensor of this size."""
        n = 1
        for s in self:
            n *= s
        return n

    def __add__(self, other):
        return Size(tuple.__add__(self, other))

    def __mul__(self, count):
        return Size(tuple.__mul__(self, count))

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __repr__(self):
        return f"tensorx.Size([{', '.join(map(str, self))}])"
