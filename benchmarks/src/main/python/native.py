"""The part of libqlif.so's C interface (native/include/qlif.h) that the comparison needs, on raw addresses.

Arrays are torch tensors or numpy arrays, contiguous, on the kernel's device; whoever calls keeps them alive until the
work is done.
"""

from __future__ import annotations

import ctypes
from typing import Any, Mapping, Optional, Sequence

import constants as k

HOST = -1
ABI_VERSION = 3
OUT_OF_MEMORY = 2
MAX_STATE_VARIABLES = 32
MAX_PARAMETERS = 16
MAX_TRACES = 32
TAPE_VOLTAGE = 0
TAPE_COMPACT = 1
TYPE_F32 = 0

_c_pointer = ctypes.c_void_p


class QlifError(RuntimeError):
    """A call that did not return QLIF_SUCCESS."""

    def __init__(self, call: str, status: int, text: str):
        super().__init__(f"{call}: status {status}: {text}")
        self.status = status


_OPTIONS = """
    detach_reset stochastic decision sampling spike_value angle_map readout quantum_wires surrogate dynamic_probability
    refractory use_adaptation use_depression use_ahp use_adaptive_threshold homeostasis_enabled neuromod_mode
    neuromod_transform
"""
_NUMBERS = """
    v_reset reset_fraction dt noise_std theta_max quantum_leak quantum_threshold probability_floor surrogate_alpha
    base_alpha dsp_decay dsp_jump min_alpha max_alpha tau_ref r_jump adaptation_decay spike_increase depression_rate
    recovery_rate tau_ahp ahp_jump g_ahp ahp_max min_threshold max_threshold homeostasis_target_rate homeostasis_lr
    homeostasis_tau neuromod_strength v_th tau eta q_scale q_bias tau_adapt initial_probability initial_slope
"""


class Config(ctypes.Structure):
    """qlif_qlif_config."""

    _fields_ = (
        [("size", ctypes.c_uint32), ("model", ctypes.c_int32)]
        + [(name, ctypes.c_int32) for name in _OPTIONS.split()]
        + [(name, ctypes.c_double) for name in _NUMBERS.split()]
    )


def config_of(library: "Library", configuration: str) -> Config:
    """The qlif_qlif_config of a configuration in constants.CONFIGURATIONS."""
    if configuration not in k.CONFIGURATIONS:
        raise ValueError(f"configuration: got '{configuration}', expected one of {', '.join(k.CONFIGURATIONS)}")
    config = Config()
    if configuration == "full":
        library.call("qlif_qlif_defaults", ctypes.byref(config), ctypes.sizeof(config))
    else:
        library.call("qlif_qlif_preset", ctypes.byref(config), ctypes.sizeof(config), b"plain-lif")
    return config


class KernelOptions(ctypes.Structure):
    """qlif_kernel_options."""

    _fields_ = [("size", ctypes.c_uint32), ("threads", ctypes.c_int32), ("spin_nanos", ctypes.c_int64)]


class Broadcast(ctypes.Structure):
    """qlif_broadcast."""

    _fields_ = [
        ("data", _c_pointer),
        ("stride_t", ctypes.c_int64),
        ("stride_b", ctypes.c_int64),
        ("stride_n", ctypes.c_int64),
    ]


