"""nn.Module: registration, traversal, state, conversion, hooks, containers. Expectations are PyTorch's."""

import copy
import gc
import pickle
import warnings
import weakref
from collections import OrderedDict

import pytest

import tensorx as tx
from tensorx import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(tx.ones(4))
        self.register_buffer("shift", tx.zeros(4))
        self.register_buffer("scratch", tx.zeros(2), persistent=False)
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.plain = 5

    def forward(self, x):
        return self.body(self.first(x) * self.scale + self.shift)


# Registration -------------------------------------------------------------------------------------


def test_members_are_found_in_order():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", "first.weight", "first.bias", "body.1.weight"]
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in net.named_parameters(prefix="net")][0] == "net.scale"
    assert [name for name, _ in net.named_buffers()] == ["shift", "scratch"]
    assert [name for name, _ in net.named_children()] == ["first", "body"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "body", "body.0", "body.1"]
    assert [type(module).__name__ for module in net.modules()] == ["Net", "Linear", "Sequential", "ReLU", "Linear"]
    assert list(net.state_dict()) == ["scale", "shift", "first.weight", "first.bias", "body.1.weight"]
    assert len(list(net.parameters())) == 4 and len(list(net.buffers())) == 2 and len(list(net.children())) == 2


def test_shared_members_count_once():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    net.weight = net.a.weight
    assert [name for name, _ in net.named_parameters()] == ["weight", "a.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 5
    assert [name for name, _ in net.named_modules(remove_duplicate=False)] == ["", "a", "b"]
    assert len(list(net.children())) == 1
    assert list(net.state_dict()) == ["weight", "a.weight", "a.bias", "b.weight", "b.bias"]


@pytest.mark.parametrize(
    "name, value, error, message",
    [
        (
            "scale",
            tx.ones(4),
            TypeError,
            r"cannot assign '.*Tensor' as parameter 'scale' \(nn.Parameter or None expected\)",
        ),
        ("scale", nn.ReLU(), TypeError, "as parameter 'scale'"),
        ("scale", 1, TypeError, "cannot assign 'int' as parameter 'scale'"),
        ("first", 1, TypeError, r"cannot assign 'int' as child module 'first' \(nn.Module or None expected\)"),
        ("first", tx.ones(1), TypeError, "as child module 'first'"),
        ("shift", 1.0, TypeError, r"cannot assign 'float' as buffer 'shift' \(nn.Buffer, Tensor or None expected\)"),
    ],
)
def test_assignment_errors(name, value, error, message):
    net = Net()
    with pytest.raises(error, match=message):
        setattr(net, name, value)
    assert list(net.state_dict()) == list(Net().state_dict())


def test_assignments_that_are_allowed():
    net = Net()
    net.scale = None
    assert net.scale is None and "scale" not in dict(net.named_parameters())
    net.scale = nn.Parameter(tx.zeros(4))
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    net.shift = tx.ones(4)
    assert dict(net.named_buffers())["shift"].tolist() == [1, 1, 1, 1]
    net.shift = None
    assert "shift" not in net.state_dict()
    net.plain = nn.Parameter(tx.zeros(1))  # an ordinary attribute becomes a parameter
    assert "plain" in dict(net.named_parameters())
    net.first = nn.Parameter(tx.zeros(1))  # and a module too, as in PyTorch
    assert "first" in dict(net.named_parameters()) and "first" not in dict(net.named_children())
    net.shift = nn.ReLU()
    assert "shift" in dict(net.named_children()) and "shift" not in dict(net.named_buffers())


def test_registration_errors():
    net = Net()
    with pytest.raises(KeyError, match="already exists"):
        net.register_parameter("plain", nn.Parameter(tx.zeros(1)))
    with pytest.raises(KeyError, match="already exists"):
        net.register_buffer("forward", tx.zeros(1))
    with pytest.raises(KeyError, match="already exists"):
        net.add_module("plain", nn.ReLU())
    for register, value in (
        (net.register_parameter, nn.Parameter(tx.zeros(1))),
        (net.register_buffer, tx.zeros(1)),
        (net.add_module, nn.ReLU()),
    ):
        with pytest.raises(KeyError, match='contain "."'):
            register("a.b", value)
        with pytest.raises(KeyError, match="be empty string"):
            register("", value)
        with pytest.raises(TypeError, match="name should be a string. Got int"):
            register(3, value)
    with pytest.raises(TypeError, match="object to parameter 'p'"):
        net.register_parameter("p", tx.zeros(1))
    with pytest.raises(TypeError, match="object to buffer 'b'"):
        net.register_buffer("b", [1])
    with pytest.raises(TypeError, match="is not a Module subclass"):
        net.add_module("m", 3)
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'p'"):
        weight = nn.Parameter(tx.ones(2))
        product = weight * 2
        product.__class__ = nn.Parameter
        net.register_parameter("p", product)


@pytest.mark.parametrize(
    "value, kind", [(nn.Parameter(tx.zeros(1)), "parameter"), (nn.ReLU(), "module"), (nn.Buffer(tx.zeros(1)), "buffer")]
)
def test_assignment_before_init(value, kind):
    class Forgetful(nn.Module):
        def __init__(self):
            self.member = value

    with pytest.raises(AttributeError, match=rf"cannot assign {kind} before Module.__init__\(\) call"):
        Forgetful()


def test_attributes():
    net = Net()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'missing'"):
        net.missing
    assert {"first", "scale", "shift", "forward"} <= set(dir(net))
    assert "0" not in dir(net.body)
    del net.scale
    assert not hasattr(net, "scale") and "scale" not in net.state_dict()
    with pytest.raises(AttributeError):
        del net.missing

    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    assert Wrapper(Net()).plain == 5


def test_the_dictionaries_of_members():
    net = Net()
    assert (
        list(net._parameters) == ["scale"]
        and list(net._modules) == ["first", "body"]
        and list(net._buffers) == ["shift", "scratch"]
    )
    net._modules["extra"] = nn.ReLU()
    assert "extra" in dict(net.named_children())
    replacement = nn.Parameter(tx.zeros(4))
    net._parameters["scale"] = replacement
    assert net.scale is replacement
    del net._modules["first"]
    assert not hasattr(net, "first")
    with pytest.raises(KeyError):
        net._buffers["scale"]


def test_missing_forward():
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_modules_die_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        net = Net()
        net(tx.ones(1, 3)).sum().backward()
        weak = weakref.ref(net)
        del net
        assert weak() is None
    finally:
        gc.enable()


# Parameter and Buffer -----------------------------------------------------------------------------


def test_parameter():
    data = tx.ones(2)
    weight = nn.Parameter(data)
    assert isinstance(weight, tx.Tensor) and weight.requires_grad and weight.is_leaf
    assert repr(weight) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    data[0] = 5
    assert weight[0].item() == 5  # shared, not copied
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().numel() == 0
    weight.tag = "x"
    assert type(weight * 1) is tx.Tensor and type(weight.detach()) is tx.Tensor
    with pytest.raises(TypeError, match="data must be a Tensor, not list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(tx.ones(2, dtype=tx.int64))
    for twin in (copy.deepcopy(weight), pickle.loads(pickle.dumps(weight))):
        assert type(twin) is nn.Parameter and twin.requires_grad and twin.tolist() == weight.tolist()
        assert twin.data_ptr() != weight.data_ptr()
    memo = copy.deepcopy([weight, weight])
    assert memo[0] is memo[1]


def test_buffer():
    module = nn.Module()
    module.kept = nn.Buffer(tx.zeros(1))
    module.lost = nn.Buffer(tx.zeros(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "lost"] and list(module.state_dict()) == ["kept"]
    twin = pickle.loads(pickle.dumps(module))
    assert list(twin.state_dict()) == ["kept"] and not twin.lost.persistent


# State --------------------------------------------------------------------------------------------


def test_state_dict_shares_and_detaches():
    net = Net()
    state = net.state_dict()
    assert not state["scale"].requires_grad and state["scale"].data_ptr() == net.scale.data_ptr()
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(net.state_dict(prefix="p."))[0] == "p.scale"
    assert state._metadata == {
        "": {"version": 1},
        "first": {"version": 1},
        "body": {"version": 1},
        "body.0": {"version": 1},
        "body.1": {"version": 1},
    }
    destination = OrderedDict()
    assert net.state_dict(destination=destination) is destination


def test_load_state_dict():
    a, b = Net(), Net()
    keys = b.load_state_dict(a.state_dict())
    assert str(keys) == "<All keys matched successfully>"
    assert all(tx.equal(x, y) and x is not y for x, y in zip(a.parameters(), b.parameters()))
    assert tx.equal(a(tx.ones(2, 3)), b(tx.ones(2, 3)))


def test_load_state_dict_reports_everything_at_once():
    state = Net().state_dict()
    state["extra.weight"] = state.pop("scale")
    state["first.surplus"] = tx.zeros(1)
    state["first.bias"] = tx.zeros(5)
    state["shift"] = "text"
    with pytest.raises(RuntimeError) as caught:
        Net().load_state_dict(state)
    text = str(caught.value)
    assert text.startswith('Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "scale". ')
    assert 'Unexpected key(s) in state_dict: "extra.weight", "first.surplus". ' in text
    assert "size mismatch for first.bias: copying a param with shape" in text
    assert 'While copying the parameter named "shift", expected Tensor' in text
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like"):
        Net().load_state_dict([1])


def test_load_state_dict_not_strict():
    state = Net().state_dict()
    state["other"] = state.pop("scale")
    keys = Net().load_state_dict(state, strict=False)
    assert keys.missing_keys == ["scale"] and keys.unexpected_keys == ["other"]
    assert "missing_keys=['scale']" in repr(keys)
    state["first.bias"] = tx.zeros(5)
    with pytest.raises(RuntimeError, match="size mismatch"):
        Net().load_state_dict(state, strict=False)


def test_load_state_dict_assign():
    net, other = Net(), Net()
    net.scale.requires_grad_(False)
    state = OrderedDict((name, value.clone()) for name, value in other.state_dict().items())
    net.load_state_dict(state, assign=True)
    assert net.first.weight.data_ptr() == state["first.weight"].data_ptr()
    assert isinstance(net.first.weight, nn.Parameter) and net.first.weight.requires_grad and not net.scale.requires_grad
    assert net.shift is state["shift"]


def test_extra_state():
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    outer = nn.Sequential(Counter())
    outer[0].count = 7
    state = outer.state_dict()
    assert dict(state) == {"0._extra_state": 7}
    twin = nn.Sequential(Counter())
    twin.load_state_dict(state)
    assert twin[0].count == 7
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        twin.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "0._extra_state"'):
        nn.Sequential(nn.ReLU()).load_state_dict(state)


def test_state_hooks():
    net, seen = nn.Linear(2, 1), []
    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(("pre", prefix, keep_vars)))
    handle = net.register_state_dict_post_hook(lambda module, state, prefix, metadata: state.__setitem__("extra", 1))
    state = nn.Sequential(net).state_dict()
    assert seen == [("pre", "0.", False)] and state.pop("extra") == 1
    handle.remove()
    assert "extra" not in net.state_dict()
    handle = net.register_state_dict_post_hook(lambda *args: 3)
    with pytest.raises(RuntimeError, match="must return None"):
        net.state_dict()
    handle.remove()

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        assert module is net
        state[prefix + "weight"] = state.pop(prefix + "old_weight")

    def forgive(module, keys):
        keys.missing_keys.clear()

    net.register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(forgive)
    keys = net.load_state_dict({"old_weight": tx.tensor([[1.0, 2.0]])})
    assert net.weight.tolist() == [[1, 2]] and keys.missing_keys == []


# Modes, gradients, conversion ---------------------------------------------------------------------


def test_modes():
    net = Net()
    assert net.eval() is net and not any(module.training for module in net.modules())
    assert all(module.training for module in net.train().modules())
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        net.train(1)
    assert net.requires_grad_(False) is net and not any(parameter.requires_grad for parameter in net.parameters())
    visited = []
    assert net.apply(lambda module: visited.append(type(module).__name__)) is net
    assert visited == ["Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_zero_grad():
    net = Net()
    net(tx.ones(2, 3)).sum().backward()
    before = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is before and before.abs().sum().item() == 0
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_conversion():
    net = Net()
    net.register_buffer("steps", tx.tensor(3))
    net(tx.ones(2, 3)).sum().backward()
    weight = net.scale
    for convert, dtype in (
        (net.double, tx.float64),
        (net.half, tx.float16),
        (net.bfloat16, tx.bfloat16),
        (net.float, tx.float32),
    ):
        assert convert() is net and net.scale is weight
        assert weight.dtype == net.shift.dtype == weight.grad.dtype == dtype and net.steps.dtype == tx.int64
    assert net.to(tx.float64).scale.dtype == tx.float64
    assert net.to(tx.ones(1, dtype=tx.float32)).scale.dtype == tx.float32
    assert net.to("cpu", tx.float64).scale.dtype == tx.float64
    assert net.to(device="cpu", dtype=tx.float32, non_blocking=True).scale.dtype == tx.float32
    assert net.cpu() is net
    for dtype in (tx.int64, tx.bool):
        with pytest.raises(TypeError, match="only accepts floating point or complex dtypes, but got desired dtype="):
            net.to(dtype)
    assert weight.requires_grad and weight.is_leaf


def test_lookup_by_path():
    net = Net()
    assert net.get_submodule("body.1") is net.body[1] and net.get_submodule("") is net
    assert net.get_parameter("first.weight") is net.first.weight and net.get_buffer("shift") is net.shift
    for lookup, path, message in (
        (net.get_submodule, "body.7", "Sequential has no attribute `7`"),
        (net.get_submodule, "plain", "`plain` is not an nn.Module"),
        (net.get_parameter, "first.wrong", "Linear has no attribute `wrong`"),
        (net.get_parameter, "shift", "`shift` is not an nn.Parameter"),
        (net.get_buffer, "scale", "`scale` is not a buffer"),
    ):
        with pytest.raises(AttributeError, match=message):
            lookup(path)
    net.set_submodule("body.0", nn.Tanh())
    assert isinstance(net.body[0], nn.Tanh)
    with pytest.raises(AttributeError):
        net.set_submodule("body.new", nn.Tanh(), strict=True)
    with pytest.raises(ValueError):
        net.set_submodule("", nn.Tanh())


def test_copies():
    net = Net()
    net.first.register_forward_hook(_double_output)
    x = tx.ones(2, 3)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert tx.equal(twin(x), net(x)) and twin.first.weight is not net.first.weight
        assert list(twin.state_dict()) == list(net.state_dict())
    shallow = copy.copy(net)
    shallow.new = nn.Parameter(tx.zeros(1))
    assert "new" not in dict(net.named_parameters()) and shallow.scale is net.scale


def _double_output(module, args, output):
    return output * 2


def test_repr():
    assert repr(Net()) == (
        "Net(\n  (first): Linear(in_features=3, out_features=4, bias=True)\n  (body): Sequential(\n    (0): ReLU()\n"
        "    (1): Linear(in_features=4, out_features=2, bias=False)\n  )\n)"
    )
    assert repr(nn.Module()) == "Module()"


# Hooks --------------------------------------------------------------------------------------------


class Affine(nn.Module):
    def forward(self, x, offset=0):
        return x * 2 + offset


def test_forward_hooks():
    layer, order = Affine(), []
    first = layer.register_forward_pre_hook(lambda module, args: order.append("a"))
    layer.register_forward_pre_hook(lambda module, args: order.append("b"), prepend=True)
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    layer.register_forward_hook(lambda module, args, output: order.append(output.item()))
    layer.register_forward_hook(lambda module, args, output: output * 10)
    assert layer(tx.tensor(1.0)).item() == 40 and order == ["b", "a", 4.0]
    first.remove()
    first.remove()
    layer(tx.tensor(1.0))
    assert order == ["b", "a", 4.0, "b", 4.0]
    with layer.register_forward_hook(lambda module, args, output: output * 0):
        assert layer(tx.tensor(1.0)).item() == 0
    assert layer(tx.tensor(1.0)).item() == 40
    assert len(layer._forward_hooks) == 2
    layer._forward_hooks.clear()
    layer._forward_pre_hooks = OrderedDict()
    assert layer(tx.tensor(1.0)).item() == 2


def test_forward_hooks_with_kwargs():
    layer, seen = Affine(), []
    layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"offset": kwargs["offset"] + 1}), with_kwargs=True
    )
    layer.register_forward_hook(lambda module, args, kwargs, output: seen.append(kwargs), with_kwargs=True)
    assert layer(tx.tensor(1.0), offset=3).item() == 6 and seen == [{"offset": 4}]
    layer.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3"):
        layer(tx.tensor(1.0), offset=3)


