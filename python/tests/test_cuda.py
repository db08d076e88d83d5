# SPDX-License-Identifier: Apache-2.0
"""Arrays in a GPU's memory: results equal the host's, and refusals. On the emulated GPU that ./build verify makes, whose memory is the
host's."""

import ctypes

import numpy as np
import pytest
from conftest import REPOSITORY, random_options

import qlif
from qlif import Kernel, LifConfig, QlifConfig
from qlif import _library as native
from qlif import kernel as kernels

SHAPE = (66, 2, 37)
CODES = {"i": 0, "u": 1, "f": 2, "b": 6}


class DLTensor(ctypes.Structure):
    """Of DLPack's header, as is the next."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class DLManagedTensor(ctypes.Structure):
    _fields_ = [("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class GpuArray:
    """An array as CuPy lends its own: numbers in the memory of a GPU, which NumPy can't reach."""

    def __init__(self, values, device=0, kind=2, code=None, strides=True):
        self.values = np.array(values)
        self.shape = self.values.shape
        self.device = device
        self.kind = kind
        self.code = CODES[self.values.dtype.kind] if code is None else code
        self.strides = strides
        self.streams = []

    def __array__(self, *_, **__):
        raise TypeError("the memory is a GPU's")

    def __dlpack_device__(self):
        return self.kind, self.device

    def __dlpack__(self, stream=None):
        self.streams.append(stream)
        rank = self.values.ndim
        shape = (ctypes.c_int64 * rank)(*self.shape)
        strides = (ctypes.c_int64 * rank)(*(s // self.values.itemsize for s in self.values.strides))
        tensor = DLTensor(
            self.values.ctypes.data, self.kind, self.device, rank, self.code, 8 * self.values.itemsize, 1, shape
        )
        if self.strides:
            tensor.strides = strides
        self.managed = DLManagedTensor(tensor)
        self.kept = shape, strides
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), b"dltensor", None)


def on_gpu(value):
    """The arrays of a call's argument, in the GPU's memory."""
    if isinstance(value, dict):
        return {name: on_gpu(array) for name, array in value.items()}
    return GpuArray(value) if isinstance(value, np.ndarray) else value


def back(value):
    return {name: back(array) for name, array in value.items()} if isinstance(value, dict) else value.values


@pytest.fixture(scope="module", autouse=True)
def emulation():
    path = REPOSITORY / "conformance" / "target" / "emulation" / "libqlif_emulated.so"
    if not path.is_file():
        pytest.skip("./build verify makes the emulated GPU, which is not there")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_library", native.Library(path))
        patch.setattr(kernels, "_kernels", kernels._Kernels())
        yield


def current(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32)


def parameters(config, neurons, seed=0):
    chance = np.random.default_rng(seed)
    default = {symbol: config.parameter_default(symbol) for symbol in config._model().parameters}
    return {
        symbol: np.full(1, value, np.float32)
        if chance.random() < 0.3
        else (value * chance.uniform(0.9, 1.1, neurons)).astype(np.float32)
        for symbol, value in default.items()
    }


def results(config, kernel, shape=SHAPE, traces=(), record="voltage", spike_values=np.float32):
    """Arrays for all results of a forward call."""
    out = {
        "spikes": np.full(shape, 9, np.uint8),
        "spike_values": np.full(shape, 9, spike_values),
        "voltages": np.full(shape, 9, np.float32),
        "tape": np.full(kernel.tape_bytes(shape, record), 9, np.uint8),
    }
    out.update({f"trace.{symbol}": np.full(shape, 9, np.float32) for symbol in traces})
    out.update({f"state.{v.symbol}": np.full(shape[1:], 9, np.float32) for v in config._model().variables})
    return out


def gradients(config, given, shape=SHAPE):
    out = {"input": np.full(shape, 9, np.float32)}
    out.update({f"parameter.{symbol}": np.full_like(array, 9) for symbol, array in given.items()})
    out.update({f"state.{v.symbol}": np.full(shape[1:], 9, np.float32) for v in config._model().variables})
    return out


def same(actual, expected):
    assert actual.keys() == expected.keys()
    for name in expected:
        assert np.array_equal(actual[name].view(np.uint8), expected[name].view(np.uint8)), name


