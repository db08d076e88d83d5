# SPDX-License-Identifier: Apache-2.0
"""The numbers of the default configuration, derived as QlifConstants derives them, and the two configurations
compared."""

import math

# Steps from one checkpoint of a tape to the next. At the same steps our kernels make tiny numbers zero; the contenders
# leave that out, since a GPU is not slowed down by denormal numbers.
SEGMENT = 64

DT = 1.0
SIGMA = 0.1
KAPPA = 1.0
GAIN = 1.0 + KAPPA  # M stays 1: no modulation is given
MIN_THRESHOLD = 0.5
MAX_THRESHOLD = 2.0
G_AHP = 0.2
DSP_DECAY = math.exp(-1 / 20)
DSP_JUMP = 1.0
MIN_SLOPE_DIVISOR = 1e-6
QUANTUM_LEAK = 0.1
RESET_FRACTION = 1.0
V_RESET = 0.0
REFRACTORY_DECAY = math.exp(-1 / 6)
R_JUMP = 1.0
AHP_DECAY = math.exp(-1 / 120)
AHP_JUMP = 0.3
AHP_MAX = 2.0
ADAPTATION_DECAY = 0.9
SPIKE_INCREASE = 0.5
DEPRESSION_RATE = 0.1
RECOVERY_RATE = 0.05
RATE_STEP = 1e-3
HOMEOSTASIS_LR = 1e-3
TARGET_RATE = 0.12
SURROGATE_SCALE = 1.0

# The parameters' defaults; alpha and beta from docs/model.md, section 7.
PARAMETERS = ("v_th", "tau", "eta", "q_scale", "q_bias")
_REST_ANGLE = math.acos(1 - 2 * 0.02)
DEFAULTS = {
    "v_th": 1.0,
    "tau": 20.0,
    "eta": 0.1,
    "q_scale": 2 * 0.10 / math.sin(_REST_ANGLE),
    "q_bias": _REST_ANGLE + QUANTUM_LEAK,
}

# full: every option on, the default. plain-lif: the preset, every option off, THRESHOLD with the HEAVISIDE surrogate.
CONFIGURATIONS = ("full", "plain-lif")

# What our kernels and the Triton kernels draw with.
SEED = 42
STREAM = 7