def test_hooks_that_are_always_called():
    class Failing(nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    layer, seen = Failing(), []
    layer.register_forward_hook(lambda module, args, output: seen.append(("never", output)))
    layer.register_forward_hook(lambda module, args, output: seen.append(("always", output)), always_call=True)
    with pytest.raises(RuntimeError, match="no"):
        layer(1)
    assert seen == [("always", None)]

    def broken(module, args, output):
        raise ValueError("also no")

    layer.register_forward_hook(broken, always_call=True)
    with pytest.raises(RuntimeError, match="no"), pytest.warns(UserWarning, match="silenced: also no"):
        layer(1)


def test_backward_hooks():
    layer, seen = Affine(), []
    layer.register_full_backward_pre_hook(lambda module, grad_output: seen.append(("pre", grad_output[0].item())))
    layer.register_full_backward_hook(
        lambda module, grad_input, grad_output: seen.append((grad_input[0].item(), grad_output[0].item()))
    )
    x = tx.tensor(1.0, requires_grad=True)
    (layer(x) * 3).backward()
    assert seen == [("pre", 3.0), (6.0, 3.0)] and x.grad.item() == 6


def test_backward_hooks_replace_gradients():
    layer = Affine()
    layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] + 1, None))
    x, offset = tx.tensor(1.0, requires_grad=True), tx.tensor(2.0)
    layer(x, offset).backward()
    assert x.grad.item() == 21
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (None, None, None))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 3, but expected 2"):
        layer(x, offset).backward()


