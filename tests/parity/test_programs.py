"""Random programs: the same twenty steps of views, arithmetic, in-place writes and gradients in tensorx and torch.

After every step all live tensors are compared, so that a wrong alias shows up where it arises. (Where reshape copies
depends on the layout of results, which may differ: no step writes through one.) `pytest --programs 5000`
runs more of them.
"""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import random  # noqa: E402

import numpy as np  # noqa: E402
from both import assert_same, outcome, to_torch  # noqa: E402

from support import to_tx  # noqa: E402

STEPS = 20
BATCH = 20  # programs in one test
CLOSE = {"float64": (1e-9, 1e-9), "complex128": (1e-9, 1e-9)}  # twenty steps deep


# Where only one side refuses to write, the sides differ from then on, and the program ends. Torch: operands that overlap
# in part (defined here), one of several views of one op (works here), sources with more dimensions, of size 1 (copied
# here), a real end of lerp (promoted here), some gradients of real parts (an error inside of torch). We: any write to an
# expanded tensor.
REFUSED_BY_TORCH = (
    "unsupported operation: some elements",
    "returns multiple views",
    "doesn't match the broadcast shape",
    "for `end` but got dtype",
    "Expected isFloatingType(grad.scalar_type())",
)
REFUSED_BY_US = ("(it was expanded)", "more than one element of the written-to tensor")


class Refused(Exception):
    pass


def unary(choose):
    return choose.choice([
        (lambda x: x.sin(), "sin()"), (lambda x: x.tanh(), "tanh()"), (lambda x: x.sigmoid(), "sigmoid()"),
        (lambda x: -x, "neg()"), (lambda x: x.abs(), "abs()"), (lambda x: x.square(), "square()"),
        (lambda x: x.clamp(-3, 3).exp(), "clamp(-3, 3).exp()"), (lambda x: x.cumsum(-1), "cumsum(-1)"),
        (lambda x: x.cumprod(0), "cumprod(0)"), (lambda x: x.flip(0), "flip(0)"), (lambda x: x.roll(1), "roll(1)"),
        (lambda x: x.sum(-1, keepdim=True), "sum(-1, keepdim=True)"), (lambda x: x.mean(0), "mean(0)"),
        (lambda x: x.softmax(-1), "softmax(-1)"), (lambda x: x.logsumexp(-1), "logsumexp(-1)"),
        (lambda x: x.amax(-1), "amax(-1)"), (lambda x: x.sort(dim=-1, stable=True)[0], "sort(dim=-1, stable=True)[0]"),
        (lambda x: x.tril(), "tril()"), (lambda x: x @ x.mT, "@ x.mT"), (lambda x: x[[0, -1]], "[[0, -1]]"),
        (lambda x: x.var(0, unbiased=False), "var(0, unbiased=False)"), (lambda x: x.conj() * x, "conj() * x"),
    ])  # fmt: skip


def views(choose, shape):
    """Views that a tensor of this shape has: (function, text)."""
    found = [
        (lambda x: x.clone().reshape(-1), "clone().reshape(-1)"),
        (lambda x: x.unsqueeze(0), "unsqueeze(0)"),
        (lambda x: x.detach(), "detach()"),
        (lambda x: x[..., None], "[..., None]"),
        (lambda x: x.real, "real"),
        (lambda x: x.clone().contiguous().view(-1), "clone().contiguous().view(-1)"),
    ]
    if len(shape) >= 1 and shape[0] > 1:
        k = choose.randrange(shape[0])
        found += [
            (lambda x: x[k], f"[{k}]"), (lambda x: x[k:], f"[{k}:]"), (lambda x: x[::2], "[::2]"),
            (lambda x: x.narrow(0, k, 1), f"narrow(0, {k}, 1)"), (lambda x: x.unbind(0)[k].clone(), f"unbind(0)[{k}].clone()"),
            (lambda x: x.split(2)[0], "split(2)[0]"), (lambda x: x.unfold(0, 2, 2), "unfold(0, 2, 2)"),
            (lambda x: x[..., 0], "[..., 0]"), (lambda x: x.movedim(0, -1), "movedim(0, -1)"),
        ]  # fmt: skip
    if len(shape) >= 2:
        found += [
            (lambda x: x.transpose(0, 1), "transpose(0, 1)"),
            (lambda x: x.diagonal(), "diagonal()"),
            (lambda x: x.squeeze(), "squeeze()"),
            (lambda x: x.clone().flatten(0, 1), "clone().flatten(0, 1)"),
        ]
    if len(shape) <= 2:
        found.append((lambda x: x.expand(2, *x.shape), "expand(2, ...)"))
    return found


