# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: what is written is read, and what is no checkpoint is refused by what it is."""

import json
import os
import pickle
import random
import struct

import numpy as np
import pytest

import qlif

N, B = 5, 2


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def neurons(config=None, **other):
    config = config or qlif.QlifConfig(angle_map="TANH", tau=10)
    model = config._model()
    parameters = {name: np.full(N, config.parameter_default(name), np.float32) for name in model.parameters}
    return qlif.Neurons(config, N, parameters, **other)


def whole_layer():
    config = qlif.QlifConfig(angle_map="TANH", tau=10)
    names = [variable.symbol for variable in config._model().variables]
    layer = neurons(
        config,
        learnable=("v_th", "q_bias"),
        state={name: numbers(i, B, N) for i, name in enumerate(names)},
        step=2**33,
        statistics={"rate": numbers(50, N), "homeostasis_offset": numbers(51, N)},
        draws=qlif.Draws(2**64 - 1, 2**32 - 1, 2**63 - 1),
        seed=-(2**63),
        stream=-1,
        episode=7,
        evaluations=2**31 - 1,
    )
    layer.parameters["tau"] = np.float32([4])
    return qlif.Checkpoint([layer], extra={"made by": 'a test, é\n"\\'})


def network():
    return qlif.Checkpoint(
        [
            qlif.Linear(numbers(1, 3, N), numbers(2, N)),
            neurons(qlif.LifConfig(v_th=0.5)),
            qlif.Linear(numbers(3, N, 2), readout=True, ascending=False),
        ],
        seed=9,
        encoder_steps=20,
        extra={"note": "x", "curve": numbers(6, 2, 3)},
        training={"step": "3", "adam.m.layers.0.bias": numbers(5, N)},
    )