def test_backward_hooks_of_several_tensors():
    class Split(nn.Module):
        def forward(self, a, b, c):
            return a * b, "text", b * c

    layer, seen = Split(), []
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    a, b = tx.tensor(2.0, requires_grad=True), tx.tensor(3.0, requires_grad=True)
    first, text, second = layer(a, b, tx.tensor(4.0))
    assert text == "text"
    first.backward()
    grad_input, grad_output = seen[0]
    assert grad_input[0].item() == 3 and grad_input[1].item() == 2 and grad_input[2].item() == 0
    assert grad_output[0].item() == 1 and grad_output[1] is None and grad_output[2] is None


def test_backward_hooks_without_a_differentiable_input():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(
        lambda module, grad_input, grad_output: seen.append((grad_input, grad_output[0].tolist()))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer(tx.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])] and layer.weight.grad.tolist() == [[1.0, 1.0]]
    seen.clear()
    with tx.no_grad():
        layer(tx.ones(1, 2))
    assert seen == []


def test_backward_hooks_and_second_order():
    layer = Affine()
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    x = tx.tensor(3.0, requires_grad=True)
    (first,) = tx.autograd.grad(layer(x) ** 3, x, create_graph=True)
    (second,) = tx.autograd.grad(first, x)
    assert first.item() == 3 * 36 * 2 and second.item() == 6 * 6 * 4