def in_place(choose):
    c = choose.choice([0.5, -1.5, 2])
    return choose.choice([
        (lambda x, y: x.mul_(c), f"mul_({c})"),
        (lambda x, y: x.add_(y), "add_(y)"),
        (lambda x, y: x.sub_(y, alpha=0.5), "sub_(y, alpha=0.5)"),
        (lambda x, y: x.tanh_(), "tanh_()"),
        (lambda x, y: x.copy_(y), "copy_(y)"),
        (lambda x, y: x.fill_(c), f"fill_({c})"),
        (lambda x, y: x.zero_(), "zero_()"),
        (lambda x, y: x[..., :1].mul_(c), f"[..., :1].mul_({c})"),
        (lambda x, y: x[..., ::2].add_(c), f"[..., ::2].add_({c})"),
        (lambda x, y: x.clamp_(-1, 1), "clamp_(-1, 1)"),
        (lambda x, y: x.addcmul_(y, y, value=0.5), "addcmul_(y, y, value=0.5)"),
        (lambda x, y: x.lerp_(y, 0.25), "lerp_(y, 0.25)"),
        (lambda x, y: x.div_(y.abs() + 1), "div_(y.abs() + 1)"),
        (lambda x, y: x.masked_fill_(x.abs() > 1, c), f"masked_fill_(x.abs() > 1, {c})"),
        (lambda x, y: x.__setitem__([0], c), f"[[0]] = {c}"),
        (lambda x, y: x.__setitem__(x.abs() < 1, c), f"[x.abs() < 1] = {c}"),
        (lambda x, y: x.__setitem__(Ellipsis, y), "[...] = y"),
        (lambda x, y: x.mul_(x.sum()), "mul_(x.sum())"),
        (lambda x, y: x.square_(), "square_()"),
    ])  # fmt: skip


def binary(choose):
    return choose.choice([
        (lambda x, y: x + y, "x + y"), (lambda x, y: x * y, "x * y"), (lambda x, y: x - y, "x - y"),
        (lambda x, y: x / (y * y + 1), "x / (y * y + 1)"), (lambda x, y: (x > y).to(x.dtype) * x, "(x > y) * x"),
        (lambda x, y: x.sum() * y, "x.sum() * y"), (lambda x, y: x.where(x.abs() > y.abs(), y), "x.where(x.abs() > y.abs(), y)"),
        (lambda x, y: x.maximum(y), "x.maximum(y)"), (lambda x, y: x.hypot(y), "x.hypot(y)"),
    ])  # fmt: skip