class ForwardArgs(ctypes.Structure):
    """qlif_forward_args."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("input_type", ctypes.c_int32),
        ("spike_value_type", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("steps", ctypes.c_int64),
        ("batch", ctypes.c_int64),
        ("neurons", ctypes.c_int64),
        ("first_step", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("element_offset", ctypes.c_int64),
        ("stream", ctypes.c_uint32),
        ("per_neuron_parameters", ctypes.c_uint32),
        ("key", _c_pointer),
        ("row_index", _c_pointer),
        ("input", _c_pointer),
        ("parameters", _c_pointer * MAX_PARAMETERS),
        ("modulation", Broadcast),
        ("uniforms", _c_pointer),
        ("normals", _c_pointer),
        ("initial_state", _c_pointer * MAX_STATE_VARIABLES),
        ("final_state", _c_pointer * MAX_STATE_VARIABLES),
        ("spikes_f32", _c_pointer),
        ("spikes_u8", _c_pointer),
        ("spikes_bit", _c_pointer),
        ("spike_values", _c_pointer),
        ("voltages", _c_pointer),
        ("traces", _c_pointer * MAX_TRACES),
        ("tape", _c_pointer),
        ("scratch", _c_pointer),
        ("scratch_bytes", ctypes.c_uint64),
    ]


class BackwardArgs(ctypes.Structure):
    """qlif_backward_args."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("grad_type", ctypes.c_int32),
        ("forward", ctypes.POINTER(ForwardArgs)),
        ("grad_spike_values", _c_pointer),
        ("grad_spike_values_shared", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("grad_voltages", _c_pointer),
        ("grad_final_state", _c_pointer * MAX_STATE_VARIABLES),
        ("grad_input", _c_pointer),
        ("grad_modulation", _c_pointer),
        ("grad_parameters", _c_pointer * MAX_PARAMETERS),
        ("grad_initial_state", _c_pointer * MAX_STATE_VARIABLES),
        ("scratch", _c_pointer),
        ("scratch_bytes", ctypes.c_uint64),
    ]


class DrawArgs(ctypes.Structure):
    """qlif_draw_args."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("stream", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("element_offset", ctypes.c_int64),
        ("first_step", ctypes.c_int64),
        ("steps", ctypes.c_int64),
        ("wires", ctypes.c_int64),
        ("elements", ctypes.c_int64),
        ("neurons", ctypes.c_int64),
        ("row_index", _c_pointer),
        ("uniforms", _c_pointer),
        ("normals", _c_pointer),
    ]


def address(array: Any) -> Optional[int]:
    """Where a torch tensor's or a numpy array's values are; of None, None."""
    if array is None:
        return None
    return array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data


def forward_args(
    shape: Sequence[int],
    current: Any,
    parameters: Mapping[str, Any],
    *,
    spikes: Any,
    uniforms: Any = None,
    normals: Any = None,
    voltages: Any = None,
    tape: Optional["Tape"] = None,
) -> ForwardArgs:
    """A forward call of T x B x N with per-neuron parameters from the initial state, spikes out as bytes."""
    steps, batch, neurons = shape
    args = ForwardArgs(
        size=ctypes.sizeof(ForwardArgs),
        steps=steps,
        batch=batch,
        neurons=neurons,
        seed=k.SEED,
        stream=k.STREAM,
        per_neuron_parameters=(1 << len(k.PARAMETERS)) - 1,
        input=address(current),
        uniforms=address(uniforms),
        normals=address(normals),
        spikes_u8=address(spikes),
        voltages=address(voltages),
        tape=None if tape is None else tape.handle,
    )
    for i, name in enumerate(k.PARAMETERS):
        args.parameters[i] = address(parameters[name])
    return args


def backward_args(
    forward: ForwardArgs, upstream: Any, grad_input: Any, grad_parameters: Mapping[str, Any]
) -> BackwardArgs:
    """The backward call of a forward call, from the gradient of the spike values."""
    args = BackwardArgs(
        size=ctypes.sizeof(BackwardArgs),
        forward=ctypes.pointer(forward),
        grad_spike_values=address(upstream),
        grad_input=address(grad_input),
    )
    for i, name in enumerate(k.PARAMETERS):
        args.grad_parameters[i] = address(grad_parameters[name])
    return args


class Library:
    """libqlif.so."""

    def __init__(self, path: str):
        self._library = ctypes.CDLL(path)
        self._library.qlif_abi_version.restype = ctypes.c_uint32
        self._library.qlif_last_error.restype = ctypes.c_char_p
        self._library.qlif_version.restype = ctypes.c_char_p
        found = self._library.qlif_abi_version()
        if found != ABI_VERSION:
            raise RuntimeError(f"{path}: has ABI version {found}, expected {ABI_VERSION}")
        self._library.qlif_tape_bytes.restype = ctypes.c_uint64
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        self._library.qlif_tape_bytes.argtypes = [pointer]
        for name, types in {
            "qlif_kernel_open": [ctypes.c_int32, pointer, pointer, pointer],
            "qlif_kernel_close": [pointer],
            "qlif_kernel_describe": [pointer, ctypes.c_char_p, ctypes.c_size_t],
            "qlif_kernel_reserve": [pointer, integer, integer, integer, ctypes.c_int32],
            "qlif_forward": [pointer, pointer, pointer],
            "qlif_backward": [pointer, pointer, pointer],
            "qlif_draw": [pointer, pointer, pointer],
            "qlif_qlif_defaults": [pointer, ctypes.c_uint32],
            "qlif_qlif_preset": [pointer, ctypes.c_uint32, ctypes.c_char_p],
            "qlif_tape_open": [pointer, ctypes.c_int32, ctypes.c_int32, integer, integer, integer, pointer],
            "qlif_tape_close": [pointer],
        }.items():
            function = getattr(self._library, name)
            function.argtypes = types
            function.restype = ctypes.c_int32

    @property
    def version(self) -> str:
        return self._library.qlif_version().decode()

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function that returns a status; raises QlifError unless that is 0."""
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise QlifError(name, status, self._library.qlif_last_error().decode())

    def tape_bytes(self, handle: ctypes.c_void_p) -> int:
        return self._library.qlif_tape_bytes(handle)


