# SPDX-License-Identifier: Apache-2.0
"""The model as a pair of Triton kernels, written to win: no part of QLIF uses them.

One program takes a block of elements through all time steps, the state in registers; draws are docs/model.md's
Philox4x32-10, one call for two steps. Elementary functions are the GPU's approximations, which our kernels can't use
since their bits are promised.

Training: the forward kernel keeps the state before every GROUP-th step and, of the full configuration, every V'. The
backward kernel takes groups from last to first: it does a group's steps again in registers, the loop unrolled, and
walks them back. The spikes are known from the output. Gradients of parameters are summed over time here and over the
batch by the caller.

Nothing here knows PyTorch: arrays are whatever `empty` makes, so that the tests can run the kernels without a GPU.
"""

from typing import Any, Callable, Mapping, NamedTuple, Sequence

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice

import constants as k

# Triton's kernels read no other globals.
SIGMA = tl.constexpr(k.SIGMA)
GAIN = tl.constexpr(k.GAIN)
MIN_THRESHOLD = tl.constexpr(k.MIN_THRESHOLD)
MAX_THRESHOLD = tl.constexpr(k.MAX_THRESHOLD)
G_AHP = tl.constexpr(k.G_AHP)
DT = tl.constexpr(k.DT)
DSP_DECAY = tl.constexpr(k.DSP_DECAY)
DSP_JUMP = tl.constexpr(k.DSP_JUMP)
MIN_SLOPE_DIVISOR = tl.constexpr(k.MIN_SLOPE_DIVISOR)
QUANTUM_LEAK = tl.constexpr(k.QUANTUM_LEAK)
RESET_FRACTION = tl.constexpr(k.RESET_FRACTION)
V_RESET = tl.constexpr(k.V_RESET)
REFRACTORY_DECAY = tl.constexpr(k.REFRACTORY_DECAY)
R_JUMP = tl.constexpr(k.R_JUMP)
AHP_DECAY = tl.constexpr(k.AHP_DECAY)
AHP_JUMP = tl.constexpr(k.AHP_JUMP)
AHP_MAX = tl.constexpr(k.AHP_MAX)
ADAPTATION_DECAY = tl.constexpr(k.ADAPTATION_DECAY)
SPIKE_INCREASE = tl.constexpr(k.SPIKE_INCREASE)
DEPRESSION_RATE = tl.constexpr(k.DEPRESSION_RATE)
RECOVERY_RATE = tl.constexpr(k.RECOVERY_RATE)
RATE_STEP = tl.constexpr(k.RATE_STEP)
HOMEOSTASIS_LR = tl.constexpr(k.HOMEOSTASIS_LR)
TARGET_RATE = tl.constexpr(k.TARGET_RATE)
SURROGATE_SCALE = tl.constexpr(k.SURROGATE_SCALE)
UNIT = tl.constexpr(2.0**-24)
MINUS_TWO_LN2 = tl.constexpr(-1.3862943611198906)
TURN = tl.constexpr(6.283185307179586 * 2.0**-24)
PI = tl.constexpr(3.141592653589793)

# Of the state before a group, what is kept: A, S, R, H, D, o, r, h; without V', V.
KEPT = {"full": 8, "plain-lif": 1}


@triton.jit
def uniform(word):
    return (word >> 8).to(tl.float32) * UNIT


@triton.jit
def draw_pair(seed, element, pair, stream, BLOCK: tl.constexpr):
    """Uniforms and normals of an even and an odd step."""
    zero = tl.zeros([BLOCK], dtype=tl.uint32)
    low = element.to(tl.uint32)
    high = (element >> 32).to(tl.uint32)
    w0, w1, w2, w3 = tl.philox(seed, low, high, zero + pair, zero + stream)
    u1 = ((w2 >> 8) + 1).to(tl.float32) * UNIT
    # Near 1 the approximated logarithm may be above 0.
    radius = tl.sqrt(tl.maximum(MINUS_TWO_LN2 * libdevice.fast_log2f(u1), 0.0))
    # The approximations are best in [-pi, pi]: a turn of u2 - 1/2 has sine and cosine of the other sign.
    turn = (w3 >> 8).to(tl.float32) * TURN - PI
    return uniform(w0), uniform(w1), -radius * libdevice.fast_cosf(turn), -radius * libdevice.fast_sinf(turn)