@pytest.mark.parametrize("seed", range(12))
def test_results_and_gradients_are_those_of_the_host(seed):
    config = QlifConfig(**random_options(seed)) if seed else LifConfig()
    record = ("voltage", "compact", "voltage-bf16")[seed % 3]
    traces = [trace.symbol for trace in config._model().traces]
    given = parameters(config, SHAPE[2], seed)
    reads = {"parameters": given, "row_index": np.array([7, 3], np.int64)}
    reads["state"] = {
        v.symbol: np.full(SHAPE[1:], v.initial_value, np.float32) for v in config._model().variables
    }
    if config._model().takes_modulation and seed % 2:
        reads["modulation"] = current(seed + 50, (SHAPE[0], 1, SHAPE[2]))
    upstream = {
        "grad_spike_values": current(seed + 100, SHAPE[1:] if seed % 2 else SHAPE),
        "grad_voltages": current(seed + 200),
    }
    upstream["grad_state"] = {
        v.symbol: current(seed + 300 + i, SHAPE[1:]) for i, v in enumerate(config._model().variables)
    }
    found = []
    for device, lend in (("cpu", lambda value: value), ("cuda:0", on_gpu)):
        with Kernel(config, device) as kernel:
            out = lend(results(config, kernel, traces=traces, record=record))
            run = kernel.forward(
                lend(current(seed)),
                traces=traces,
                record=record,
                out=out,
                seed=seed,
                stream=4,
                first_step=11,
                **{name: lend(value) for name, value in reads.items()},
            )
            assert run.spikes is out["spikes"] and run.tape is out["tape"]
            back_out = gradients(config, given)
            if "modulation" in reads:
                back_out["modulation"] = np.full_like(reads["modulation"], 9)
            back_out = lend(back_out)
            kernel.backward(run, out=back_out, **{name: lend(value) for name, value in upstream.items()})
            if lend is on_gpu:
                out, back_out = back(out), back(back_out)
            found.append((out, back_out))
    assert found[0][0]["spikes"].any()
    for out, _ in found:
        del out["tape"]  # each device has its own layout
    same(found[1][0], found[0][0])
    same(found[1][1], found[0][1])


def call(**changes):
    """A forward call on a GPU with few results, some arguments changed."""
    config = changes.pop("config", QlifConfig())
    arguments = {
        "input": GpuArray(current()),
        "parameters": on_gpu(parameters(config, SHAPE[2])),
        "out": {"spikes": GpuArray(np.full(SHAPE, 9, np.uint8))},
        "seed": 5,
    }
    arguments.update(changes)
    return qlif.forward(config, arguments.pop("input"), device="cuda:0", **arguments)


def test_results_that_nobody_asked_for_are_none():
    run = call()
    assert run.spikes.values.max() == 1
    assert run.spike_values is run.voltages is run.state is run.tape is None and run.traces == {}


@pytest.mark.parametrize("narrow", [np.float16, "bfloat16"])
def test_numbers_of_16_bits_are_read_and_written(narrow):
    config = QlifConfig(spike_value="EXPECTED")
    values = current()
    if narrow == np.float16:
        words, made, code = values.astype(np.float16), np.empty(SHAPE, np.float16), 2
        wide = words.astype(np.float32)
    else:
        words, made, code = (values.view(np.uint32) >> 16).astype(np.uint16), np.empty(SHAPE, np.uint16), 4
        wide = (words.astype(np.uint32) << 16).view(np.float32)
    given = parameters(config, SHAPE[2])
    expected = qlif.forward(config, wide, parameters=given, seed=5)
    y = GpuArray(made, code=code)
    run = call(config=config, input=GpuArray(words, code=code), out={"spike_values": y})
    assert run.spike_values is y
    if narrow == np.float16:
        assert np.array_equal(y.values, expected.spike_values.astype(np.float16))
    else:
        word = expected.spike_values.view(np.uint32)
        assert np.array_equal(y.values, (word + 0x7FFF + (word >> 16 & 1) >> 16).astype(np.uint16))


def test_a_tape_that_was_elsewhere_meanwhile():
    config = QlifConfig()
    given = parameters(config, SHAPE[2])
    reads = {"parameters": on_gpu(given), "seed": 5}
    upstream = GpuArray(current(8))
    found = []
    with Kernel(config, "cuda:0") as kernel:
        out = on_gpu(results(config, kernel))
        run = kernel.forward(GpuArray(current()), record=True, out=out, **reads)
        moved = GpuArray(out["tape"].values)
        again = kernel.recorded(GpuArray(current()), tape=moved, **reads)
        for each in (run, again):
            grads = on_gpu({"input": np.full(SHAPE, 9, np.float32)})
            found.append(kernel.backward(each, grad_spike_values=upstream, out=grads).input.values)
    assert found[0].any() and np.array_equal(*found)


