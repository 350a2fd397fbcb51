"""24. The graph is what ran: loops, branches, recursion; values are there at every line. And it can be drawn."""

import tensorx as tx
from tensorx import nn


def test_control_flow(device):
    x = tx.tensor(1.5, dtype=tx.float64, device=device, requires_grad=True)
    y, steps = x, 0
    while y.item() < 100:  # values are real numbers in the middle
        y = y * y if steps % 2 else y * 3
        steps += 1
    y.backward()
    # 1.5 -> 4.5 -> 20.25 -> 60.75 -> 3690.5625 = (3 * (3 x)**2)**2 = 729 x**4
    assert steps == 4 and y.item() == 729 * 1.5**4
    assert abs(x.grad.item() - 4 * 729 * 1.5**3) < 1e-9


class TreeLSTM(nn.Module):
    """A child-sum Tree-LSTM. Tai et al. 2015, arXiv:1503.00075. A tree is (word, children)."""

    def __init__(self, words, size):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.gates = nn.Linear(2 * size, 3 * size)
        self.forget = nn.Linear(2 * size, size)

    def forward(self, tree):
        word, children = tree
        x = self.embedding(tx.tensor(word, device=self.forget.weight.device))
        states = [self(child) for child in children]
        total = sum((h for h, _ in states), tx.zeros_like(x))
        i, o, u = self.gates(tx.cat([x, total])).chunk(3)
        c = i.sigmoid() * u.tanh()
        for h, below in states:
            c = c + self.forget(tx.cat([x, h])).sigmoid() * below
        return o.sigmoid() * c.tanh(), c


TREES = [(0, []), (1, [(2, []), (0, [(1, []), (2, [])])]), (2, [(1, [(0, [(2, [])])])])]


def depth(tree):
    return 1 + max((depth(child) for child in tree[1]), default=0)


def test_recursion_gives_each_tree_its_own_graph(device):
    tx.manual_seed(0)
    model = TreeLSTM(3, 4).to(device)
    sizes = [tx.describe(model(tree)[0].sum()).graph.nodes for tree in TREES]
    assert sizes[0] < sizes[2] < sizes[1]


def test_recursion_has_the_right_gradients(device):
    tx.manual_seed(0)
    model = TreeLSTM(3, 2).to(device).double()

    def function(weight):
        parts = model.forget.weight
        assert weight is parts
        return model(TREES[1])[0]

    assert tx.autograd.gradcheck(function, (model.forget.weight,))


def test_a_tree_lstm_learns_the_depth_of_trees(device):
    tx.manual_seed(0)
    model = nn.ModuleDict({"tree": TreeLSTM(3, 8), "head": nn.Linear(8, 1)}).to(device)
    optimizer = tx.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(40):
        loss = sum((model["head"](model["tree"](t)[0]) - depth(t)).square().sum() for t in TREES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_drawing(device):
    """Beyond PyTorch: the graph as dot text, with the names of parameters."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).to(device)
    text = tx.autograd.graph.to_dot(model(tx.ones(1, 2, device=device)).sum(), model)
    assert text.startswith("digraph {")
    for part in ("0.weight\\n[3, 2]", "0.bias\\n[3]", "ReluBackward0", "SumBackward0"):
        assert part in text
