"""Times PyTorch's matrix products of a linear layer driven by spikes on the CPU: dense, and with the input as compressed sparse rows.

The output and the gradient of the weights at (2560, 784, 512), over the share of inputs that are set. One line for each, in milliseconds:
the median, and the least.
"""

import argparse
import statistics
import time

import torch


def milliseconds(call, seconds):
    """The median and the least time of calls over this long, after a warm-up."""
    call()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2560)
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--outputs", type=int, default=512)
    parser.add_argument("--shares", default="1,3,13,30,50,100", help="percent, separated by commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2, help="for each line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} threads, ({options.rows}, {options.inputs}, {options.outputs}), ms: median, least")
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(options.inputs, options.outputs, generator=generator)
    gradient = torch.randn(options.rows, options.outputs, generator=generator)
    for share in map(int, options.shares.split(",")):
        spikes = (torch.rand(options.rows, options.inputs, generator=generator) < share / 100).float()
        rows = spikes.to_sparse_csr()
        columns = spikes.t().contiguous().to_sparse_csr()
        torch.testing.assert_close(rows @ weights, spikes @ weights, rtol=1e-4, atol=1e-4)
        for name, call in (
            ("output, dense", lambda: spikes @ weights),
            ("output, compressed rows", lambda: rows @ weights),
            ("gradient of the weights, dense", lambda: spikes.t() @ gradient),
            ("gradient of the weights, compressed rows", lambda: columns @ gradient),
        ):
            median, least = milliseconds(call, options.seconds)
            print(f"{share:3d} % {name}: {median:.2f}, {least:.2f}")


if __name__ == "__main__":
    main()