@triton.jit
def clamp_threshold(x):
    return tl.minimum(tl.maximum(x, MIN_THRESHOLD), MAX_THRESHOLD)


@triton.jit
def load_parameters(v_th, tau, eta, q_scale, q_bias, n, mask):
    """V_th, dt / tau, eta, alpha, the angle at a gap of 0."""
    # Lanes past the last element do harmless work: a tau of 1 keeps them finite.
    leak = DT / tl.load(tau + n, mask=mask, other=1.0)
    return (
        tl.load(v_th + n, mask=mask, other=0.0),
        leak,
        tl.load(eta + n, mask=mask, other=0.0),
        tl.load(q_scale + n, mask=mask, other=0.0),
        tl.load(q_bias + n, mask=mask, other=0.0) - QUANTUM_LEAK,
    )


@triton.jit
def settle(parameters, state, v_pre, spike, FULL: tl.constexpr):
    """The state after a step from that before it, V' and the spike; D is already the step's."""
    v_th, leak, eta, alpha, rest_angle = parameters
    v, a, s, r, h, d, o, rate, homeostasis, y = state
    v = v_pre + spike * RESET_FRACTION * (V_RESET - v_pre)
    if FULL:
        a = ADAPTATION_DECAY * a + SPIKE_INCREASE * spike
        s = s * (1.0 - DEPRESSION_RATE * spike) + RECOVERY_RATE * (1.0 - s)
        base = clamp_threshold(v_th + o)
        r = REFRACTORY_DECAY * r + R_JUMP * spike
        h = tl.minimum(AHP_DECAY * h + AHP_JUMP * spike, AHP_MAX)
        o = clamp_threshold(base + eta * (spike - (1.0 - spike) * (base - v_th))) - v_th
        rate = rate + RATE_STEP * (spike - rate)
        homeostasis = homeostasis + HOMEOSTASIS_LR * (rate - TARGET_RATE)
    return v, a, s, r, h, d, o, rate, homeostasis, spike


@triton.jit
def forward_step(parameters, state, current, u, xi, FULL: tl.constexpr):
    """The state after a step; V'; whether there is a spike."""
    v_th, leak, eta, alpha, rest_angle = parameters
    v, a, s, r, h, d, o, rate, homeostasis, y = state
    if FULL:
        v_pre = v + leak * (GAIN * current * s - (a + G_AHP * h) - v) + SIGMA * xi
        delta = v_pre - (clamp_threshold(v_th + o) + homeostasis)
        d = DSP_DECAY * d + DSP_JUMP * y
        slope = alpha / tl.maximum(1.0 + d, MIN_SLOPE_DIVISOR)
        p = (0.5 - 0.5 * libdevice.fast_cosf(rest_angle + slope * delta)) * tl.exp(-r)
        fired = u < p
    else:
        v_pre = v + leak * (current - v)
        fired = v_pre - v_th >= 0.0
    state = (v, a, s, r, h, d, o, rate, homeostasis, y)
    v, a, s, r, h, d, o, rate, homeostasis, y = settle(parameters, state, v_pre, fired.to(tl.float32), FULL)
    return v, a, s, r, h, d, o, rate, homeostasis, y, v_pre, fired


@triton.jit
def keep_state(checkpoint, state, elements, mask, FULL: tl.constexpr):
    """What the backward pass can't find in the tape."""
    v, a, s, r, h, d, o, rate, homeostasis, y = state
    if FULL:
        tl.store(checkpoint, a, mask=mask)
        tl.store(checkpoint + elements, s, mask=mask)
        tl.store(checkpoint + 2 * elements, r, mask=mask)
        tl.store(checkpoint + 3 * elements, h, mask=mask)
        tl.store(checkpoint + 4 * elements, d, mask=mask)
        tl.store(checkpoint + 5 * elements, o, mask=mask)
        tl.store(checkpoint + 6 * elements, rate, mask=mask)
        tl.store(checkpoint + 7 * elements, homeostasis, mask=mask)
    else:
        tl.store(checkpoint, v, mask=mask)


