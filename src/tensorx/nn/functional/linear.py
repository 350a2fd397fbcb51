"""Linear and bilinear maps and look-ups as functions."""

from ...ops.define import composite
from ...ops.index import embedding, one_hot
from ...ops.matmul import linear


@composite
def bilinear(input1, input2, weight, bias=None):
    """x1^T weight[k] x2 + bias[k]: input1 (*, in1), input2 (*, in2), weight (out, in1, in2) give (*, out)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    out, in1, in2 = weight.shape
    if input1.shape[-1] != in1 or input2.shape[-1] != in2:
        raise RuntimeError(
            f"bilinear(): expected inputs of shape (*, {in1}) and (*, {in2}), got {tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    half = (input1 @ weight.permute(1, 0, 2).reshape(in1, out * in2)).unflatten(-1, (out, in2))
    output = (half * input2.unsqueeze(-2)).sum(-1)
    return output if bias is None else output + bias
