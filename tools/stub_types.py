"""What tools/stubs.py cannot see at run time: the types of parameters and results."""

INTS = "_int | Sequence[_int]"

# Type: the parameters of that name. Where the default is None, None is taken as well.
_BY_TYPE = {
    "Tensor": """
        _random_samples A a anchor append attn_mask aweights b batch1 batch2 bias bias_k bias_v boundaries
        condition fweights grid in_proj_bias in_proj_weight index indices input input1 input2 k_proj_weight
        key key_padding_mask linear_bias linear_weight log_probs logits LU_data LU_pivots mask mat mat1 mat2 negative offsets out
        out_proj_bias out_proj_weight per_sample_weights pos_weight positive prepend prob q_proj_weight query
        running_mean running_var self sorted_sequence sorter source src static_k static_v target targets
        tensor tensor1 tensor2 the_template theta v_proj_weight vec vec1 vec2 weight weights window x x1 x2 y""",
    "Tensor | Number": "elements exponent max min other test_elements value values",
    "Number": """
        alpha base beta correction dx end fill_value high lambd low maxnorm mean median ord p s sigma start
        std step threshold to""",
    "_int": """
        _stacklevel bins blank chunks col count decimals dense_dim diagonal dim0 dim1 dim2 dimension
        divisor_override downscale_factor edge_order edgeitems embed_dim_to_check end_dim groups hop_length
        ignore_index k length linewidth m minlength N n n_fft num_classes num_groups num_heads num_samples
        offset padding_idx precision r row seed sparse_dim start_dim steps storage_offset upscale_factor
        win_length window_length""",
    "_float": """
        atol delta dropout_p eps label_smoothing lower margin max_norm max_val min_val momentum nan
        negative_slope neginf norm_type posinf rcond rtol scale tau""",
    "_bool": """
        accumulate add_zero_attn align_corners antialias as_tuple assume_unique average_attn_weights ceil_mode
        center check_invariants compute_uv copy count_include_pad create_graph density descending enable_gqa
        equal_nan force full get_infos hard implicit include_last_offset include_self increasing inplace
        invert is_causal is_coalesced keepdim largest log_input log_target need_weights non_blocking
        normalized onesided out_int32 periodic pin_memory pivot recompute_scale_factor replacement
        requires_grad retain_graph return_complex return_counts return_indices return_inverse right
        scale_grad_by_freq sci_mode size_average some sorted sparse sparse_grad stable swap train training
        transpose unbiased unitriangular unpack_data unpack_pivots upper use_input_stats
        use_separate_proj_weight with_replacement wrap zero_infinity""",
    INTS: """
        destination dilation dim dims kernel_size normalized_shape output_padding output_size padding shifts
        stride""",
    "Sequence[_int]": "pad repeats shape size sizes split_sizes",
    "Sequence[Tensor]": "matrices tensors",
    "Tensor | _int | Sequence[_int]": "indices_or_sections split_size_or_sections",
    "str": """
        approximate compute_mode indexing interpolation mode pad_mode padding_mode profile reduce reduction
        rounding_mode side""",
    "_dtype": "d dtype from_ type1 type2",
    "Device": "device",
    "_memory_format": "memory_format",
    "Generator": "generator",
    "Stream": "stream",
    "object": "layout masked_grad obj",
    "Any": "buffer col_indices crow_indices data ext_tensor",
    "NDArray[Any]": "ndarray",
    "_float | Sequence[_float]": "output_ratio scale_factor",
    "_int | Sequence[_int] | Tensor": "input_lengths target_lengths",
    "Callable[[Tensor, Tensor], Tensor]": "distance_function",
    "LinearCrossEntropyOptions": "options",
}
TYPES = {name: taken for taken, names in _BY_TYPE.items() for name in names.split()}

# function.parameter, where the name alone says something else. A function with "_" at its end follows the one without.
_ONE_DIMENSION = """
    argmax argmin argsort cat chunk concat concatenate cosine_similarity cummax cummin cumprod cumsum diff gather glu
    gumbel_softmax index_add index_copy index_fill index_reduce index_select kthvalue log_softmax logcumsumexp mode nanquantile narrow
    narrow_copy quantile repeat_interleave scatter scatter_add scatter_reduce select select_scatter slice_scatter softmax softmin sort split
    split_with_sizes stack take_along_dim tensor_split topk unbind unflatten unique_consecutive unsqueeze"""
_TWO_TENSORS = """
    allclose cross dist equal expand_as inner isclose kron logical_and logical_or logical_xor matmul reshape_as type_as vdot view_as"""