def equal(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    return a == b


@pytest.mark.parametrize("made", (whole_layer, network))
def test_what_is_written_is_read(tmp_path, made):
    path = tmp_path / "file.safetensors"
    checkpoint = made()
    qlif.save(checkpoint, path)
    read = qlif.load(path)
    for layer in (*checkpoint.layers, *read.layers):
        # Numbers with the same bits, with and without a sign.
        if isinstance(layer, qlif.Neurons) and layer.draws is not None:
            layer.draws = qlif.Draws(layer.draws.seed % 2**64, layer.draws.stream % 2**32, layer.draws.element_offset)
    assert equal(read, checkpoint)
    qlif.save(read, path)
    assert equal(qlif.load(path).layers, qlif.load(path).layers) and equal(qlif.load(path).training, read.training)


def test_a_saved_layer_runs(tmp_path):
    path = tmp_path / "layer.safetensors"
    qlif.save(whole_layer(), path)
    layer, first = qlif.load(path).layers[0], whole_layer().layers[0]
    current = numbers(8, 3, B, N)
    runs = [
        qlif.forward(
            each.config, current, parameters=each.parameters, state=each.state, first_step=64, seed=each.draws.seed,
            stream=each.draws.stream % 2**32,
        )
        for each in (first, layer)
    ]  # fmt: skip
    assert np.array_equal(runs[0].spikes, runs[1].spikes) and np.array_equal(runs[0].voltages, runs[1].voltages)


def test_special_values_keep_their_bits(tmp_path):
    bits = np.uint32([0x80000000, 0x7FC12345, 0xFF800000, 1, 0x7F7FFFFF])
    layer = neurons(statistics={"rate": bits.view(np.float32), "homeostasis_offset": numbers(1, N)})
    qlif.save(qlif.Checkpoint([layer]), tmp_path / "a")
    assert (qlif.load(tmp_path / "a").layers[0].statistics["rate"].view(np.uint32) == bits).all()


# ---------------------------------------------------------------- files that are refused


def parts(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def put(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def refused(path, *expected):
    with pytest.raises(ValueError) as caught:
        qlif.load(path)
    for text in (str(path), *expected):
        assert text in str(caught.value)
    assert caught.value.__cause__ is None


def test_files_cut_short(tmp_path):
    whole = tmp_path / "whole"
    qlif.save(whole_layer(), whole)
    content = whole.read_bytes()
    path = tmp_path / "cut"
    for length in [*range(12), 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)
    path.write_bytes(content + b"\0")
    refused(path, "got 1 bytes after the last tensor")


@pytest.mark.parametrize(
    ("content", "message"),
    (
        (pickle.dumps({"V_th": [1.0] * 10}), "got a pickle"),
        (b"PK\x03\x04" + bytes(60), "got a zip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "got an HDF5 file"),
        (b"\x93NUMPY\x01\x00" + bytes(60), "got an array of NumPy"),
        (struct.pack("<Q", 2**63) + bytes(60), "got a header of 9223372036854775808 bytes"),
        (struct.pack("<Q", (16 << 20) + 1) + bytes(60), "expected 2 to 16777216"),
        (struct.pack("<Q", 61) + b"{" * 60, "the file is cut short"),
        (struct.pack("<Q", 0) + bytes(60), "got a header of 0 bytes"),
    ),
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "other"
    path.write_bytes(content)
    refused(path, message)


@pytest.mark.parametrize(
    ("header", "message"),
    (
        (b"[" * 200_000, "as its first character"),
        (b'{"a":' + b"[" * 200_000, "JSON that is nested too deeply"),
        (b'{"a": 1', "bad JSON"),
        (b'{"a": \x01}', "bad JSON"),
        (b'{"\xff": 1}', "not UTF-8"),
        (b'{"__metadata__": {"a": "\\ud800"}}', "half a surrogate pair"),
        (b'{"__metadata__": {}, "__metadata__": {}}', "got '__metadata__' twice"),
        (b'{"__metadata__": {"a": "b", "a": "b"}}', "got 'a' twice"),
        (b'{"__metadata__": {"a": 1}}', "__metadata__.a: got a number"),
        (b'{"__metadata__": []}', "__metadata__: got a list"),
        (b'{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4], "dtype": "F32"}}', "got 'dtype' twice"),
        (b'{"a": null}', "tensor 'a': got null"),
        (b'{"a": {"dtype": "F32", "shape": []}}', "expected dtype, shape and data_offsets"),
        (b'{"a": {"dtype": "F31", "shape": [], "data_offsets": [0, 4]}}', "got the type 'F31'"),
        (b'{"a": {"dtype": ["F32"], "shape": [], "data_offsets": [0, 4]}}', "got the type ['F32']"),
        (b'{"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}', "got the number 1.0"),
        (b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', "got the number NaN"),
        (b'{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}', "got [True]"),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', "got [-1]"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}', "begin <= end"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}', "begin <= end"),
        (b'{"a": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 4]}}', "header:"),
        (
            b'{"a": {"dtype": "F32", "shape": [4294967296, 4294967296, 4294967296], "data_offsets": [0, 0]}}',
            "expected those of F32 [4294967296",
        ),
        (b'{"a": {"dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 0]}}', "got 0 bytes"),
        (b'{"a": {"dtype": "F32", "shape": ' + str([1] * 9).encode() + b', "data_offsets": [0, 4]}}', "9 dimensions, expected at most 8"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', "expected from 0"),
        (b'{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}', "at most 8, the file's end"),
        (
            b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
            "tensor 'b': got data from 4, expected from 8",
        ),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', "got 4 bytes after the last tensor"),
        (b'{"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}', "got the type 'F64', expected one of F32, I64, U8, BOOL"),
        (b'{"a": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}', "got the type I64, expected F32"),
        (b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', "safetensors file holds something else"),
    ),
)
def test_headers_that_are_refused(tmp_path, header, message):
    refused(put(tmp_path / "bad", header, bytes(8)), message)


def changed(tmp_path, made, change):
    """A file whose header was changed, of which the data fits what the header says."""
    path = tmp_path / "changed"
    qlif.save(made(), path)
    header, data = parts(path)
    change(header["__metadata__"], header)
    return put(path, header, data)


LAYER = "layers.0."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    (
        ("format", "pt", "format: got 'pt', expected 'qlif'"),
        ("format", None, "safetensors file holds something else"),
        ("format_version", "2", "format_version: got '2', expected '1'"),
        ("layers", "0", "layers: got '0'"),
        ("layers", "1001", "expected a whole number from 1 to 1000"),
        ("layers", "01", "layers: got '01'"),
        ("layers", "2", "layers.1.type: got none"),
        (LAYER + "type", "Neurons", "layers.0.type: got 'Neurons'"),
        (LAYER + "config", None, "layers.0.config: got none"),
        (LAYER + "config", "QLIF tau=ten", "layers.0.config: tau: got 'ten'"),
        (LAYER + "config", "QLIF nothing=1", "option: got 'nothing'"),
        (LAYER + "config", "IF", "layers.0.config: model: got 'IF'"),
        (LAYER + "config", "LIF", "layers.0.learnable: got 'v_th q_bias', expected some of tau_syn_inv"),
        (LAYER + "neurons", "6", "expected (6,) or (1,)"),
        (LAYER + "neurons", "+5", "layers.0.neurons: got '+5'"),
        (LAYER + "neurons", "9" * 5000, "layers.0.neurons: got '999"),
        (LAYER + "learnable", "q_bias v_th", "layers.0.learnable: got 'q_bias v_th'"),
        (LAYER + "learnable", "v_th v_th", "layers.0.learnable: got"),
        (LAYER + "learnable", "weight", "layers.0.learnable: got 'weight'"),
        (LAYER + "step", None, "layers.0.step: got none"),
        (LAYER + "step", "8589934593", "layers.0.step: got '8589934593'"),
        (LAYER + "draws.seed", None, "layers.0.draws.seed: got none, expected it with layers.0.draws.stream"),
        (LAYER + "draws.seed", "9223372036854775808", "layers.0.draws.seed"),
        (LAYER + "stream", "2147483648", "layers.0.stream"),
        (LAYER + "stream", " 1", "layers.0.stream: got ' 1'"),
        (LAYER + "stream", "-0", "layers.0.stream: got '-0'"),
        (LAYER + "stream", "٣", "layers.0.stream"),
        (LAYER + "episode", "-1", "layers.0.episode: got '-1'"),
        (LAYER + "vth", "1", "metadata 'layers.0.vth': got a name that the format does not have"),
        ("layers.1.type", "neurons", "metadata 'layers.1.type'"),
        ("encoder", "rate", "encoder: got 'rate'"),
        ("encoder", "poisson", "encoder.steps: got none"),
        ("encoder.steps", "3", "metadata 'encoder.steps'"),
    ),
)
def test_texts_that_are_refused(tmp_path, name, value, message):
    def change(metadata, header):
        if value is None:
            del metadata[name]
        else:
            metadata[name] = value

    refused(changed(tmp_path, whole_layer, change), message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    (
        (LAYER + "parameters.v_th", "qlifs.V_th", "tensor 'layers.0.parameters.v_th': got none"),
        (LAYER + "state.v", "layers.0.state.u", "tensor 'layers.0.state.v': got none"),
        (LAYER + "statistics.rate", "layers.0.statistics.r", "tensor 'layers.0.statistics.rate': got none"),
        (None, "layers.0.weight", "tensor 'layers.0.weight': got a name that the format does not have"),
    ),
)
def test_tensors_of_another_model(tmp_path, old, new, message):
    def change(_, header):
        header[new] = header.pop(old) if old else {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}

    refused(changed(tmp_path, whole_layer, change), message)


def test_values_and_shapes_that_are_refused(tmp_path):
    for symbol, value, message in (
        ("tau", -1, "layers.0.parameters[1] (tau): got -1"),
        ("v_th", np.nan, "(v_th): got NaN"),
        ("q_scale", np.inf, "(q_scale): got "),
    ):
        layer = neurons()
        layer.parameters[symbol] = np.full(N, value, np.float32)
        with pytest.raises(ValueError) as caught:
            qlif.save(qlif.Checkpoint([layer]), tmp_path / "never")
        assert message.lower() in str(caught.value).lower()
    bad = network()
    bad.layers[0] = qlif.Linear(numbers(0, 3, N + 1))
    with pytest.raises(ValueError, match="layers.1: got 5 inputs, expected 6, the outputs of layer 0"):
        qlif.save(bad, tmp_path / "never")
    layer = whole_layer().layers[0]
    layer.state["v"] = numbers(0, B + 1, N)
    with pytest.raises(ValueError, match=r"layers.0.state.adaptation: got the shape \(2, 5\), expected \(3, 5\)"):
        qlif.save(qlif.Checkpoint([layer]), tmp_path / "never")
    for weight in (numbers(0, N), numbers(0, 0, N)):
        with pytest.raises(ValueError, match="layers.0.weight: got the shape"):
            qlif.save(qlif.Checkpoint([qlif.Linear(weight)]), tmp_path / "never")
    with pytest.raises(ValueError, match="layers.0.bias: got the shape"):
        qlif.save(qlif.Checkpoint([qlif.Linear(numbers(0, 3, N), numbers(0, 3))]), tmp_path / "never")
    with pytest.raises(ValueError, match="layers.0.draws.seed: got 18446744073709551616, expected 64 bits"):
        qlif.save(qlif.Checkpoint([neurons(draws=qlif.Draws(2**64))]), tmp_path / "never")
    with pytest.raises(ValueError, match="layers: got '0'"):
        qlif.save(qlif.Checkpoint([]), tmp_path / "never")
    with pytest.raises(TypeError, match="checkpoint: got dict"):
        qlif.save({}, tmp_path / "never")
    assert not os.listdir(tmp_path)


def test_what_is_ignored(tmp_path):
    def change(metadata, header):
        metadata["extra.anything"] = "kept"
        metadata["training.unknown"] = "1"
        header["extra.of another type"] = {"dtype": "I64", "shape": [0], "data_offsets": [0, 0]}

    assert qlif.load(changed(tmp_path, whole_layer, change)).extra["anything"] == "kept"


def test_damaged_files_are_read_or_refused(tmp_path):
    whole = tmp_path / "whole"
    path = tmp_path / "damaged"
    chance = random.Random(5)
    for made in (whole_layer, network):
        qlif.save(made(), whole)
        content = whole.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        outcomes = set()
        for _ in range(300):
            damaged = bytearray(content)
            for _ in range(chance.choice((1, 1, 2, 8))):
                damaged[chance.randrange(8 + length)] = chance.choice(
                    (0, 0x22, 0x2C, 0x30, 0x39, 0x7B, chance.randrange(256))
                )
            path.write_bytes(damaged)
            try:
                qlif.load(path)
                outcomes.add("read")
            except ValueError:
                outcomes.add("refused")
        assert outcomes == {"read", "refused"}


# ---------------------------------------------------------------- files and folders


def test_things_that_are_no_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        qlif.load(tmp_path / "nothing")
    with pytest.raises((ValueError, OSError)):
        qlif.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "got something that is not a regular file")


def test_the_last_good_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "file"
    qlif.save(network(), path)
    os.chmod(path, 0o640)
    content = path.read_bytes()
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, lambda *_: (_ for _ in ()).throw(OSError("no space left")))
            with pytest.raises(OSError, match="no space left"):
                qlif.save(whole_layer(), path)
        assert path.read_bytes() == content and os.listdir(tmp_path) == ["file"]
    link = tmp_path / "link"
    link.symlink_to(path)
    qlif.save(whole_layer(), link)
    assert link.is_symlink() and path.read_bytes() != content
    assert path.stat().st_mode & 0o777 == 0o640 and sorted(os.listdir(tmp_path)) == ["file", "link"]
    with pytest.raises(FileNotFoundError):
        qlif.save(network(), tmp_path / "no folder" / "file")
