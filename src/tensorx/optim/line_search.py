"""A line search for the strong Wolfe conditions. Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6."""

import math
from typing import Any, NamedTuple

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9
TOLERANCE = 1e-9  # of the change in the parameters


class Point(NamedTuple):
    """A step along the direction, with what the function is there."""

    step: float
    loss: float
    gradient: Any
    slope: float  # the derivative along the direction


def strong_wolfe(evaluate, step, start, largest, max_iterations):
    """(a point, number of evaluations): the loss has decreased enough there, and its slope is flat enough.

    Args:
        evaluate: evaluate(step) gives a Point.
        step: the first one to try.
        start: the Point of step 0.
        largest: the largest element of the direction, to tell when a bracket is too small to matter.
        max_iterations: after so many, the best point so far is taken.
    """
    before, point, evaluations, iterations = start, evaluate(step), 1, 0

    def too_high(point):
        return point.loss > start.loss + SUFFICIENT_DECREASE * point.step * start.slope

    def flat(point):
        return abs(point.slope) <= -CURVATURE * start.slope

    # Lengthen the step until two points have an acceptable one between them.
    while iterations < max_iterations:
        if too_high(point) or (iterations > 1 and point.loss >= before.loss):
            break
        if flat(point):
            return point, evaluations
        if point.slope >= 0:
            break
        low, high = point.step + 0.01 * (point.step - before.step), point.step * 10
        step = _minimum_of_cubic(before, point, low, high)
        before, point = point, evaluate(step)
        evaluations += 1
        iterations += 1
    bracket = [start if iterations == max_iterations else before, point]

    # Narrow it down. bracket[low] is the better of its ends.
    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    while iterations < max_iterations and abs(bracket[1].step - bracket[0].step) * largest >= TOLERANCE:
        left, right = sorted(end.step for end in bracket)
        step, margin = _minimum_of_cubic(*bracket, left, right), 0.1 * (right - left)
        if min(right - step, step - left) < margin:  # too near to an end to make progress
            if stuck or not left < step < right:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = evaluate(step)
        evaluations += 1
        iterations += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        done = flat(point)
        if not done and point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if done:
            break
    return bracket[low], evaluations


def _minimum_of_cubic(a, b, low, high):
    """Where the cubic through two points with their slopes is least, within [low, high]; the middle, if it has no minimum."""
    left, right = (a, b) if a.step <= b.step else (b, a)
    if left.step == right.step:
        return (low + high) / 2.0
    d1 = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.step - right.step)
    squared = d1**2 - left.slope * right.slope
    if not squared >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(squared)
    divisor = right.slope - left.slope + 2 * d2
    if divisor == 0:
        return (low + high) / 2.0
    step = right.step - (right.step - left.step) * ((right.slope + d2 - d1) / divisor)
    return min(max(step, low), high)