@triton.jit
def forward_kernel(
    current, v_th, tau, eta, q_scale, q_bias, uniforms, normals, spikes, voltages, tape, checkpoints,
    elements, neurons, pairs, seed, stream,
    FULL: tl.constexpr, TRAIN: tl.constexpr, OWN_DRAWS: tl.constexpr, KEEP_VOLTAGES: tl.constexpr,
    ODD: tl.constexpr, GROUP: tl.constexpr, KEPT_VALUES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """All steps of a block of elements: `pairs` pairs, and one step more if ODD. GROUP is even."""
    element = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = element < elements
    parameters = load_parameters(v_th, tau, eta, q_scale, q_bias, element % neurons, mask)
    zero = tl.zeros([BLOCK], dtype=tl.float32)
    v = zero
    a = zero
    s = zero + 1.0
    r = zero
    h = zero
    d = zero
    o = zero
    rate = zero
    homeostasis = zero
    y = zero
    u0 = zero
    u1 = zero
    xi0 = zero
    xi1 = zero

    # Pointers move on: offsets from the start would need 64-bit products at each step.
    current += element
    spikes += element
    voltages += element
    tape += element
    checkpoints += element
    uniforms += element
    normals += element
    # The next pair's inputs are under way while this one is computed.
    next0 = tl.load(current, mask=mask & (pairs > 0), other=0.0)
    next1 = tl.load(current + elements, mask=mask & (pairs > 0), other=0.0)
    for pair in range(pairs):
        current0 = next0
        current1 = next1
        current += 2 * elements
        more = mask & (pair + 1 < pairs)
        next0 = tl.load(current, mask=more, other=0.0)
        next1 = tl.load(current + elements, mask=more, other=0.0)
        if TRAIN:
            if pair % (GROUP // 2) == 0:
                keep_state(checkpoints, (v, a, s, r, h, d, o, rate, homeostasis, y), elements, mask, FULL)
                checkpoints += KEPT_VALUES * elements
        if FULL:
            if OWN_DRAWS:
                u0, u1, xi0, xi1 = draw_pair(seed, element, pair, stream, BLOCK)
            else:
                u0 = tl.load(uniforms, mask=mask, other=0.0)
                u1 = tl.load(uniforms + elements, mask=mask, other=0.0)
                xi0 = tl.load(normals, mask=mask, other=0.0)
                xi1 = tl.load(normals + elements, mask=mask, other=0.0)
                uniforms += 2 * elements
                normals += 2 * elements
        v, a, s, r, h, d, o, rate, homeostasis, y, v_pre, fired = forward_step(
            parameters, (v, a, s, r, h, d, o, rate, homeostasis, y), current0, u0, xi0, FULL
        )
        tl.store(spikes, fired.to(tl.uint8), mask=mask)
        if TRAIN and FULL:
            tl.store(tape, v_pre, mask=mask)
        if KEEP_VOLTAGES:
            tl.store(voltages, v, mask=mask)
        v, a, s, r, h, d, o, rate, homeostasis, y, v_pre, fired = forward_step(
            parameters, (v, a, s, r, h, d, o, rate, homeostasis, y), current1, u1, xi1, FULL
        )
        tl.store(spikes + elements, fired.to(tl.uint8), mask=mask)
        spikes += 2 * elements
        if TRAIN and FULL:
            tl.store(tape + elements, v_pre, mask=mask)
            tape += 2 * elements
        if KEEP_VOLTAGES:
            tl.store(voltages + elements, v, mask=mask)
            voltages += 2 * elements
    if ODD:
        current0 = tl.load(current, mask=mask, other=0.0)
        if TRAIN:
            if pairs % (GROUP // 2) == 0:
                keep_state(checkpoints, (v, a, s, r, h, d, o, rate, homeostasis, y), elements, mask, FULL)
        if FULL:
            if OWN_DRAWS:
                u0, u1, xi0, xi1 = draw_pair(seed, element, pairs, stream, BLOCK)
            else:
                u0 = tl.load(uniforms, mask=mask, other=0.0)
                xi0 = tl.load(normals, mask=mask, other=0.0)
        v, a, s, r, h, d, o, rate, homeostasis, y, v_pre, fired = forward_step(
            parameters, (v, a, s, r, h, d, o, rate, homeostasis, y), current0, u0, xi0, FULL
        )
        tl.store(spikes, fired.to(tl.uint8), mask=mask)
        if TRAIN and FULL:
            tl.store(tape, v_pre, mask=mask)
        if KEEP_VOLTAGES:
            tl.store(voltages, v, mask=mask)


@triton.jit
def replay(parameters, before, current, v_tape, spike, FULL: tl.constexpr):
    """A step again: the state after it, its spike as y, and what the adjoint needs besides: I' - V, the gap and 1 + D;
    the input."""
    v_th, leak, eta, alpha, rest_angle = parameters
    v, a, s, r, h, d, o, rate, homeostasis, y, _, _, _, _ = before
    if FULL:
        drive = GAIN * current * s - (a + G_AHP * h) - v
        v_pre = v_tape
        delta = v_pre - (clamp_threshold(v_th + o) + homeostasis)
        d = DSP_DECAY * d + DSP_JUMP * y
        divisor = 1.0 + d
    else:
        drive = current - v
        v_pre = v + leak * drive
        delta = v_pre - v_th
        divisor = d
    state = (v, a, s, r, h, d, o, rate, homeostasis, y)
    v, a, s, r, h, d, o, rate, homeostasis, y = settle(parameters, state, v_pre, spike, FULL)
    return v, a, s, r, h, d, o, rate, homeostasis, y, drive, delta, divisor, current


@triton.jit
def walk_back(parameters, adjoints, sums, before, after, grad_y, FULL: tl.constexpr):
    """The adjoints of the state before a step, the parameters' sums, and the gradient of the input."""
    v_th, leak, eta, alpha, rest_angle = parameters
    adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y = adjoints
    sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias = sums
    _, _, s, r, _, _, o, _, _, _, _, _, _, _ = before
    _, _, _, _, _, _, _, _, _, y, drive, delta, divisor, current = after
    b_y = adj_y + grad_y
    b_base = 0.0 * adj_o
    if FULL:
        raw_base = v_th + o
        base = clamp_threshold(raw_base)
        move = y - (1.0 - y) * (base - v_th)
        moved = base + eta * move
        b_moved = tl.where((moved >= MIN_THRESHOLD) & (moved <= MAX_THRESHOLD), adj_o, 0.0)
        sum_eta += b_moved * move
        b_eta = b_moved * eta
        sum_v_th -= b_eta * (y - 1.0) + adj_o
        b_base = b_eta * (y - 1.0) + b_moved
        b_y += b_eta * (1.0 + (base - v_th))
    b_v_pre = adj_v * (1.0 - RESET_FRACTION * y)
    if FULL:
        b_y += SPIKE_INCREASE * adj_a - DEPRESSION_RATE * s * adj_s
        adj_s = adj_s * ((1.0 - DEPRESSION_RATE * y) - RECOVERY_RATE)
        adj_a = ADAPTATION_DECAY * adj_a
        adj_r = REFRACTORY_DECAY * adj_r
        bounded = tl.maximum(divisor, MIN_SLOPE_DIVISOR)
        reciprocal = 1.0 / bounded
        slope = alpha * reciprocal
        angle = rest_angle + slope * delta
        damped = b_y * tl.exp(-r)
        adj_r -= damped * (0.5 - 0.5 * libdevice.fast_cosf(angle))
        b_x = damped * (0.5 * libdevice.fast_sinf(angle))
        sum_bias += b_x
        b_delta = b_x * slope
        b_numerator = b_x * delta * reciprocal
        sum_alpha += b_numerator
        adj_d += tl.where(divisor > MIN_SLOPE_DIVISOR, -b_numerator * slope, 0.0)
        adj_y = DSP_JUMP * adj_d
        adj_d = DSP_DECAY * adj_d
    else:
        b_delta = b_y * tl.maximum(1.0 - SURROGATE_SCALE * tl.abs(delta), 0.0)
        adj_y = 0.0 * adj_y
    b_v_pre += b_delta
    b_base -= b_delta
    sum_leak += b_v_pre * drive
    b_i_eff = leak * b_v_pre
    adj_v = b_v_pre - b_i_eff
    grad_input = b_i_eff
    if FULL:
        gain = b_i_eff * GAIN
        grad_input = gain * s
        adj_s += gain * current
        adj_a -= b_i_eff
        b_base = tl.where((raw_base >= MIN_THRESHOLD) & (raw_base <= MAX_THRESHOLD), b_base, 0.0)
        adj_o = b_base
    sum_v_th += b_base
    return adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y, sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias, grad_input


@triton.jit
def backward_group(
    current, spikes, tape, checkpoint, upstream, grad_input, parameters, adjoints, sums, elements, index, mask,
    FULL: tl.constexpr, COUNT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """COUNT steps again from the state before them, and back. Pointers are at the first of them; index: groups before
    it."""
    zero = tl.zeros([BLOCK], dtype=tl.float32)
    if FULL:
        # V and y before the group are those after the step before it.
        earlier = mask & (index > 0)
        y = tl.load(spikes - elements, mask=earlier, other=0).to(tl.float32)
        v_pre = tl.load(tape - elements, mask=earlier, other=0.0)
        before = (
            v_pre + y * RESET_FRACTION * (V_RESET - v_pre),
            tl.load(checkpoint, mask=mask, other=0.0),
            tl.load(checkpoint + elements, mask=mask, other=0.0),
            tl.load(checkpoint + 2 * elements, mask=mask, other=0.0),
            tl.load(checkpoint + 3 * elements, mask=mask, other=0.0),
            tl.load(checkpoint + 4 * elements, mask=mask, other=0.0),
            tl.load(checkpoint + 5 * elements, mask=mask, other=0.0),
            tl.load(checkpoint + 6 * elements, mask=mask, other=0.0),
            tl.load(checkpoint + 7 * elements, mask=mask, other=0.0),
            y,
            zero,
            zero,
            zero,
            zero,
        )
    else:
        before = (
            tl.load(checkpoint, mask=mask, other=0.0),
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
            zero,
        )
    # states[i] is before step i, states[i + 1] after it.
    states = (before,)
    for i in tl.static_range(COUNT):
        x = tl.load(current + i * elements, mask=mask, other=0.0)
        spike = tl.load(spikes + i * elements, mask=mask, other=0).to(tl.float32)
        v_tape = zero
        if FULL:
            v_tape = tl.load(tape + i * elements, mask=mask, other=0.0)
        states = states + (replay(parameters, states[i], x, v_tape, spike, FULL),)
    adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y = adjoints
    sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias = sums
    for i in tl.static_range(COUNT):
        grad_y = tl.load(upstream + (COUNT - 1 - i) * elements, mask=mask, other=0.0)
        (
            adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y, sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias, gradient,
        ) = walk_back(
            parameters,
            (adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y),
            (sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias),
            states[COUNT - 1 - i],
            states[COUNT - i],
            grad_y,
            FULL,
        )  # fmt: skip
        tl.store(grad_input + (COUNT - 1 - i) * elements, gradient, mask=mask)
    return adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y, sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias


@triton.jit
def backward_kernel(
    current, v_th, tau, eta, q_scale, q_bias, spikes, tape, checkpoints, upstream, grad_input, sums,
    elements, neurons, groups,
    FULL: tl.constexpr, TAIL: tl.constexpr, GROUP: tl.constexpr, KEPT_VALUES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """All steps of a block of elements from the last: TAIL steps, then `groups` groups of GROUP.
    sums: (5, elements)."""
    element = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = element < elements
    n = element % neurons
    parameters = load_parameters(v_th, tau, eta, q_scale, q_bias, n, mask)
    # A 64-bit count, whatever width the arguments came in.
    wide = tl.zeros([BLOCK], dtype=tl.int64) + elements
    begin = wide * (groups * GROUP) + element
    current += begin
    spikes += begin
    tape += begin
    upstream += begin
    grad_input += begin
    checkpoints += wide * (groups * KEPT_VALUES) + element
    zero = tl.zeros([BLOCK], dtype=tl.float32)
    adj_v = zero
    adj_a = zero
    adj_s = zero
    adj_r = zero
    adj_d = zero
    adj_o = zero
    adj_y = zero
    sum_v_th = zero
    sum_leak = zero
    sum_eta = zero
    sum_alpha = zero
    sum_bias = zero
    if TAIL > 0:
        (
            adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y, sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias,
        ) = backward_group(
            current, spikes, tape, checkpoints, upstream, grad_input, parameters,
            (adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y), (sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias),
            elements, groups, mask, FULL, TAIL, BLOCK,
        )  # fmt: skip
    for i in range(groups):
        current -= GROUP * elements
        spikes -= GROUP * elements
        tape -= GROUP * elements
        upstream -= GROUP * elements
        grad_input -= GROUP * elements
        checkpoints -= KEPT_VALUES * elements
        (
            adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y, sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias,
        ) = backward_group(
            current, spikes, tape, checkpoints, upstream, grad_input, parameters,
            (adj_v, adj_a, adj_s, adj_r, adj_d, adj_o, adj_y), (sum_v_th, sum_leak, sum_eta, sum_alpha, sum_bias),
            elements, groups - 1 - i, mask, FULL, GROUP, BLOCK,
        )  # fmt: skip
    leak = DT / tl.load(tau + n, mask=mask, other=1.0)
    sums += element
    tl.store(sums, sum_v_th, mask=mask)
    # d(dt / tau) / d tau = -(dt / tau) / tau
    tl.store(sums + elements, sum_leak * (-leak * leak / DT), mask=mask)
    tl.store(sums + 2 * elements, sum_eta, mask=mask)
    tl.store(sums + 3 * elements, sum_alpha, mask=mask)
    tl.store(sums + 4 * elements, sum_bias, mask=mask)


class Tuning(NamedTuple):
    """What a launch can choose: elements a program, warps a program, and, in training, steps a group."""

    block: int = 128
    warps: int = 4
    group: int = 8


# What is tried where a choice is timed.
TUNINGS = (
    Tuning(128, 4, 8),
    Tuning(256, 4, 8),
    Tuning(64, 2, 8),
    Tuning(128, 4, 4),
    Tuning(256, 4, 4),
    Tuning(128, 4, 6),
    Tuning(128, 4, 16),
)


class TritonModel:
    """The kernels for calls of T x B x N. empty(shape) makes a float32 array on the device."""

    def __init__(
        self,
        configuration: str,
        shape: Sequence[int],
        training: bool,
        empty: Callable[[Sequence[int]], Any],
        tuning: Tuning = Tuning(),
    ):
        self.steps, batch, self.neurons = shape
        self.elements = batch * self.neurons
        self.full = configuration == "full"
        self.kept = KEPT[configuration]
        self.training = training
        self.tuning = tuning
        if tuning.group % 2 != 0:
            raise ValueError(f"group: got {tuning.group}, expected an even number: draws are made for two steps")
        if self.elements * max(tuning.group, self.kept) >= 2**31:
            raise ValueError(
                f"shape: a group of {tuning.group} steps of {self.elements} elements passes 32-bit offsets"
            )
        groups = -(-self.steps // tuning.group)
        self.checkpoints = empty((groups, self.kept, self.elements)) if training else None
        self.tape = empty((self.steps, self.elements)) if training and self.full else None
        self.sums = empty((len(k.PARAMETERS), batch, self.neurons)) if training else None

    def forward(
        self,
        current: Any,
        parameters: Mapping[str, Any],
        spikes: Any,
        uniforms: Any = None,
        normals: Any = None,
        voltages: Any = None,
    ) -> None:
        """Spikes out as bytes. Draws unless uniforms and normals are lent."""
        unused = current
        forward_kernel[self._grid()](
            current,
            *(parameters[name] for name in k.PARAMETERS),
            unused if uniforms is None else uniforms,
            unused if normals is None else normals,
            spikes,
            unused if voltages is None else voltages,
            unused if self.tape is None else self.tape,
            unused if self.checkpoints is None else self.checkpoints,
            self.elements,
            self.neurons,
            self.steps // 2,
            k.SEED,
            k.STREAM,
            FULL=self.full,
            TRAIN=self.training,
            OWN_DRAWS=uniforms is None,
            KEEP_VOLTAGES=voltages is not None,
            ODD=self.steps % 2,
            GROUP=self.tuning.group,
            KEPT_VALUES=self.kept,
            BLOCK=self.tuning.block,
            num_warps=self.tuning.warps,
        )

    def backward(self, current: Any, parameters: Mapping[str, Any], spikes: Any, upstream: Any, grad_input: Any) -> Any:
        """The gradient of the input; returns those of the parameters before they are summed over the batch,
        (5, B, N)."""
        backward_kernel[self._grid()](
            current,
            *(parameters[name] for name in k.PARAMETERS),
            spikes,
            current if self.tape is None else self.tape,
            self.checkpoints,
            upstream,
            grad_input,
            self.sums,
            self.elements,
            self.neurons,
            self.steps // self.tuning.group,
            FULL=self.full,
            TAIL=self.steps % self.tuning.group,
            GROUP=self.tuning.group,
            KEPT_VALUES=self.kept,
            BLOCK=self.tuning.block,
            num_warps=self.tuning.warps,
        )
        return self.sums

    def _grid(self):
        return (-(-self.elements // self.tuning.block),)
