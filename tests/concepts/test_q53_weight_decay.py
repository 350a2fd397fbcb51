"""Concept 53: weight decay. A penalty in the gradient (L2) and decay of the weights themselves are different in Adam."""

import pytest

import tensorx as tx

RATE, DECAY, STEPS = 0.01, 0.1, 20


def decayed(name, scales, device, **options):
    """How much of itself each weight has lost to decay alone: gradients cancel out, and are of these sizes."""
    weight = tx.nn.Parameter(tx.ones(len(scales), device=device))
    free = tx.nn.Parameter(tx.ones(len(scales), device=device))
    with_decay, without = (
        getattr(tx.optim, name)([p], lr=RATE, weight_decay=decay, **options)
        for p, decay in ((weight, DECAY), (free, 0))
    )
    for step in range(STEPS):
        weight.grad = free.grad = tx.tensor(scales, device=device) * (-1) ** step
        with_decay.step()
        without.step()
    return (free - weight).detach().cpu()


def test_in_sgd_both_are_the_same(device):
    """p - lr (g + decay p) is (1 - lr decay) p - lr g: every weight shrinks by the same factor."""
    lost = decayed("SGD", [0.0, 0.1, 10.0], device)
    assert lost[0].item() == pytest.approx(1 - (1 - RATE * DECAY) ** STEPS, rel=1e-4)
    lost_of_large_weights = 1 - (1 - RATE * DECAY) ** STEPS
    assert lost[1].item() == pytest.approx(lost_of_large_weights, rel=0.01)


def test_in_adam_l2_decays_weights_with_large_gradients_less(device):
    """The penalty is divided by the size of the gradients, as everything is that is in them."""
    lost = decayed("Adam", [0.1, 1.0, 10.0], device)
    assert lost[0] > 3 * lost[1] > 9 * lost[2] > 0


def test_adamw_decays_all_weights_alike(device):
    """Decoupled: p *= 1 - lr decay, whatever the gradients are."""
    expected = 1 - (1 - RATE * DECAY) ** STEPS
    lost = decayed("AdamW", [0.001, 0.1, 1.0, 10.0], device)
    assert lost.tolist() == pytest.approx([expected] * 4, rel=0.02)
    assert tx.equal(lost, decayed("Adam", [0.001, 0.1, 1.0, 10.0], device, decoupled_weight_decay=True))


def test_nadam_does_either(device):
    scales = [0.1, 1.0, 10.0]
    coupled, decoupled = (decayed("NAdam", scales, device, decoupled_weight_decay=choice) for choice in (False, True))
    assert decoupled.tolist() == pytest.approx([decoupled[0].item()] * 3, rel=0.05)
    assert coupled.max() > 2 * coupled.min()


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "Adadelta", "Adamax"])
def test_the_others_add_the_penalty_to_the_gradient(name, device):
    """With no gradient but the penalty, weight_decay is as a gradient of decay * p."""
    results = []
    for decay in (DECAY, 0):
        weight = tx.nn.Parameter(tx.tensor([1.0, -2.0], device=device))
        optimizer = getattr(tx.optim, name)([weight], weight_decay=decay)
        for _ in range(3):
            weight.grad = tx.zeros(2, device=device) if decay else DECAY * weight.detach()
            optimizer.step()
        results.append(weight.detach().cpu())
    assert tx.allclose(*results) and not tx.equal(results[0], tx.tensor([1.0, -2.0]))


def test_groups_choose_what_decays(device):
    """Matrices decay, biases do not: options of parameter groups, which a schedule of the rate leaves as they are."""
    model = tx.nn.Linear(3, 2).to(device)
    optimizer = tx.optim.AdamW(
        [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}], lr=RATE, weight_decay=0.5
    )
    schedule = tx.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    weight, bias = model.weight.detach().clone(), model.bias.detach().clone()
    for factor in (1 - RATE * 0.5, 1 - RATE / 2 * 0.5):
        for parameter in model.parameters():
            parameter.grad = tx.zeros_like(parameter)
        optimizer.step()
        schedule.step()
        weight *= factor
        assert tx.allclose(model.weight, weight) and tx.equal(model.bias, bias)