@pytest.mark.parametrize("hooked", [False, True])
def test_errors_carry_one_note(hooked):
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2)))
    if hooked:
        model[0][0].register_forward_hook(_double_output)
    with pytest.raises(RuntimeError) as caught:
        model(tx.ones(2, 5))
    assert caught.value.__notes__ == [
        f"in Linear(in_features=3, out_features=2, bias=True), called with ({tx.float32} (2, 5))"
    ]


# Containers ---------------------------------------------------------------------------------------


def test_sequential():
    a, b, c = nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)
    model = nn.Sequential(a, b)
    assert model.append(c) is model and len(model) == 3 and list(model) == [a, b, c]
    assert model[-1] is c and model[1] is b and list(model[1:]) == [b, c] and isinstance(model[:1], nn.Sequential)
    with pytest.raises(IndexError, match="out of range"):
        model[3]
    model[1] = nn.Tanh()
    assert repr(model[1]) == "Tanh()"
    del model[0]
    assert list(dict(model.named_children())) == ["0", "1"]
    model.insert(0, a)
    assert model[0] is a and list(dict(model.named_children())) == ["0", "1", "2"]
    assert model.pop(0) is a and len(model) == 2
    model.extend([a, b])
    assert len(model) == 4 and len(model + nn.Sequential(c)) == 5 and len(model * 2) == 8
    named = nn.Sequential(OrderedDict([("in", a), ("out", c)]))
    assert list(named.state_dict()) == ["in.weight", "in.bias", "out.weight", "out.bias"] and named[1] is c
    assert nn.Sequential()(5) == 5
    with pytest.raises(ValueError):
        model + [a]
    with pytest.raises(TypeError):
        nn.Sequential(3)