OVERRIDES = {
    **{f"{function}.dim": "_int" for function in _ONE_DIMENSION.split()},
    **{f"{function}.other": "Tensor" for function in _TWO_TENSORS.split()},
    "set_default_device.device": "Device | None",
    "set_default_tensor_type.t": "type[Tensor] | str",
    "addcdiv.value": "Number",
    "addcmul.value": "Number",
    "batch_norm.running_mean": "Tensor | None",
    "batch_norm.running_var": "Tensor | None",
    "bernoulli.p": "_float | Tensor",
    "cov.correction": "_int",
    "cross.dim": "_int",
    "cumulative_trapezoid.dim": "_int",
    "hamming_window.alpha": "_float",
    "hamming_window.beta": "_float",
    "kaiser_window.beta": "_float",
    "renorm.dim": "_int",
    "rrelu.upper": "_float",
    "trapezoid.dim": "_int",
    "trapz.dim": "_int",
    "can_cast.to": "_dtype",
    "complex.imag": "Tensor",
    "complex.real": "Tensor",
    "binomial.count": "Tensor",
    "mvlgamma.p": "_int",
    "conv1d.padding": f"{INTS} | str",
    "conv2d.padding": f"{INTS} | str",
    "conv3d.padding": f"{INTS} | str",
    "cuda.device": "Device | _int",
    "float_power.input": "Tensor | Number",
    "gaussian_nll_loss.var": "Tensor | _float",
    "gradient.spacing": "Number | Sequence[Tensor | Number]",
    "histogram.bins": "Tensor | _int",
    "histogram.range": "tuple[_float, _float]",
    "index_put.indices": "Sequence[Tensor | None]",
    "index_put.values": "Tensor",
    "upsample.size": INTS,
    "upsample_nearest.size": INTS,
    "upsample_bilinear.size": INTS,
    "interpolate.size": INTS,
    "multi_head_attention_forward.bias_k": "Tensor | None",
    "multi_head_attention_forward.in_proj_weight": "Tensor | None",
    "multi_head_attention_forward.in_proj_bias": "Tensor | None",
    "multi_head_attention_forward.bias_v": "Tensor | None",
    "multi_head_attention_forward.out_proj_bias": "Tensor | None",
    "local_response_norm.k": "_float",
    "local_response_norm.size": "_int",
    "lerp.end": "Tensor | Number",
    "lerp.weight": "Tensor | Number",
    "manual_seed.seed": "_int",
    "moveaxis.source": INTS,
    "movedim.source": INTS,
    "narrow.start": "_int",
    "narrow_copy.start": "_int",
    "nanquantile.q": "Tensor | _float",
    "nonzero_static.size": "_int",
    "norm.p": "Number | str",
    "normal.mean": "Tensor | Number",
    "normal.std": "Tensor | Number",
    "polar.abs": "Tensor",
    "polar.angle": "Tensor",
    "pow.input": "Tensor | Number",
    "quantile.q": "Tensor | _float",
    "repeat_interleave.output_size": "_int",
    "repeat_interleave.repeats": "Tensor | _int",
    "result_type.tensor1": "Tensor | Number",
    "result_type.tensor2": "Tensor | Number",
    "scatter.src": "Tensor | Number",
    "scatter.value": "Number",
    "searchsorted.input": "Tensor | Number",
    "bucketize.input": "Tensor | Number",
    "select.index": "_int",
    "select_scatter.index": "_int",
    "set_printoptions.threshold": "_float",
    "set_rng_state.new_state": "Tensor",
    "slice_scatter.end": "_int",
    "slice_scatter.start": "_int",
    "slice_scatter.step": "_int",
    "sparse_coo_tensor.indices": "Any",
    "sparse_coo_tensor.values": "Any",
    "sparse_csr_tensor.values": "Any",
    "take_along_dim.indices": "Tensor",
    "tensordot.dims": "_int | Sequence[Sequence[_int]]",
    "unfold.size": "_int",
    "uniform.from_": "Number",
    "unfold.step": "_int",
    "unravel_index.indices": "Tensor",
    "unravel_index.shape": INTS,
}

_TRUTH = "allclose equal is_tensor is_floating_point is_complex is_conj is_neg is_nonzero is_signed is_pinned can_cast is_coalesced"
_PARTS = """
    split split_with_sizes chunk unbind tensor_split hsplit vsplit dsplit broadcast_tensors meshgrid gradient
    unravel_index"""
_NAMED = """
    aminmax cummax cummin frexp histogram kthvalue lu_unpack mode qr slogdet sort svd topk triangular_solve"""
# A function's result, where it is no Tensor (and for methods that work in place, Self).
RETURNS = {
    **dict.fromkeys(_TRUTH.split(), "_bool"),
    **dict.fromkeys(_PARTS.split(), "tuple[Tensor, ...]"),
    **{name: f"return_types.{name}" for name in _NAMED.split()},
    **dict.fromkeys(("std_mean", "var_mean"), "tuple[Tensor, Tensor]"),
    **dict.fromkeys(("get_default_dtype", "promote_types", "result_type"), "_dtype"),
    "get_default_device": "device",
    **dict.fromkeys(
        ("set_default_device", "set_default_dtype", "set_default_tensor_type", "set_printoptions", "set_rng_state"),
        "None",
    ),
    **dict.fromkeys(("initial_seed", "numel", "seed", "get_device", "sparse_dim", "dense_dim"), "_int"),
    "get_printoptions": "dict[str, Any]",
    "manual_seed": "Generator",
    "multi_head_attention_forward": "tuple[Tensor, Tensor | None]",
}


