"""Max pooling of quantized images, on their integers: the largest integer stands for the largest number."""

from ... import _C


def _padding(size, kernel, stride, padding, dilation, ceil_mode):
    """How much one dimension is padded before and after, and the number of windows in it."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if kernel < 1 or stride < 1 or dilation < 1 or room < 0 or not 0 <= 2 * padding <= dilation * (kernel - 1) + 1:
        raise RuntimeError(
            f"max_pool2d(): an image of size {size} has no windows of size {kernel} with stride {stride}, padding {padding} "
            f"(at most half a window) and dilation {dilation}"
        )
    windows = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (windows - 1) * stride >= size + padding:
        windows -= 1
    after = (windows - 1) * stride + dilation * (kernel - 1) + 1 - size - padding
    return padding, max(after, 0), windows


def max_pool(q, kernel_size, stride, padding, dilation, ceil_mode):
    """The maxima of windows of (n, c, h, w), as (values, None): their places are not kept."""
    from ...nn.functional import pad

    images = q.int_repr()
    before_h, after_h, down = _padding(images.shape[2], kernel_size[0], stride[0], padding[0], dilation[0], ceil_mode)
    before_w, after_w, across = _padding(images.shape[3], kernel_size[1], stride[1], padding[1], dilation[1], ceil_mode)
    if before_h or after_h or before_w or after_w:
        images = pad(images, (before_w, after_w, before_h, after_h), value=q.dtype.lowest)
    largest = None
    for i in range(kernel_size[0]):
        top = i * dilation[0]
        for j in range(kernel_size[1]):
            left = j * dilation[1]
            part = images[
                :, :, top : top + (down - 1) * stride[0] + 1 : stride[0],
                left : left + (across - 1) * stride[1] + 1 : stride[1],
            ]  # fmt: skip
            largest = part if largest is None else _C.maximum(largest, part)
    return q._with(largest.clone() if kernel_size[0] * kernel_size[1] == 1 else largest), None
