"""Trees of containers: any nesting of tuples, lists and dicts, taken apart into leaves and put together again.

What is no registered container is a leaf, None too. The names are those of torch.utils._pytree.
"""

from collections import OrderedDict, defaultdict, deque


class TreeSpec:
    """The structure of a tree without its leaves.

    `type` is the container's (None for a leaf), `context` what else makes it up again (a dict's keys), `children` the
    specs of its parts.
    """

    __slots__ = ("children", "context", "num_leaves", "type")

    def __init__(self, type, context, children):
        self.type, self.context, self.children = type, context, children
        self.num_leaves = sum(child.num_leaves for child in children) if type is not None else 1

    def is_leaf(self):
        """True for the structure of a single leaf."""
        return self.type is None

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self.context, self.children) == (other.type, other.context, other.children)

    def __hash__(self):
        return hash((self.type, self.num_leaves))

    def __repr__(self):
        if self.type is None:
            return "*"
        inner = ", ".join(map(repr, self.children))
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"


_LEAF = TreeSpec(None, None, [])
_CONTAINERS: dict[type, tuple] = {}  # type -> (flatten: tree -> (parts, context), unflatten: (parts, context) -> tree)


def register_pytree_node(cls, flatten_fn, unflatten_fn):
    """Make instances of `cls` containers: flatten_fn(tree) gives (parts, context), unflatten_fn(parts, context) a tree."""
    _CONTAINERS[cls] = (flatten_fn, unflatten_fn)


def _flatten_dict(tree):
    return list(tree.values()), list(tree)


register_pytree_node(tuple, lambda t: (list(t), None), lambda parts, _: tuple(parts))
register_pytree_node(list, lambda t: (t, None), lambda parts, _: list(parts))
register_pytree_node(dict, _flatten_dict, lambda parts, keys: dict(zip(keys, parts, strict=True)))
register_pytree_node(OrderedDict, _flatten_dict, lambda parts, keys: OrderedDict(zip(keys, parts, strict=True)))
register_pytree_node(
    defaultdict,
    lambda t: (list(t.values()), (t.default_factory, list(t))),
    lambda parts, context: defaultdict(context[0], zip(context[1], parts, strict=True)),
)
register_pytree_node(deque, lambda t: (list(t), t.maxlen), lambda parts, maxlen: deque(parts, maxlen))


def _container(cls):
    """How to take instances of `cls` apart and put them together; None where they are leaves."""
    found = _CONTAINERS.get(cls)
    if found is None and issubclass(cls, tuple) and hasattr(cls, "_fields"):  # a named tuple
        found = _CONTAINERS[cls] = (lambda t: (list(t), None), lambda parts, _: cls(*parts))
    return found


def tree_flatten(tree, is_leaf=None):
    """The leaves of a tree, from left to right, and its TreeSpec. `is_leaf(part)` True stops at that part.

    >>> from tensorx.utils._pytree import tree_flatten
    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
    >>> leaves
    [1, 2, 3]
    """
    leaves = []

    def walk(part):
        container = None if is_leaf is not None and is_leaf(part) else _container(type(part))
        if container is None:
            leaves.append(part)
            return _LEAF
        parts, context = container[0](part)
        return TreeSpec(type(part), context, [walk(p) for p in parts])

    spec = walk(tree)
    return leaves, spec


def tree_unflatten(leaves, treespec):
    """The tree of this structure with these leaves.

    >>> from tensorx.utils._pytree import tree_flatten, tree_unflatten
    >>> leaves, spec = tree_flatten((1, [2]))
    >>> tree_unflatten([10, 20], spec)
    (10, [20])
    """
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten(): a tree of {treespec.num_leaves} leaves cannot hold {len(leaves)}")
    following = iter(leaves)

    def build(spec):
        if spec.type is None:
            return next(following)
        return _container(spec.type)[1]([build(child) for child in spec.children], spec.context)

    return build(treespec)


def tree_leaves(tree, is_leaf=None):
    """The leaves of a tree, from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree, is_leaf=None):
    """The TreeSpec of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """A tree of func(leaf, ...), with the leaves of `rests`, trees of the same structure, as further arguments.

    >>> from tensorx.utils._pytree import tree_map
    >>> tree_map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves]
    for rest in rests:
        others, other_spec = tree_flatten(rest, is_leaf)
        if other_spec != spec:
            raise ValueError(f"tree_map(): the trees have different structures: {spec} and {other_spec}")
        columns.append(others)
    return tree_unflatten([func(*row) for row in zip(*columns, strict=True)], spec)


def tree_map_only(type_or_types, func, tree, is_leaf=None):
    """A tree with func(leaf) in place of the leaves that are instances of a type (or of one of a tuple of types)."""
    return tree_map(lambda x: func(x) if isinstance(x, type_or_types) else x, tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """True if pred(leaf) is, for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """True if pred(leaf) is, for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def broadcast_prefix(prefix, tree):
    """For each leaf of `tree`, the leaf of `prefix`, a tree that may end where `tree` goes on; None if it does not fit.

    >>> from tensorx.utils._pytree import broadcast_prefix
    >>> broadcast_prefix((0, 1), (10, {"a": 11, "b": 12}))
    [0, 1, 1]
    """
    container, expected = _container(type(prefix)), _container(type(tree))
    if container is None:
        return [prefix] * len(tree_leaves(tree))
    if expected is None or type(prefix) is not type(tree):
        return None
    (parts, context), (others, other_context) = container[0](prefix), expected[0](tree)
    if context != other_context or len(parts) != len(others):
        return None
    out = []
    for part, other in zip(parts, others, strict=True):
        found = broadcast_prefix(part, other)
        if found is None:
            return None
        out += found
    return out