# Signatures in full: of functions that take several sets of parameters, or whose result depends on them. A method's are
# those of the function, with self in the place of the first parameter, unless "Tensor.name" has its own.
_OUT = "*, out: Tensor | None = None"
_OUTS = "*, out: Sequence[Tensor] | None = None"
_DIM = "(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> return_types."
_FORMAT = "memory_format: _memory_format | None = None"
_TO = f"non_blocking: _bool = False, copy: _bool = False, *, {_FORMAT}) -> Tensor"
_MADE = (
    "*, generator: Generator | None = None, out: Tensor | None = None, dtype: _dtype | None = None, "
    "layout: object = None, device: Device | None = None, requires_grad: _bool = False, pin_memory: _bool = False"
    ") -> Tensor"
)
_POOL = (
    f"(input: Tensor, kernel_size: {INTS}, stride: {INTS} | None = None, padding: {INTS} = 0, dilation: {INTS} = 1, "
)


def _extremum(name):
    return (
        f"(input: Tensor, {_OUT}) -> Tensor",
        f"{_DIM}{name}",
        f"(input: Tensor, other: Tensor, {_OUT}) -> Tensor",
    )


def _median(name):
    return f"(input: Tensor, {_OUT}) -> Tensor", f"{_DIM}{name}"


def _unique(first):
    inverse, no_inverse = "return_inverse: Literal[True]", "return_inverse: Literal[False] = False"
    counts, no_counts = "return_counts: Literal[True]", "return_counts: Literal[False] = False"
    end = "dim: _int | None = None) -> "
    return (
        f"({first}, {no_inverse}, {no_counts}, {end}Tensor",
        f"({first}, *, {inverse}, {no_counts}, {end}tuple[Tensor, Tensor]",
        f"({first}, {no_inverse}, *, {counts}, {end}tuple[Tensor, Tensor]",
        f"({first}, *, {inverse}, {counts}, {end}tuple[Tensor, Tensor, Tensor]",
    )


_ONE_OR_MORE = (
    "(tensor: Tensor, /) -> Tensor",
    "(tensors: Sequence[Tensor], /) -> tuple[Tensor, ...]",
    "(*tensors: Tensor) -> tuple[Tensor, ...]",
)
_MAXIMA = (
    f"{_POOL}ceil_mode: _bool = False, return_indices: Literal[False] = False) -> Tensor",
    f"{_POOL}ceil_mode: _bool = False, *, return_indices: Literal[True]) -> tuple[Tensor, Tensor]",
)
_FILE = "str | PathLike[str] | IO[bytes]"
_LOCATION = "Device | dict[str, Device] | Callable[[Tensor, str], Tensor | None] | None"


def _with_indices(parameters):
    """Overloads of a function that gives positions as well when it is told to."""
    return (
        f"(input: Tensor, {parameters}return_indices: Literal[False] = False) -> Tensor",
        f"(input: Tensor, {parameters}*, return_indices: Literal[True]) -> tuple[Tensor, Tensor]",
    )