class Program:
    """The same program on both sides: lists of tensors with the same index for the same tensor."""

    def __init__(self, seed):
        self.choose = random.Random(seed)
        generator = np.random.default_rng(seed)
        self.text = [f"program {seed}"]
        self.pairs, self.leaves = [], []
        dtypes = self.choose.choice([["float64"], ["float64"], ["float64", "complex128"]])
        for i in range(3):
            shape, dtype = self.choose.choice([(3, 4), (4,), (2, 3, 4), (3, 1)]), self.choose.choice(dtypes)
            values = generator.uniform(-2, 2, shape)
            if dtype == "complex128":
                values = values + 1j * generator.uniform(-2, 2, shape)
            pair = (to_tx(values, dtype), to_torch(values, dtype))
            if i < 2:
                self.leaves.append([x.requires_grad_() for x in pair])
            self.pairs.append(pair)

    def both(self, step, *arguments):
        """Run a step on both sides; both must succeed, or both fail."""
        results = [outcome(step, *[a[side] for a in arguments]) for side in (0, 1)]
        (ours, error), (theirs, refused) = results
        if any(words in str(refused) for words in REFUSED_BY_TORCH) or any(
            words in str(error) for words in REFUSED_BY_US
        ):
            raise Refused
        assert (error is None) == (refused is None), self.show(f"raised {error!r}, torch {refused!r}")
        return None if error is not None else (ours, theirs)

    def show(self, message):
        return "\n".join([*self.text, message])

    def pick(self):
        return self.choose.randrange(len(self.pairs))

    def step(self):
        kind = self.choose.choice(["unary", "binary", "view", "view", "in place", "in place", "backward"])
        i, j = self.pick(), self.pick()
        made = None
        if kind == "backward":
            self.backward(i)
        elif kind == "unary":
            f, name = unary(self.choose)
            self.text.append(f"x{len(self.pairs)} = x{i}.{name}")
            made = self.both(f, self.pairs[i])
        elif kind == "binary":
            f, name = binary(self.choose)
            self.text.append(f"x{len(self.pairs)} = {name}, x = x{i}, y = x{j}")
            made = self.both(f, self.pairs[i], self.pairs[j])
        elif kind == "view":
            f, name = self.choose.choice(views(self.choose, tuple(self.pairs[i][0].shape)))
            self.text.append(f"x{len(self.pairs)} = x{i}.{name}")
            made = self.both(f, self.pairs[i])
        else:
            f, name = in_place(self.choose)
            self.text.append(f"x{i}.{name}, y = x{j}")
            self.both(f, self.pairs[i], self.pairs[j])
        if made is not None and made[0].numel() <= 200:
            self.pairs.append(made)

    def backward(self, i):
        """Gradients of one tensor. Ours may save less than torch (`add` after `mul` by a number) or drop a history that
        was overwritten, so an error about a changed tensor may come on one side alone; None may stand for zeros."""
        self.text.append(f"x{i}.real.sum().backward(retain_graph=True)")
        errors = [outcome(lambda x: x.real.sum().backward(retain_graph=True), x)[1] for x in self.pairs[i]]
        if any(words in str(errors[1]) for words in REFUSED_BY_TORCH):
            raise Refused
        for error, other in (errors, errors[::-1]):
            changed = isinstance(error, RuntimeError) and "inplace" in str(error)
            assert error is None or other is not None or changed, self.show(
                f"raised {error!r}, on the other side nothing"
            )
        for k, (ours, theirs) in enumerate(self.leaves):
            if errors == [None, None] and (ours.grad is not None or theirs.grad is not None):
                if ours.grad is None or theirs.grad is None:
                    given = ours.grad if theirs.grad is None else theirs.grad
                    assert not given.abs().sum().item(), self.show(f"gradient of leaf {k}")
                else:
                    assert_same(ours.grad, theirs.grad, self.show(f"gradient of leaf {k}"), CLOSE)
            ours.grad = theirs.grad = None

    def check(self):
        for k, (ours, theirs) in enumerate(self.pairs):
            assert_same(ours, theirs, self.show(f"x{k} differs"), CLOSE)
            assert ours.requires_grad == theirs.requires_grad, self.show(f"x{k}.requires_grad")
            assert ours.is_leaf == theirs.is_leaf, self.show(f"x{k}.is_leaf")


def run(seed):
    program = Program(seed)
    try:
        for _ in range(STEPS):
            program.step()
            program.check()
        program.backward(len(program.pairs) - 1)
    except Refused:
        pass
    except RuntimeError as error:  # torch refuses some histories only when they are asked for
        if not any(words in str(error) for words in REFUSED_BY_TORCH):
            raise


def pytest_generate_tests(metafunc):
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", range(-(-metafunc.config.getoption("--programs") // BATCH)))


def test_programs(batch):
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        run(seed)
