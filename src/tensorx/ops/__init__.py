"""Differentiable operations, one module per family: what each means, its gradient, its documentation."""
