"""einsum: sums of products, written with one letter per dimension.

An expression is read into labels; operands are then multiplied two at a time, each pair by one matrix product (or an
elementwise one, where nothing is summed), in the order that needs the fewest multiplications. Everything is made of ops,
so gradients of any order follow.
"""

from math import prod

from .. import _C
from .arithmetic import mul
from .define import composite
from .matmul import matmul

__all__ = ["einsum"]

_ELLIPSIS = "..."
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SEARCHED = 6  # operands for which all orders are compared: 3**6 splits of a set


@composite
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
    diagonals, steps, last = _plans.get((equation, shapes)) or _plan(equation, shapes)
    values = list(operands)
    for i, first, second in diagonals:
        values[i] = values[i].diagonal(0, first, second)
    for i, j, left, right, product, shape in steps:
        made = product(left(values[i]), right(values[j]))
        values[i] = values[j] = None  # lets go of memory that is needed no more
        values.append(made if shape is None else made.reshape(shape))
    return last(values[-1])


# ---- the plan: all that follows from the expression and the shapes

_plans: dict = {}
_MOST_PLANS = 1000


def _plan(equation, shapes):
    """(diagonals to take, products in their order, what is done to the last), remembered for the next call.

    A diagonal is (operand, two dimensions). A product is (two numbers of values, what is done to each before, the op,
    the result's shape); its result gets the next number. A term is what a value is like: label -> size, in order.
    """
    labels, result = _read(equation, [len(shape) for shape in shapes])
    sizes = _sizes(labels, shapes)
    diagonals, terms = [], []
    for i, (own, shape) in enumerate(zip(labels, shapes, strict=True)):
        own = list(own)
        while len(set(own)) < len(own):
            first = next(d for d, label in enumerate(own) if label in own[d + 1 :])
            second = own.index(own[first], first + 1)
            diagonals.append((i, first, second))
            own = [label for d, label in enumerate(own) if d not in (first, second)] + [own[first]]
        known = dict(zip(labels[i], shape, strict=True))
        terms.append({label: known[label] for label in own})
    steps = []
    last = terms[_products(_order([set(term) for term in terms], result, sizes), terms, set(result), steps)]
    finish = _Change(last, [], [label for label in last if label not in result], [result])
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    plan = _plans[equation, shapes] = diagonals, steps, finish
    return plan


class _Change:
    """What is done to a value: dimensions of size 1 dropped, others summed over, then reordered, then joined in groups."""

    __slots__ = ("dropped", "keep_dtype", "order", "shape", "summed")

    def __init__(self, term, dropped, summed, groups, sizes=None):
        """groups: the labels that are left, in the wanted order; with `sizes`, each group becomes one dimension."""
        labels = list(term)
        self.dropped = tuple([labels.index(label) for label in dropped])
        labels = [label for label in labels if label not in dropped]
        self.summed = tuple([labels.index(label) for label in summed])
        labels = [label for label in labels if label not in summed]
        order = [labels.index(label) for group in groups for label in group]
        self.order = None if order == list(range(len(order))) else order
        self.keep_dtype = sizes is not None  # before a product, where both sides are to stay of one dtype
        self.shape = None
        if sizes is not None and any(len(group) != 1 for group in groups):
            self.shape = [prod([sizes[label] for label in group]) for group in groups]

    def __call__(self, x):
        if self.dropped:
            x = x.squeeze(self.dropped)
        if self.summed:
            x = x.sum(self.summed, dtype=x.dtype if self.keep_dtype else None)
        if self.order is not None:
            x = x.permute(self.order)
        return x if self.shape is None else x.reshape(self.shape)


def _products(tree, terms, needed, steps):
    """Append the products of a tree to `steps`, their results to `terms`; the number of the last one.

    A label that is not in `needed` is summed over as soon as no other operand has it.
    """
    if isinstance(tree, int):
        return tree
    left, right = (_numbers(part) for part in tree)
    i = _products(tree[0], terms, needed.union(*(terms[k] for k in right)), steps)
    j = _products(tree[1], terms, needed.union(*(terms[k] for k in left)), steps)
    made, step = _product(terms[i], terms[j], needed)
    steps.append((i, j, *step))
    terms.append(made)
    return len(terms) - 1


def _numbers(tree):
    return {tree} if isinstance(tree, int) else _numbers(tree[0]) | _numbers(tree[1])


def _product(a, b, needed):
    """How two terms are multiplied: the term that they make, and (change of a, change of b, op, shape)."""

    # A value is constant along a dimension of size 1 that the other has larger: only the other has that label then.
    dropped_a = [label for label in a if a[label] == 1 != b.get(label, 1)]
    dropped_b = [label for label in b if b[label] == 1 != a.get(label, 1)]
    kept_a, kept_b = [x for x in a if x not in dropped_a], [x for x in b if x not in dropped_b]
    lone_a = [label for label in kept_a if label not in kept_b and label not in needed]
    lone_b = [label for label in kept_b if label not in kept_a and label not in needed]
    batch = [label for label in kept_a if label in kept_b and label in needed]
    summed = [label for label in kept_a if label in kept_b and label not in needed]
    left = [label for label in kept_a if label not in kept_b and label in needed]
    right = [label for label in kept_b if label not in kept_a and label in needed]
    sizes = {**{label: a[label] for label in kept_a}, **{label: b[label] for label in kept_b}}
    made = {label: sizes[label] for label in (*batch, *left, *right)}
    if summed:
        each = [[label] for label in batch]
        groups_a, groups_b = [*each, left, summed], [*each, summed, right]
        shape = None if len(left) == len(right) == 1 else list(made.values())
    else:  # an elementwise product: dimensions of size 1 for what only the other has
        groups_a = [[] if label in right else [label] for label in made]
        groups_b = [[] if label in left else [label] for label in made]
        shape = None
    change_a = _Change(a, dropped_a, lone_a, groups_a, sizes)
    change_b = _Change(b, dropped_b, lone_b, groups_b, sizes)
    return made, (change_a, change_b, matmul if summed else mul, shape)


# ---- reading the expression


def _from_lists(first, rest):
    """The equation and operands of the form with lists of numbers."""
    arguments = (first, *rest)
    for labels in (*arguments[1::2], *arguments[len(arguments) // 2 * 2 :]):
        if not isinstance(labels, (tuple, list)):
            raise TypeError(f"einsum(): expected an equation, or tensors each with a list of labels, not {labels!r}")
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