def test_the_stream_is_told_to_whoever_lends_an_array():
    for stream, told in ((0, 1), (2, 2)):  # 0, the default stream, is 1 in the array API's words
        input = GpuArray(current())
        spikes = GpuArray(np.full(SHAPE, 9, np.uint8))
        call(input=input, out={"spikes": spikes}, cuda_stream=stream)
        assert input.streams == spikes.streams == [told]


def test_ways_to_describe_memory():
    expected = call().spikes.values
    managed = GpuArray(np.zeros(SHAPE, np.bool_), kind=13)
    for changes in ({"input": GpuArray(current(), kind=13)}, {"input": GpuArray(current(), strides=False)}):
        assert np.array_equal(call(out={"spikes": managed}, **changes).spikes.values, expected)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"input": current()}, "input: got ndarray in the host's memory, expected an array of cuda:0"),
        ({"input": GpuArray(current(), device=1)}, "input: got an array of DLPack device 2:1, expected one of cuda:0"),
        ({"input": GpuArray(current(), kind=10)}, "input: got an array of DLPack device 10:0, expected one of cuda:0"),
        ({"input": GpuArray(current().astype(np.float64))}, r"input: got f8 of shape \(66, 2, 37\), expected float32, "),
        ({"input": GpuArray(current().astype(np.int32))}, r"input: got i4 of shape \(66, 2, 37\), expected float32, "),
        ({"input": GpuArray(current(0, (66, 74)))}, r"input: got the shape \(66, 74\), expected \(T, B, N\)"),
        ({"parameters": {}}, "parameters.v_th: got nothing, expected an array of cuda:0"),
        ({"state": {"v": GpuArray(current(0, SHAPE[1:]))}}, "state.[a-z_]+: got nothing, expected an array of cuda:0"),
        ({"row_index": GpuArray(np.zeros(2, np.int32))}, r"row_index: got i4 of shape \(2,\), expected uint64"),
        ({"row_index": GpuArray(np.zeros(3, np.int64))}, r"row_index: got the shape \(3,\), expected \(2,\)"),
        ({"modulation": np.float32(1)}, "modulation: got float32 in the host's memory, expected an array of cuda:0"),
        ({"record": True}, r"out: got no 'tape', expected \d+ bytes of cuda:0"),
        ({"out": {"spikes": np.empty(SHAPE, np.uint8)}}, "out.spikes: got ndarray in the host's memory"),
        ({"out": {"spikes": GpuArray(np.empty(SHAPE, np.int8))}}, r"out.spikes: got i1 of shape .*, expected uint8"),
        ({"out": {"voltages": GpuArray(current(0, (2, 37)))}}, r"out.voltages: got the shape \(2, 37\), expected"),
        ({"out": {"state.v": GpuArray(current(0, (2, 37)))}}, r"out: got no 'state\.[a-z_]+', expected all of the state"),
        ({"out": {"spike": GpuArray(current())}}, "out: got 'spike', which this call does not write"),
    ],
)
def test_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        call(**changes)


def test_arrays_that_are_not_contiguous_are_refused():
    strided = GpuArray(current())
    strided.values = np.asfortranarray(strided.values)
    with pytest.raises(ValueError, match="input: got an array that is not contiguous, expected a contiguous one on cuda:0"):
        call(input=strided)


def test_a_result_that_overlaps_an_argument_is_refused():
    both = GpuArray(current())
    with pytest.raises(ValueError, match="out.voltages: got memory that overlaps input, expected memory of its own"):
        call(input=both, out={"voltages": both})


def test_arrays_of_a_gpu_are_refused_on_the_host():
    with pytest.raises(ValueError, match="input: got an array of another device, expected one in the host's memory"):
        qlif.forward(QlifConfig(), GpuArray(current()))


def test_draws_are_read_on_the_host():
    with Kernel(QlifConfig(), "cuda:0") as kernel, pytest.raises(ValueError, match="device: got cuda:0, expected a kernel"):
        kernel.draw(SHAPE)


def test_the_device_is_listed_and_others_are_not_there():
    assert "cuda:0" in qlif.devices()
    with pytest.raises(qlif.QlifError, match="device"):
        Kernel(QlifConfig(), "cuda:1")