def test_module_list():
    layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    assert repr(layers) == "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n)"
    layers.append(nn.ReLU())
    layers += [nn.Tanh()]
    layers.insert(0, nn.Identity())
    assert [type(layer).__name__ for layer in layers] == ["Identity", "Linear", "Linear", "Linear", "ReLU", "Tanh"]
    assert repr(layers).splitlines()[2] == "  (1-3): 3 x Linear(in_features=2, out_features=2, bias=True)"
    assert isinstance(layers[1:3], nn.ModuleList) and len(layers[1:3]) == 2 and isinstance(layers[-1], nn.Tanh)
    assert isinstance(layers.pop(-2), nn.ReLU) and len(layers) == 5
    del layers[1:3]
    assert list(dict(layers.named_children())) == ["0", "1", "2"]
    layers[0] = nn.ReLU()
    assert len(layers + [nn.ReLU()]) == 4 and repr(nn.ModuleList()) == "ModuleList()"
    with pytest.raises(TypeError):
        layers.extend(3)
    with pytest.raises(TypeError):
        layers.append(3)


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
    heads["b"] = nn.ReLU()
    heads.update([("c", nn.Tanh())])
    heads.update(nn.ModuleDict({"d": nn.Tanh()}))
    assert list(heads) == list(heads.keys()) == ["a", "b", "c", "d"] and "b" in heads and len(heads) == 4
    assert isinstance(heads.pop("b"), nn.ReLU) and "b" not in heads
    del heads["c"]
    assert [name for name, _ in heads.items()] == ["a", "d"] and len(list(heads.values())) == 2
    with pytest.raises(KeyError):
        heads["missing"]
    with pytest.raises(ValueError, match="element #0 has length 1; 2 is required"):
        heads.update([("x",)])
    with pytest.raises(TypeError):
        heads.update(3)
    heads.clear()
    assert len(heads) == 0


