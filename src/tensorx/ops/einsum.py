"""einsum: sums of products, written with one letter per dimension.

An expression is read into labels; operands are then multiplied two at a time, each pair by one matrix product (or an
elementwise one, where nothing is summed), in the order that needs the fewest multiplications. Everything is made of ops,
so gradients of any order follow.
"""

from .. import _C
from .matmul import matmul

__all__ = ["einsum"]

_ELLIPSIS = "..."
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SEARCHED = 6  # operands for which all orders are compared: 3**6 splits of a set


def einsum(equation, *operands):
    """Sums of products of the elements of tensors, along dimensions named by letters.

    Args:
        equation: for each operand the letters of its dimensions, with commas between, then `->` and the letters of the
            result: "ij,jk->ik" is the matrix product. A letter that the result lacks is summed over; a letter that an
            operand repeats takes its diagonal. `...` stands for dimensions that broadcast. Without `->` the result has
            the dimensions of `...` and then the letters that occur once, in alphabetical order (capitals first).
        operands: the tensors, or one list of them. Dimensions of the same letter have the same size, or size 1.

    Another form has lists of numbers in [0, 52) (and Ellipsis) in place of letters: einsum(x, [0, 1], y, [1, 2], [0, 2]).

    Three or more operands are multiplied pair by pair in the cheapest order (found by comparing all for up to 6
    operands; with more, the cheapest pairs go first).

    Raises RuntimeError for an expression that cannot be read, or that does not fit the operands.

    >>> import tensorx as tx
    >>> x = tx.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tx.einsum("ij,jk->ik", x, x)
    tensor([[ 7., 10.],
            [15., 22.]])
    >>> tx.einsum("ii", x)
    tensor(5.)
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists(equation, operands)
    elif len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = operands[0]
    if not operands:
        raise ValueError("einsum(): must specify the equation string and at least one operand")
    for i, x in enumerate(operands):
        if not isinstance(x, _C.TensorBase):
            raise TypeError(f"einsum(): operand {i} must be a Tensor, not {type(x).__name__}")
    shapes = tuple([tuple(x.shape) for x in operands])
    labels, result, tree = _plans.get((equation, shapes)) or _plan(equation, shapes)
    terms = [_without_repeats(x, own) for x, own in zip(operands, labels, strict=True)]
    x, own = _contract(tree, terms, set(result))
    x, own = _summed(x, own, result, None)
    order = [own.index(label) for label in result]
    return x if order == list(range(x.ndim)) else x.permute(order)


_plans = {}
_MOST_PLANS = 1000


def _plan(equation, shapes):
    """What to do for an expression and shapes, remembered: the labels of operands and result, and the order."""
    labels, result = _read(equation, [len(shape) for shape in shapes])
    order = _order([set(own) for own in labels], result, _sizes(labels, shapes))
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    plan = _plans[equation, shapes] = labels, result, order
    return plan


# ---- reading the expression


def _from_lists(first, rest):
    """The equation and operands of the form with lists of numbers."""
    arguments = (first, *rest)
    operands = arguments[: len(arguments) // 2 * 2 : 2]
    texts = [_letters(numbers) for numbers in arguments[1::2]]
    equation = ",".join(texts)
    return (f"{equation}->{_letters(arguments[-1])}" if len(arguments) % 2 else equation), operands


def _letters(numbers):
    found = []
    for n in numbers:
        if n is not Ellipsis and not (isinstance(n, int) and 0 <= n < len(_LETTERS)):
            raise ValueError(f"einsum(): subscript {n!r} in subscript list is not within the valid range [0, 52)")
        found.append(_ELLIPSIS if n is Ellipsis else _LETTERS[n])
    return "".join(found)


def _read(equation, ranks):
    """The labels of each operand's dimensions and of the result's: letters, and numbers for those of an ellipsis.

    Numbers count from the last dimension of the ellipsis, because shapes are aligned there when they broadcast.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    texts = inputs.split(",")
    if len(texts) != len(ranks):
        fewer = "fewer" if len(ranks) < len(texts) else "more"
        raise RuntimeError(
            f"einsum(): {fewer} operands were provided than specified in the equation '{equation}': it names "
            f"{len(texts)}, but got {len(ranks)}"
        )
    labels, widest = [], 0
    for i, (text, rank) in enumerate(zip(texts, ranks, strict=True)):
        before, ellipsis, after = _split(text, f"operand {i}")
        hidden = rank - len(before) - len(after)
        if hidden < 0 or (hidden and not ellipsis):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                f"{'is more than' if ellipsis else 'does not match'} the number of dimensions ({rank}) for operand {i}"
                + ("" if ellipsis or hidden < 0 else " and no ellipsis was given")
            )
        widest = max(widest, hidden)
        labels.append([*before, *range(hidden - 1, -1, -1), *after])
    if not arrow:
        everything = [label for own in labels for label in own if isinstance(label, str)]
        once = sorted(label for label in set(everything) if everything.count(label) == 1)
        return labels, [*range(widest - 1, -1, -1), *once]
    before, ellipsis, after = _split(output, "the output")
    for letter in (*before, *after):
        if not any(letter in own for own in labels):
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
        if (before + after).count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
    return labels, [*before, *(range(widest - 1, -1, -1) if ellipsis else ()), *after]


def _split(text, where):
    """The letters before and after the ellipsis, and whether there is one."""
    before, ellipsis, after = text.partition(_ELLIPSIS)
    for letter in before + after:
        if letter == ".":
            raise RuntimeError(
                f"einsum(): found '.' for {where} that is not part of any ellipsis, or a second ellipsis"
            )
        if letter not in _LETTERS:
            raise RuntimeError(
                f"einsum(): invalid subscript {letter!r} given for {where}, subscripts must be in [a-zA-Z]"
            )
    return before, bool(ellipsis), after