class _Owner:
    """A handle, closed once."""

    _close: str

    def __init__(self, library: Library):
        self.library = library
        self.handle = ctypes.c_void_p()

    def close(self) -> None:
        handle, self.handle = self.handle, ctypes.c_void_p()
        if handle:
            self.library.call(self._close, handle)

    def __enter__(self):
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Kernel(_Owner):
    """A kernel of a configuration on a device: HOST, or a CUDA device's number. stream: a CUstream's address, 0 on the
    host."""

    _close = "qlif_kernel_close"

    def __init__(self, library: Library, device: int, config: Config, threads: int = 1):
        super().__init__(library)
        options = KernelOptions(size=ctypes.sizeof(KernelOptions), threads=threads)
        library.call(
            "qlif_kernel_open", device, ctypes.byref(config), ctypes.byref(options), ctypes.byref(self.handle)
        )

    def describe(self) -> str:
        text = ctypes.create_string_buffer(256)
        self.library.call("qlif_kernel_describe", self.handle, text, len(text))
        return text.value.decode()

    def reserve(self, shape: Sequence[int]) -> None:
        self.library.call("qlif_kernel_reserve", self.handle, *shape, 0)

    def forward(self, args: ForwardArgs, stream: int = 0) -> None:
        self.library.call("qlif_forward", self.handle, ctypes.byref(args), stream)

    def backward(self, args: BackwardArgs, stream: int = 0) -> None:
        self.library.call("qlif_backward", self.handle, ctypes.byref(args), stream)

    def draw(self, shape: Sequence[int], uniforms: Any, normals: Any, stream: int = 0) -> None:
        """Writes the numbers that a run of T x B x N would draw."""
        steps, batch, neurons = shape
        args = DrawArgs(
            size=ctypes.sizeof(DrawArgs),
            stream=k.STREAM,
            seed=k.SEED,
            steps=steps,
            wires=1,
            elements=batch * neurons,
            uniforms=address(uniforms),
            normals=address(normals),
        )
        self.library.call("qlif_draw", self.handle, ctypes.byref(args), stream)


class Tape(_Owner):
    """What a forward call leaves for its backward call."""

    _close = "qlif_tape_close"

    def __init__(self, kernel: Kernel, mode: int, shape: Sequence[int]):
        super().__init__(kernel.library)
        self.library.call("qlif_tape_open", kernel.handle, mode, TYPE_F32, *shape, ctypes.byref(self.handle))

    @property
    def bytes(self) -> int:
        return self.library.tape_bytes(self.handle)