def test_parameter_list():
    weights = nn.ParameterList([tx.zeros(2), nn.Parameter(tx.ones(3))])
    assert [name for name, _ in weights.named_parameters()] == ["0", "1"] and len(weights) == 2
    weights.append(tx.zeros(1)).extend([tx.zeros(4)])
    weights += [tx.zeros(5)]
    assert [weight.numel() for weight in weights] == [2, 3, 1, 4, 5] and all(
        isinstance(weight, nn.Parameter) for weight in weights
    )
    assert isinstance(weights[1:3], nn.ParameterList) and weights[-1].numel() == 5
    weights[0] = tx.zeros(7)
    assert weights[0].numel() == 7 and isinstance(weights[0], nn.Parameter)
    assert weights.pop().numel() == 5 and len(weights) == 4
    with pytest.raises(IndexError):
        weights[4]
    with pytest.raises(TypeError):
        weights.extend(tx.zeros(2))
    assert "(0): Parameter containing: [" in repr(weights)
    twin = nn.ParameterList(tx.ones(weight.shape) for weight in weights)
    twin.load_state_dict(weights.state_dict())
    assert tx.equal(twin[0], weights[0])


def test_parameter_dict():
    weights = nn.ParameterDict({"b": tx.zeros(2)})
    weights["a"] = tx.zeros(3)
    weights.update({"c": tx.zeros(1)})
    assert list(weights) == ["b", "a", "c"] and "a" in weights and len(weights) == 3
    assert isinstance(weights["a"], nn.Parameter) and weights.get("x") is None and weights.setdefault("c").numel() == 1
    assert list((weights | {"d": tx.zeros(1)}).keys()) == ["b", "a", "c", "d"] and list(reversed(weights)) == [
        "c",
        "a",
        "b",
    ]
    assert weights.pop("a").numel() == 3 and weights.popitem()[0] == "c"
    assert [name for name, _ in weights.named_parameters()] == ["b"] and len(weights.copy()) == 1
    with pytest.raises(KeyError):
        weights["a"]
    with pytest.raises(TypeError, match="not a string"):
        weights[3] = tx.zeros(1)
    weights.clear()
    assert len(weights) == 0 and list(weights.state_dict()) == []