def _sizes(labels, shapes):
    """The size of each label: the one that is not 1, where there is one."""
    sizes = {}
    for i, (own, shape) in enumerate(zip(labels, shapes, strict=True)):
        here = {}
        for label, size in zip(own, shape, strict=True):
            if here.setdefault(label, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, "
                    f"{size} != {here[label]}"
                )
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise RuntimeError(
                    f"einsum(): subscript {label if isinstance(label, str) else '...'} has size {size} for operand {i} "
                    f"which does not broadcast with previously seen size {known}"
                )
    return sizes


# ---- the order of products


def _order(labels, result, sizes):
    """What to multiply with what: nested pairs of operand numbers."""
    parts = [(1 << i, own, i) for i, own in enumerate(labels)]

    def joined(a, b):
        """Two parts as one, and how many multiplications that takes. Labels that nothing else needs are summed over."""
        mask, own = a[0] | b[0], a[1] | b[1]
        cost = 1
        for label in own:
            cost *= sizes[label]
        needed = set(result).union(*(other for i, other in enumerate(labels) if not mask >> i & 1))
        return cost, (mask, own & needed, (a[2], b[2]))

    while len(parts) > _SEARCHED:
        pairs = [(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]]
        a, b = min(pairs, key=lambda pair: joined(*pair)[0])
        parts = [p for p in parts if p is not a and p is not b] + [joined(a, b)[1]]
    if len(parts) == 1:
        return parts[0][2]
    # The cheapest way to make each set of parts from two smaller ones; a set's number is larger than its subsets'.
    best = {1 << i: (0, part) for i, part in enumerate(parts)}
    for group in range(1, 1 << len(parts)):
        if group in best:
            continue
        found = None
        left = (group - 1) & group
        while left:
            right = group ^ left
            if left > right:  # each split once
                cost, part = joined(best[right][1], best[left][1])
                cost += best[left][0] + best[right][0]
                if found is None or cost < found[0]:
                    found = cost, part
            left = (left - 1) & group
        best[group] = found
    return best[(1 << len(parts)) - 1][1][2]


def _numbers(tree):
    return {tree} if isinstance(tree, int) else _numbers(tree[0]) | _numbers(tree[1])


def _contract(tree, terms, needed):
    """The product of a tree of operands, with the labels in `needed` and no others where two are multiplied."""
    if isinstance(tree, int):
        return terms[tree]
    left, right = (_numbers(part) for part in tree)
    a = _contract(tree[0], terms, needed.union(*(terms[i][1] for i in right)))
    b = _contract(tree[1], terms, needed.union(*(terms[i][1] for i in left)))
    return _product(a, b, needed)


# ---- products


def _without_repeats(x, labels):
    """Diagonals for repeated letters. Returns the tensor and its labels, each once."""
    for label in [label for i, label in enumerate(labels) if label in labels[:i]]:
        first = labels.index(label)
        second = labels.index(label, first + 1)
        x = x.diagonal(0, first, second)
        labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    return x, labels


def _summed(x, labels, needed, dtype):
    """The sum, in `dtype`, over the labels that are not needed."""
    lone = [i for i, label in enumerate(labels) if label not in needed]
    return (x.sum(lone, dtype=dtype), [label for label in labels if label in needed]) if lone else (x, labels)


def _product(a, b, needed):
    """The product of two labelled tensors, summed over what only they have and is not needed."""
    a, b = _squeezed(a, b), _squeezed(b, a)
    x, of_x = _summed(*a, needed.union(b[1]), a[0].dtype)
    y, of_y = _summed(*b, needed.union(a[1]), b[0].dtype)
    shared = [label for label in of_x if label in of_y]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    left, right = ([label for label in own if label not in shared] for own in (of_x, of_y))
    if not summed:
        labels = [*batch, *left, *right]
        return _aligned(x, of_x, labels) * _aligned(y, of_y, labels), labels
    sizes = {**dict(zip(of_x, x.shape, strict=True)), **dict(zip(of_y, y.shape, strict=True))}

    def groups(tensor, labels, *wanted):
        """The dimensions in the order of `wanted`: those of the batch one by one, of the others a group as one."""
        moved = tensor.permute([labels.index(label) for group in (batch, *wanted) for label in group])
        shape = [sizes[label] for label in batch]
        for group in wanted:
            shape.append(1)
            for label in group:
                shape[-1] *= sizes[label]
        return moved.reshape(shape)

    made = matmul(groups(x, of_x, left, summed), groups(y, of_y, summed, right))
    labels = [*batch, *left, *right]
    return made.reshape([sizes[label] for label in labels]), labels


def _squeezed(own, other):
    """A labelled tensor without those dimensions of size 1 that the other has larger: it is constant along them."""
    (x, labels), (y, of_y) = own, other
    drop = [
        i for i, label in enumerate(labels) if x.shape[i] == 1 and label in of_y and y.shape[of_y.index(label)] != 1
    ]
    if not drop:
        return own
    return x.squeeze(tuple(drop)), [label for i, label in enumerate(labels) if i not in drop]


def _aligned(x, own, labels):
    """A view of `x` with one dimension for each of `labels`, of size 1 for those it has not."""
    x = x.permute([own.index(label) for label in labels if label in own])
    return x[tuple(slice(None) if label in own else None for label in labels)]
