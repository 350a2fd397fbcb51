"""Row 28: a Parameter is registered by assignment, found once however often it is shared, and kept what it is."""

import copy

import pytest
from memory_use import held

import tensorx as tx
from tensorx import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(tx.ones(3))  # registered
        self.plain = tx.ones(3)  # a tensor, and no parameter
        self.layers = [nn.Linear(3, 3)]  # in a list: not found
        self.found = nn.ModuleList(self.layers)
        self.scales = nn.ParameterList([tx.ones(1), tx.ones(2)])
        self.named = nn.ParameterDict({"left": tx.ones(1), "right": tx.ones(1)})


def test_registration_by_assignment(device):
    net = Net().to(device)
    assert [name for name, _ in net.named_parameters()] == [
        "weight", "found.0.weight", "found.0.bias", "scales.0", "scales.1", "named.left", "named.right",
    ]  # fmt: skip
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in net.parameters())
    assert all(parameter.device.type == device for parameter in net.parameters()) and net.plain.device.type == "cpu"
    net.late = nn.Parameter(tx.ones(1))
    assert "late" in dict(net.named_parameters())
    del net.late
    net.weight = None
    assert "late" not in dict(net.named_parameters()) and "weight" not in dict(net.named_parameters())


@pytest.mark.parametrize("value", [tx.ones(3), 1.0, nn.ReLU(), "text"])
def test_only_a_parameter_replaces_a_parameter(value):
    net = Net()
    with pytest.raises(TypeError, match=r"as parameter 'weight' \(nn.Parameter or None expected\)"):
        net.weight = value
    net.weight = nn.Parameter(tx.zeros(5))
    assert net.weight.shape == (5,)


def test_what_no_parameter_can_be():
    net = Net()
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter"):
        computed = nn.Parameter(tx.ones(2)) * 2
        computed.__class__ = nn.Parameter
        net.computed = computed
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(tx.arange(3))
    assert not nn.Parameter(tx.arange(3), requires_grad=False).requires_grad
    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):

        class Early(nn.Module):
            def __init__(self):
                self.weight = nn.Parameter(tx.ones(1))

        Early()


def test_shared_parameters_count_once(device):
    """Tied embeddings: one tensor, two names; one gradient, the sum of both uses; one step of the optimiser."""

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(7, 4)
            self.output = nn.Linear(4, 7, bias=False)
            self.output.weight = self.embedding.weight

        def forward(self, x):
            return self.output(self.embedding(x))

    model = Tied().to(device)
    assert model.output.weight is model.embedding.weight  # moving kept them one
    assert [name for name, _ in model.named_parameters()] == ["embedding.weight"]
    assert len(list(model.named_parameters(remove_duplicate=False))) == len(model.state_dict()) == 2
    tokens = tx.tensor([[1, 2]], device=device)
    model(tokens).sum().backward()
    weight = model.embedding.weight
    used = tx.zeros(7, 4, device=device)
    used[1:3] = weight.sum(0)  # as an embedding: the gradient of both rows that were looked up
    as_output = weight[1] + weight[2]  # as an output: of every row
    assert tx.allclose(weight.grad, used + as_output, atol=1e-6)
    before = weight.detach().clone()
    optimizer = tx.optim.SGD(model.parameters(), lr=0.5)
    optimizer.step()
    assert tx.allclose(weight, before - 0.5 * weight.grad) and len(optimizer.param_groups[0]["params"]) == 1
    twin = copy.deepcopy(model)
    assert twin.output.weight is twin.embedding.weight and twin.embedding.weight is not weight


def test_sharing_saves_the_memory(device):
    def bytes_of(model):
        before = held(device)
        made = model()
        return held(device) - before, made

    one = nn.Linear(100, 100, bias=False).to(device)
    shared, _keep = bytes_of(lambda: nn.Sequential(*[one] * 10))
    separate, _keep = bytes_of(lambda: nn.Sequential(*[nn.Linear(100, 100, bias=False) for _ in range(10)]).to(device))
    assert shared == 0 and separate >= 10 * 100 * 100 * 4


def test_a_parameter_shares_the_memory_of_its_data(device):
    data = tx.zeros(3, device=device)
    weight = nn.Parameter(data)
    data[0] = 5
    assert weight[0].item() == 5 and weight.data_ptr() == data.data_ptr()
    assert type(weight + 1) is tx.Tensor and type(weight.detach()) is tx.Tensor


def test_lists_and_dictionaries_of_parameters(device):
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.ParameterList([tx.ones(2), tx.ones(2) * 2])
            self.by_name = nn.ParameterDict({"b": tx.ones(1), "a": tx.zeros(1)})

        def forward(self, x):
            return sum(x @ weight for weight in self.weights) * self.by_name["b"] + self.by_name["a"]

    model = Mixture().to(device)
    out = model(tx.ones(2, device=device))
    out.backward()
    assert out.item() == 6 and [w.grad.tolist() for w in model.weights] == [[1.0, 1.0], [1.0, 1.0]]
    assert list(model.state_dict()) == ["weights.0", "weights.1", "by_name.a", "by_name.b"]


def test_buffers_are_state_and_no_parameters(device):
    module = nn.Module()
    module.mean = nn.Buffer(tx.zeros(2))
    module.scratch = nn.Buffer(tx.zeros(2), persistent=False)
    module.to(device)
    assert list(module.parameters()) == [] and list(module.state_dict()) == ["mean"]
    assert all(buffer.device.type == device for buffer in module.buffers()) and len(list(module.buffers())) == 2
