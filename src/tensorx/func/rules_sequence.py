"""Rules of attention and recurrent nets, which are computed within vmap by the ops that they are composed of."""

from ..ops import attention, recurrent
from .dispatch import composed


@composed("_scaled_dot_product_attention")
def _attention(op, query, key, value, mask, plan):
    return attention.compose(query, key, value, mask, plan)


@composed(*recurrent.CELLS)
def _recurrent_layer(op, *arguments):
    return recurrent.compose(recurrent.CELLS[op.name], *arguments)
