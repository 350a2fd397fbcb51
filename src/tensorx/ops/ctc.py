"""Connectionist temporal classification: the likelihood of a sequence under all its alignments. Graves et al. 2006.

A target a, b is extended to the states _ a _ b _ (_ is the blank). log_alpha[t, n, s] is the likelihood of all ways to be in
state s of example n at time t, log_beta that of all ways on from there; both count the emission at t.
"""

from math import inf

from .. import _C
from .define import op

_LEADING = 2  # states that are never reached, before the first: where a step from beyond the ends comes from


def _states(targets, target_lengths, blank):
    """The class of each state (n, states), and 0 where one may skip the blank before it, else -inf."""
    from ..creation import arange, full

    count, longest = targets.shape
    classes = full((count, 2 * longest + 1), blank, dtype=targets.dtype, device=targets.device)
    within = arange(longest, device=targets.device) < target_lengths.unsqueeze(1)
    classes[:, 1::2] = targets.where(within, blank)
    skip = full(classes.shape, -inf, device=targets.device)
    skip[:, 2:][(classes[:, 2:] != blank) & (classes[:, 2:] != classes[:, :-2])] = 0.0
    return classes, skip


def _emissions(log_probs, classes):
    return log_probs.gather(2, classes.expand(log_probs.shape[0], *classes.shape))


def _last_states(target_lengths, states):
    """0 for the two states in which an alignment may end, -inf for the others (n, states)."""
    from ..creation import arange, full

    state, end = arange(states, device=target_lengths.device), 2 * target_lengths.unsqueeze(1)
    final = full((target_lengths.shape[0], states), -inf, device=target_lengths.device)
    final[(state == end) | (state == end - 1)] = 0.0
    return final


def _sum_of_three(a, b, c):
    return a.logaddexp(b).logaddexp(c)


@op(
    method=False,
    outputs=1,
    node_name="CtcLossBackward0",
    log_probs=lambda g, log_probs, targets, input_lengths, target_lengths, blank, out: _ctc_gradient(
        g[0], log_probs, targets, input_lengths, target_lengths, blank, *out
    ),
)
def ctc(log_probs, targets, input_lengths, target_lengths, blank):
    """The negative log likelihood of each example (n), and log_alpha (t, n, 2 s + 1).

    log_probs (t, n, classes), targets (n, s), lengths (n); all lengths have been checked.
    """
    from ..creation import full

    x = log_probs.detach()
    classes, skip = _states(targets, target_lengths, blank)
    emission, skip = _emissions(x, classes), skip.to(x.dtype)
    times, count, states = emission.shape
    padded = full((times, count, states + _LEADING), -inf, dtype=x.dtype, device=x.device)
    log_alpha = padded[:, :, _LEADING:]
    for t in range(times):
        if t == 0:
            log_alpha[0, :, :2] = emission[0, :, :2]
            continue
        before = padded[t - 1]
        reached = _sum_of_three(before[:, 2:], before[:, 1:-1], before[:, :-2] + skip)
        log_alpha[t] = reached + emission[t]
    last = (input_lengths - 1).clamp(min=0)
    at_end = log_alpha.gather(0, last.view(1, count, 1).expand(1, count, states))[0]
    loss = -(at_end + _last_states(target_lengths, states).to(x.dtype)).logsumexp(1)
    without_time = full((count,), inf, dtype=x.dtype, device=x.device).masked_fill(target_lengths == 0, 0.0)
    return without_time.where(input_lengths == 0, loss), log_alpha.contiguous()


def _ctc_gradient(g, log_probs, targets, input_lengths, target_lengths, blank, loss, log_alpha):
    """exp(log_probs) minus the probability of each class at each time given the target, which is the gradient of the logits
    under log_softmax, as in PyTorch: it is defined for log-probabilities alone.
    """
    from ..creation import arange, full, zeros_like

    if _C.is_grad_enabled():
        raise RuntimeError("ctc_loss(): its gradient cannot be differentiated again: leave out create_graph=True")
    classes, skip = _states(targets, target_lengths, blank)
    emission, skip = _emissions(log_probs, classes), skip.to(log_probs.dtype)
    times, count, states = emission.shape
    padded = full((count, states + _LEADING), -inf, dtype=log_probs.dtype, device=log_probs.device)
    skip_to = full((count, states + _LEADING), -inf, dtype=log_probs.dtype, device=log_probs.device)
    skip_to[:, :states] = skip
    final = _last_states(target_lengths, states).to(log_probs.dtype)
    log_beta = emission.new_empty(emission.shape)
    for t in reversed(range(times)):
        onward = _sum_of_three(padded[:, :-2], padded[:, 1:-1], padded[:, 2:] + skip_to[:, 2:])
        log_beta[t] = final.where((input_lengths == t + 1).unsqueeze(1), onward) + emission[t]
        padded[:, :states] = log_beta[t]
    posterior = (log_alpha + log_beta - emission + loss.unsqueeze(1)).exp()
    posterior = posterior.masked_fill(emission == -inf, 0.0)
    of_class = zeros_like(log_probs).scatter_add(2, classes.expand(times, *classes.shape), posterior)
    # Nothing flows to the times after an example's end, nor from a loss that does not count, which may be infinite.
    running = (arange(times, device=log_probs.device).unsqueeze(1) < input_lengths) & (g != 0)
    return ((log_probs.exp() - of_class) * g.unsqueeze(1)).masked_fill(~running.unsqueeze(2), 0.0)
