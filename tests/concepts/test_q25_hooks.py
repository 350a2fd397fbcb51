"""Row 25: hooks on tensors and modules see, and may replace, what passes; saliency is made of them."""

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.nn.modules.module import register_module_forward_hook

pytestmark = pytest.mark.usefixtures("seeded")


def network(device):
    tx.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(device)


def test_a_hook_on_a_tensor_sees_and_replaces_its_gradient(device):
    x = tx.tensor([1.0, 2.0], device=device, requires_grad=True)
    y, seen = x * 3, []
    y.register_hook(lambda gradient: seen.append(gradient.tolist()))
    handle = y.register_hook(lambda gradient: gradient * 10)
    (y * y).sum().backward()
    assert seen == [[6.0, 12.0]] and x.grad.tolist() == [180.0, 360.0]
    handle.remove()
    x.grad = None
    (y := x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_hook_after_accumulation_steps_and_frees(device):
    """Each weight is updated as soon as its gradient is complete, and the gradient dropped."""
    model = network(device)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    done = []

    def step(parameter):
        parameter.data.add_(parameter.grad, alpha=-0.1)
        parameter.grad = None
        done.append(parameter)

    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(step)
    model(tx.ones(5, 4, device=device)).square().sum().backward()
    assert len(done) == 4 and all(parameter.grad is None for parameter in model.parameters())
    assert not any(tx.equal(parameter, old) for parameter, old in zip(model.parameters(), before))


def test_activations_by_forward_hooks(device):
    """What a network computes inside, by layer, without a change to it; the handles leave no trace."""
    model, found = network(device), {}
    x = tx.randn(5, 4, device=device)
    handles = [
        layer.register_forward_hook(lambda module, args, output, name=name: found.__setitem__(name, output))
        for name, layer in model.named_children()
    ]
    result = model(x)
    assert list(found) == ["0", "1", "2"] and tx.equal(found["2"], result) and found["1"].shape == (5, 8)
    assert tx.equal(found["1"], found["0"].tanh())
    for handle in handles:
        handle.remove()
    found.clear()
    model(x)
    assert found == {} and not any(layer._forward_hooks for layer in model)


def test_hooks_change_inputs_outputs_and_gradients(device):
    layer = nn.Linear(2, 1, bias=False).to(device)
    layer.weight.data.fill_(1.0)
    x = tx.tensor([[1.0, 2.0]], device=device, requires_grad=True)
    with (
        layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,)),
        layer.register_forward_hook(lambda module, args, output: output + 1),
        layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 5,)),
        layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0].clamp(max=3.0),)),
    ):
        out = layer(x)
        out.sum().backward()
    assert out.item() == 7 and x.grad.tolist() == [[6.0, 6.0]]  # 5 clamped to 3, and doubled by the pre-hook
    assert layer(x).item() == 3


def test_a_hook_of_every_module_traces_a_network(device):
    model, trace = network(device), []
    with register_module_forward_hook(lambda module, args, output: trace.append(type(module).__name__)):
        model(tx.ones(1, 4, device=device))
    model(tx.ones(1, 4, device=device))
    assert trace == ["Linear", "Tanh", "Linear", "Sequential"]


def test_gradients_of_a_layer_for_a_class_activation_map(device):
    """Grad-CAM: the activations of a layer, weighted with the mean gradient of a class by channel. arXiv:1610.02391."""
    tx.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    model.to(device)
    kept = {}
    model[1].register_forward_hook(lambda module, args, output: kept.update(activation=output))
    model[1].register_full_backward_hook(lambda module, grad_in, grad_out: kept.update(gradient=grad_out[0]))
    x = tx.randn(1, 1, 6, 6, device=device, requires_grad=True)
    model(x)[0, 1].backward()
    channel_weights = kept["gradient"].mean((2, 3), keepdim=True)
    assert tx.allclose(channel_weights.flatten(), model[4].weight[1] / 36)  # what averaging and the last layer make it
    cam = (channel_weights * kept["activation"]).sum(1).relu()
    assert cam.shape == (1, 6, 6) and cam.max() > 0


def test_saliency_finds_the_pixels_that_matter(device):
    """|d score / d pixel|, for a network that looks at four pixels of 64."""
    tx.manual_seed(0)
    relevant = tx.zeros(8, 8, device=device)
    relevant[2:4, 5:7] = 1

    class Looks(nn.Module):
        def forward(self, image):
            return (image * relevant).square().sum((1, 2))

    image = tx.randn(3, 8, 8, device=device, requires_grad=True)
    Looks()(image).sum().backward()
    saliency = image.grad.abs()
    assert tx.equal(saliency > 0, (relevant > 0).expand(3, 8, 8))


def test_guided_backpropagation_by_a_backward_hook(device):
    """Negative gradients are dropped at every ReLU. Springenberg et al. 2014, arXiv:1412.6806."""
    tx.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)).to(device)
    x = tx.randn(6, 4, device=device, requires_grad=True)
    model(x).sum().backward()
    plain, x.grad = x.grad, None
    seen = []

    def guide(module, grad_input, grad_output):
        seen.append(grad_input[0].min().item())
        return (grad_input[0].clamp(min=0),)

    model[1].register_full_backward_hook(guide)
    model(x).sum().backward()
    weights = model[2].weight.clamp(min=0) * (model[0](x) > 0)
    assert seen[0] < 0 and not tx.allclose(x.grad, plain)
    assert tx.allclose(x.grad, weights @ model[0].weight, atol=1e-6)


def test_a_broken_hook_says_what_is_wrong(device):
    x = tx.ones(2, device=device, requires_grad=True)
    y = x * 2
    y.register_hook(lambda gradient: gradient[:1])
    with pytest.raises(RuntimeError, match="hook has changed the size of value"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        tx.ones(2, device=device).register_hook(print)