_ADAPTIVE_MAXIMA = _with_indices(f"output_size: {INTS}, ")
SIGNATURES = {
    "broadcast_shapes": ("(*shapes: _int | Sequence[_int]) -> Size",),
    "adaptive_max_pool1d": _ADAPTIVE_MAXIMA,
    "adaptive_max_pool2d": _ADAPTIVE_MAXIMA,
    "adaptive_max_pool3d": _ADAPTIVE_MAXIMA,
    "atleast_1d": _ONE_OR_MORE,
    "atleast_2d": _ONE_OR_MORE,
    "atleast_3d": _ONE_OR_MORE,
    "load": (
        f"(f: {_FILE}, map_location: {_LOCATION} = None, pickle_module: Any = None, *, "
        "weights_only: _bool | None = True, mmap: _bool | None = None, **pickle_load_args: Any) -> Any",
    ),
    "einsum": (
        "(equation: str, *operands: Tensor) -> Tensor",
        "(equation: str, operands: Sequence[Tensor], /) -> Tensor",
        "(first: Tensor, labels: Sequence[Any], /, *others: Any) -> Tensor",
    ),
    "lu": (
        f"(A: Tensor, pivot: _bool = True, get_infos: Literal[False] = False, {_OUTS}) -> tuple[Tensor, Tensor]",
        f"(A: Tensor, pivot: _bool = True, *, get_infos: Literal[True], {_OUTS[3:]}) -> tuple[Tensor, Tensor, Tensor]",
    ),
    "max": _extremum("max"),
    "max_pool1d": _MAXIMA,
    "max_pool2d": _MAXIMA,
    "max_pool3d": _MAXIMA,
    "median": _median("median"),
    "min": _extremum("min"),
    "nanmedian": _median("nanmedian"),
    "nonzero": (
        "(input: Tensor, *, as_tuple: Literal[False] = False, out: Tensor | None = None) -> Tensor",
        "(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]",
    ),
    "randint": (
        f"(low: _int, high: _int, size: Sequence[_int], {_MADE}",
        f"(high: _int, /, size: Sequence[_int], {_MADE}",
    ),
    "save": (
        f"(obj: object, f: {_FILE}, pickle_module: Any = None, pickle_protocol: _int = 2, "
        "_use_new_zipfile_serialization: _bool = True, _disable_byteorder_record: _bool = False) -> None",
    ),
    "unique": _unique("input: Tensor, sorted: _bool = True"),
    "unique_consecutive": _unique("input: Tensor"),
    "where": (
        "(condition: Tensor) -> tuple[Tensor, ...]",
        f"(condition: Tensor, input: Tensor | Number, other: Tensor | Number, {_OUT}) -> Tensor",
    ),
    "Tensor.as_subclass": ("(self, cls: type[_T]) -> _T",),
    "Tensor.backward": (
        "(self, gradient: Tensor | None = None, retain_graph: _bool | None = None, create_graph: _bool = False, "
        "inputs: Tensor | Sequence[Tensor] | None = None) -> None",
    ),
    "Tensor.new": ("(self, *args: Any, device: Device | None = None) -> Tensor",),
    "Tensor.numpy": ("(self, *, force: _bool = False) -> NDArray[Any]",),
    "Tensor.random_": (
        "(self, *, generator: Generator | None = None) -> Self",
        "(self, to: _int, /, *, generator: Generator | None = None) -> Self",
        "(self, from_: _int, to: _int | None, /, *, generator: Generator | None = None) -> Self",
    ),
    "Tensor.register_hook": ("(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle",),
    "Tensor.register_post_accumulate_grad_hook": ("(self, hook: Callable[[Tensor], None]) -> RemovableHandle",),
    "Tensor.to": (
        f"(self, dtype: _dtype, {_TO}",
        f"(self, device: Device | None = None, dtype: _dtype | None = None, {_TO}",
        f"(self, other: Tensor, {_TO}",
    ),
    "Tensor.type": (
        "(self, dtype: None = None, non_blocking: _bool = False) -> str",
        "(self, dtype: _dtype | str, non_blocking: _bool = False) -> Tensor",
    ),
    "Tensor.view": (
        "(self, *shape: _int) -> Tensor",
        "(self, size: Sequence[_int]) -> Tensor",
        "(self, dtype: _dtype) -> Tensor",
    ),
    "Tensor.where": ("(self, condition: Tensor, other: Tensor | Number) -> Tensor",),
}

# What Tensor has beside methods with public names.
TENSOR = """
_T = TypeVar("_T", bound=Tensor)

class Tensor(TensorBase):
    __array_priority__: _int
    layout: _layout
    is_sparse: _bool
    is_sparse_csr: _bool
    def __new__(cls, *args: Any, device: Device | None = None) -> Self: ...
    @staticmethod
    def _make_subclass(cls: type[_T], data: Tensor, require_grad: _bool = False) -> _T: ...
    @property
    def data(self) -> Tensor: ...
    @data.setter
    def data(self, value: Tensor) -> None: ...
    @property
    def T(self) -> Tensor: ...
    @property
    def mT(self) -> Tensor: ...
    @property
    def H(self) -> Tensor: ...
    @property
    def mH(self) -> Tensor: ...
    @property
    def real(self) -> Tensor: ...
    @real.setter
    def real(self, value: Tensor | Number) -> None: ...
    @property
    def imag(self) -> Tensor: ...
    @imag.setter
    def imag(self, value: Tensor | Number) -> None: ...
    def __complex__(self) -> complex: ...
    @property
    def retains_grad(self) -> _bool: ...
    @property
    def __array_interface__(self) -> dict[str, Any]: ...
    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> NDArray[Any]: ...
    def __array_wrap__(self, array: NDArray[Any], context: Any = None, return_scalar: _bool = False) -> Tensor: ...
    def __dlpack__(
        self, *, stream: Any = None, max_version: tuple[_int, _int] | None = None, dl_device: Any = None, copy: _bool | None = None
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[_int, _int | None]: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __reversed__(self) -> Tensor: ...
    def __contains__(self, value: Tensor | Number, /) -> _bool: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[Any, Any]) -> Self: ...
"""
