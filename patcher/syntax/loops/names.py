"""What is known of PyTorch's functions and modules: which compute place by place, count axes, or must not move.

A name that stands in none of these tables is not known, and nothing is claimed of it.
"""

from __future__ import annotations

__all__ = [
    "ALONG",
    "CREATES",
    "LAST",
    "LOSSES",
    "MODULES_LAST",
    "MODULES_OF_BATCH",
    "MODULES_OF_CHANCE",
    "MODULES_PLACEWISE",
    "OF_CHANCE",
    "PLACEWISE",
    "PLAIN",
    "PURE_BUILTINS",
    "REDUCES",
    "SYNCS",
]


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Computed place by place, whatever the axes are; as functions of torch and of torch.nn.functional, and as methods.
PLACEWISE = _words(
    "abs absolute acos acosh add addcdiv addcmul angle asin asinh atan atan2 atanh bitwise_and bitwise_not",
    "bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min clip clone conj contiguous copysign cos cosh",
    "deg2rad detach digamma div divide double elu eq erf erfc erfinv exp exp2 expm1 fix float floor floor_divide",
    "fmax fmin fmod frac full_like ge gelu greater greater_equal gt half hardshrink hardsigmoid hardswish hardtanh",
    "heaviside hypot int isclose isfinite isinf isnan le leaky_relu lerp less less_equal lgamma log log10 log1p",
    "log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit logsigmoid long lt masked_fill",
    "maximum minimum mish mul multiply nan_to_num ne neg negative not_equal ones_like positive pow rad2deg",
    "reciprocal relu relu6 remainder round rsqrt selu sgn sigmoid sign silu sin sinc sinh softplus softshrink",
    "softsign sqrt square sub subtract tan tanh tanhshrink threshold to trunc type type_as where xlogy zeros_like",
    "bool bfloat16 cpu cuda gammaln",
)
# With the axis `dim`, which is gone in the result unless `keepdim`.
REDUCES = _words(
    "all amax amin any argmax argmin logsumexp mean nanmean nansum norm prod std sum var",
)
# With the axis `dim`, and the result has the axes of what is given.
ALONG = _words(
    "cumprod cumsum log_softmax logcumsumexp normalize softmax softmin",
)
# Over the last axis alone.
LAST = _words(
    "linear",
)
# Place by place where `reduction` is 'none'.
LOSSES = _words(
    "binary_cross_entropy binary_cross_entropy_with_logits huber_loss kl_div l1_loss mse_loss smooth_l1_loss",
)
# Makes a tensor of sizes.
CREATES = _words(
    "zeros ones empty full",
)
# Gives other numbers at every call.
OF_CHANCE = _words(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal poisson binomial",
    "dropout alpha_dropout feature_alpha_dropout dropout1d dropout2d dropout3d gumbel_softmax rrelu",
    "fractional_max_pool2d",
)
# Waits for the device, and gives a plain number.
SYNCS = _words(
    "item tolist numpy",
)
# Pure, and nothing is said of how an axis travels through it: torch.func.vmap knows.
PLAIN = _words(
    "addmm addmv argsort bmm broadcast_to cat cdist chunk column_stack concat concatenate cosine_similarity cov",
    "cross cross_entropy cummax cummin det diag diag_embed diagonal diff dot einsum embedding expand expand_as eye",
    "flatten flip full gather ger glu grid_sample group_norm hstack index_select inner interpolate inverse kron",
    "kthvalue layer_norm linspace logdet matmul matrix_exp matrix_power max median meshgrid min mm movedim moveaxis",
    "mv narrow nll_loss norm one_hot ones outer pad pairwise_distance permute pinverse pixel_shuffle qr ravel",
    "rearrange reduce repeat repeat_interleave reshape reshape_as rms_norm roll rot90 scaled_dot_product_attention",
    "scatter scatter_add select slogdet solve sort split squeeze stack std_mean swapaxes swapdims take",
    "take_along_dim tensordot tile topk trace transpose tril triu unbind unflatten unfold unsqueeze var_mean vdot",
    "view view_as vstack vecdot zeros arange tensor as_tensor solve_triangular cholesky inv svd eigh conv1d conv2d",
    "avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d",
)
PURE_BUILTINS = _words(
    "len min max abs float int bool range isinstance tuple list sum round slice str",
)

MODULES_PLACEWISE = _words(
    "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish ReLU ReLU6 SELU",
    "SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Threshold",
)
# Over the last axis alone.
MODULES_LAST = _words(
    "Linear LayerNorm RMSNorm",
)
MODULES_OF_CHANCE = _words(
    "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout RReLU",
)
MODULES_OF_BATCH = _words(
    "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d",
)
