# SPDX-License-Identifier: Apache-2.0
"""Data-parallel runs: R ranks fire the spikes of one process with the whole batch, bit for bit."""

import socket
import traceback

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed as distributed  # noqa: E402
import torch.multiprocessing as multiprocessing  # noqa: E402

from qlif.torch import QLIF, QLIFLayer  # noqa: E402

if not distributed.is_available():
    pytest.skip("PyTorch was built without torch.distributed", allow_module_level=True)

NEURONS = 6
# Of three calls, how many rows each of two ranks has; the last batch is uneven, and one has none.
ROWS = ((4, 4), (4, 4), (3, 1), (2, 0))


def inputs(call, rows, steps=20):
    generator = np.random.default_rng(call)
    return torch.from_numpy(generator.normal(2, 3, (steps, rows, NEURONS)).astype(np.float32))


def parts(ranks, call, rank):
    counts = ROWS[call] if ranks == 2 else (sum(ROWS[call]),)
    first = sum(counts[:rank])
    return slice(first, first + counts[rank])


def work(rank, ranks, port, kind, results):
    try:
        distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=ranks)
        torch.set_num_threads(1)
        torch.manual_seed(7 if rank == 0 else 1000 + rank)
        results.put((rank, RUNS[kind](rank, ranks)))
        distributed.barrier()
        distributed.destroy_process_group()
    except BaseException:
        results.put((rank, traceback.format_exc()))


def in_order(rank, ranks):
    layer = QLIFLayer(NEURONS, homeostasis_lr=0.1, homeostasis_tau=10.0, process_group=distributed.group.WORLD)
    made = []
    for call, counts in enumerate(ROWS):
        part = parts(ranks, call, rank)
        spikes, voltages = layer(inputs(call, sum(counts))[:, part])
        loss = layer.spike_values.sum() + voltages.pow(2).sum()
        gradients = torch.autograd.grad(loss, [*layer.parameters()])
        sums = torch.stack([gradient.double() for gradient in gradients])
        distributed.all_reduce(sums)
        made.append((spikes.numpy(), voltages.detach().numpy(), layer.qlifs.statistics.numpy().copy(), sums.numpy()))
    return made


def interleaved(rank, ranks):
    """Rows as DistributedSampler deals them out."""
    layer = QLIFLayer(NEURONS, process_group=distributed.group.WORLD)
    made = []
    for call in range(2):
        rows = torch.arange(rank, 8, ranks)
        spikes, voltages = layer(inputs(call, 8)[:, rows], row_index=rows)
        made.append((spikes.numpy(), voltages.detach().numpy()))
    return made


def steps(rank, ranks):
    neurons = QLIF(NEURONS, homeostasis_lr=0.1, process_group=distributed.group.WORLD)
    made = []
    for call, counts in enumerate(ROWS[:3]):
        part = parts(ranks, call, rank)
        neurons.resize(part.stop - part.start)
        current = inputs(call, sum(counts))[:, part]
        made.append((torch.stack([neurons(current[t]) for t in range(20)]).numpy(),))
    with pytest.raises(ValueError, match="I: got a batch of 9, expected the state's .*call resize on every rank"):
        neurons(torch.zeros(9, NEURONS))
    return made


def wrapped(rank, ranks):
    """In DistributedDataParallel, which averages gradients."""
    layer = torch.nn.parallel.DistributedDataParallel(
        QLIFLayer(NEURONS, homeostasis_lr=0.1, process_group=distributed.group.WORLD)
    )
    made = []
    for call in range(3):
        part = slice(8 // ranks * rank, 8 // ranks * (rank + 1))
        spikes, voltages = layer(inputs(call, 8)[:, part])
        layer.zero_grad()
        (voltages.pow(2).mean() + layer.module.spike_values.mean()).backward()
        gradients = torch.stack([parameter.grad for parameter in layer.parameters()])
        made.append((spikes.numpy(), gradients.numpy(), layer.module.qlifs.statistics.numpy().copy()))
    return made


def compiled(rank, ranks):
    layer = QLIFLayer(NEURONS, homeostasis_lr=0.1, homeostasis_tau=10.0, process_group=distributed.group.WORLD)

    def train(current):
        spikes, voltages = layer(current)
        return spikes, voltages, layer.spike_values.sum() + voltages.pow(2).sum()

    graph = torch.compile(train, fullgraph=True, backend="aot_eager")
    made = []
    for call, counts in enumerate(ROWS[:3]):
        part = parts(ranks, call, rank)
        spikes, voltages, loss = (graph if ranks == 2 else train)(inputs(call, sum(counts))[:, part])
        loss.backward()
        made.append((spikes.numpy(), voltages.detach().numpy(), layer.qlifs.statistics.numpy().copy()))
    return made


RUNS = {"in order": in_order, "interleaved": interleaved, "steps": steps, "wrapped": wrapped, "compiled": compiled}


def ranks_of(count, kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=work, args=(rank, count, port, kind, results)) for rank in range(count)]
    for worker in workers:
        worker.start()
    made = dict(results.get(timeout=240) for _ in workers)
    for worker in workers:
        worker.join()
    for result in made.values():
        assert not isinstance(result, str), result
    return [made[rank] for rank in range(count)]


def test_two_ranks_are_one_process():
    (whole,) = ranks_of(1, "in order")
    first, second = ranks_of(2, "in order")
    for call in range(len(ROWS)):
        for i in (0, 1):
            assert np.array_equal(np.concatenate([first[call][i], second[call][i]], axis=1), whole[call][i])
        for result in (first, second):
            assert np.array_equal(result[call][2], whole[call][2]), "statistics"
            np.testing.assert_allclose(result[call][3], whole[call][3], rtol=1e-5, atol=1e-4)
    assert whole[0][0].any() and not np.array_equal(whole[0][0][:, :4], whole[1][0][:, :4])
    assert np.abs(whole[0][2]).max() > 0


def test_rows_that_are_dealt_out():
    (whole,) = ranks_of(1, "interleaved")
    first, second = ranks_of(2, "interleaved")
    for call in range(2):
        for i in (0, 1):
            assert np.array_equal(first[call][i], whole[call][i][:, 0::2])
            assert np.array_equal(second[call][i], whole[call][i][:, 1::2])


def test_steps_of_two_ranks_are_those_of_one_process():
    (whole,) = ranks_of(1, "steps")
    first, second = ranks_of(2, "steps")
    for call in range(3):
        assert np.array_equal(np.concatenate([first[call][0], second[call][0]], axis=1), whole[call][0])


def test_in_distributed_data_parallel():
    (whole,) = ranks_of(1, "wrapped")
    first, second = ranks_of(2, "wrapped")
    for call in range(3):
        assert np.array_equal(np.concatenate([first[call][0], second[call][0]], axis=1), whole[call][0])
        for result in (first, second):
            np.testing.assert_allclose(result[call][1], whole[call][1], rtol=1e-4, atol=1e-6)
            assert np.array_equal(result[call][2], whole[call][2])


def test_compiled_ranks_are_one_eager_process():
    (whole,) = ranks_of(1, "compiled")
    first, second = ranks_of(2, "compiled")
    for call in range(3):
        for i in (0, 1):
            assert np.array_equal(np.concatenate([first[call][i], second[call][i]], axis=1), whole[call][i])
        for result in (first, second):
            assert np.array_equal(result[call][2], whole[call][2]), "statistics"
    assert not np.array_equal(whole[0][0], whole[1][0])


def test_without_torch_distributed_it_is_refused():
    with pytest.raises(RuntimeError, match="process_group: got one, expected torch.distributed to be initialised"):
        QLIFLayer(NEURONS, process_group=object())
