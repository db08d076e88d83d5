/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaky integrate-and-fire neuron in plain C, docs/model.md, section 11, forward and backward; with PLAIN_LIF defined the one
 * without a synaptic current, QlifConfig.plainLif(). A contender for the Java kernels, written to win: no part of QLIF uses it.
 *
 * Blocks of W neurons go through all time steps; a step is a loop over the block that gcc turns into vector code.
 * What made it fast:
 *  - a step is a handful of operations, so time goes into memory: a block's row is long enough for the processor to read ahead in it,
 *    its state and parameters stay in the first cache, and the next steps' rows are prefetched;
 *  - training keeps no potentials: the backward pass does SEGMENT steps at a time again from a checkpoint, into the cache, which
 *    costs less than to write and read them.
 *
 * Compile with -ffast-math, link without: see qlif_contender.c.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Neurons of a block: forward, and backward, which keeps SEGMENT steps of a block in the cache. */
#define W 512
#define WB 128
/* How many steps ahead rows are prefetched. */
#define AHEAD 2
/* Steps between two checkpoints, and between two flushes. */
#define SEGMENT 64
#define FLUSH 0x1p-64f
#define FLUSH_ADJOINT 0x1p-100f

/* The configuration, in the names of docs/model.md. */
#define V_RESET 0.0f
#ifdef PLAIN_LIF
#define DT 1.0f
#define STATES 1
#define CURRENT(input, kept) (input) /* what the backward pass reads as the current of a step */
#else
#define DT 0.001f
#define V_LEAK 0.0f
#define SURROGATE_ALPHA 100.0f
#define STATES 2
#define CURRENT(input, kept) (kept)
#endif

#define LINE __attribute__((aligned(64)))

/* The surrogate derivative at a gap of x. */
static inline float surrogate(float x) {
#ifdef PLAIN_LIF
    return fmaxf(0.0f, 1.0f - fabsf(x)); /* HEAVISIDE, a = 1 */
#else
    float q = 1.0f / (1.0f + SURROGATE_ALPHA * fabsf(x)); /* FAST_SIGMOID */
    return q * q;
#endif
}

static inline int fires(float v_pre, float v_th) {
#ifdef PLAIN_LIF
    return v_pre >= v_th;
#else
    return v_pre > v_th;
#endif
}

/* Copies `count` values of the elements from `first` on out of an array of one for each neuron. */
static void gather(float *restrict to, const float *restrict from, int64_t first, int64_t count, int64_t neurons) {
    int64_t n = first % neurons;
    while (count > 0) {
        int64_t run = neurons - n < count ? neurons - n : count;
        memcpy(to, from + n, (size_t)run * sizeof(float));
        to += run;
        count -= run;
        n = 0;
    }
}

/* The shares of a step, and the threshold. What lies past `count` is 0, and fires never. */
static void load(float *restrict syn, float *restrict mem, float *restrict v_th, int width, const float *tau_syn_inv,
                 const float *tau_mem_inv, const float *thresholds, int64_t first, int64_t count, int64_t neurons) {
    for (int j = 0; j < width; j++) {
        syn[j] = 0.0f;
        mem[j] = 1.0f;
        v_th[j] = 1.0f;
    }
    gather(mem, tau_mem_inv, first, count, neurons);
    gather(v_th, thresholds, first, count, neurons);
#ifdef PLAIN_LIF
    for (int j = 0; j < width; j++) {
        mem[j] = DT / mem[j]; /* the parameter is tau itself */
    }
#else
    gather(syn, tau_syn_inv, first, count, neurons);
    for (int j = 0; j < width; j++) {
        syn[j] = DT * syn[j];
        mem[j] = DT * mem[j];
    }
#endif
}

/* docs/model.md, section 10: no denormal numbers in silent neurons. */
static void flush(float *restrict x, int width, float bound) {
    for (int j = 0; j < width; j++) {
        x[j] = fabsf(x[j]) < bound ? 0.0f : x[j];
    }
}

/* One step of a block, forward. */
static inline __attribute__((always_inline)) void step(int width, const float *restrict input, const float *restrict syn,
        const float *restrict mem, const float *restrict v_th, float *restrict v, float *restrict i, uint8_t *restrict spikes) {
    for (int j = 0; j < width; j++) {
#ifdef PLAIN_LIF
        float v_pre = v[j] + mem[j] * (input[j] - v[j]);
#else
        float i_in = i[j] + input[j];
        float v_pre = v[j] + mem[j] * ((V_LEAK - v[j]) + i_in);
        i[j] = i_in - syn[j] * i_in;
#endif
        int fired = fires(v_pre, v_th[j]);
        v[j] = fired ? V_RESET : v_pre;
        spikes[j] = (uint8_t)fired;
    }
}

/* A step of a block again, keeping what the adjoint reads. */
static inline __attribute__((always_inline)) void step_again(int width, const float *restrict input, const float *restrict syn,
        const float *restrict mem, const float *restrict v_th, float *restrict v, float *restrict i, float *restrict kept_v,
        float *restrict kept_i) {
    for (int j = 0; j < width; j++) {
#ifdef PLAIN_LIF
        float drive = input[j] - v[j];
#else
        float i_in = i[j] + input[j];
        float drive = (V_LEAK - v[j]) + i_in;
        i[j] = i_in - syn[j] * i_in;
        kept_i[j] = i_in;
#endif
        float v_pre = v[j] + mem[j] * drive;
        kept_v[j] = v_pre;
        v[j] = fires(v_pre, v_th[j]) ? V_RESET : v_pre;
    }
}

/* The adjoint of a step of a block. `v_before` is what kept_v was in the step before, or the potential that the segment began with. */
static inline __attribute__((always_inline)) void step_back(int width, const float *restrict current,
        const float *restrict v_before, const float *restrict kept_v, const float *restrict syn, const float *restrict mem,
        const float *restrict v_th, const float *restrict grad_y, float *restrict adj_v, float *restrict adj_i,
        float *restrict grad_syn, float *restrict grad_mem, float *restrict grad_v_th, float *restrict grad_input) {
    for (int j = 0; j < width; j++) {
        float v_pre = kept_v[j];
        float v = fires(v_before[j], v_th[j]) ? V_RESET : v_before[j];
        float b_v = adj_v[j];
#ifdef PLAIN_LIF
        float drive = current[j] - v;
        float b_y = grad_y[j]; /* the reset is detached */
#else
        float drive = (V_LEAK - v) + current[j];
        float b_y = grad_y[j] + b_v * (V_RESET - v_pre);
#endif
        float b_delta = b_y * surrogate(v_pre - v_th[j]);
        float b_v_pre = (fires(v_pre, v_th[j]) ? 0.0f : b_v) + b_delta;
        float b_drive = mem[j] * b_v_pre;
        grad_v_th[j] -= b_delta;
        grad_mem[j] += b_v_pre * drive;
        adj_v[j] = b_v_pre - b_drive;
#ifdef PLAIN_LIF
        grad_input[j] = b_drive;
#else
        float b_i = adj_i[j] - syn[j] * adj_i[j] + b_drive;
        grad_syn[j] -= adj_i[j] * current[j];
        adj_i[j] = b_i;
        grad_input[j] = b_i;
#endif
    }
}

/*
 * Runs `steps` steps of `elements` = batch * neurons elements from the initial state.
 *
 * input, voltages: float32 (steps, elements), row-major; voltages is null to drop them.
 * tau_syn_inv, tau_mem_inv, thresholds: float32 (neurons); with PLAIN_LIF the first is unused, the second is tau.
 * spikes: one byte an element-step, 0 or 1.
 * checkpoints: float32 (lif_contender_checkpoints(steps), elements), the state before every SEGMENT-th step but the first, for a
 *     backward pass; null for none.
 */
void lif_contender_forward(int64_t steps, int64_t elements, int64_t neurons, const float *input, const float *tau_syn_inv,
                           const float *tau_mem_inv, const float *thresholds, uint8_t *spikes, float *voltages,
                           float *checkpoints, int threads) {
    int64_t blocks = (elements + W - 1) / W;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t b = 0; b < blocks; b++) {
        LINE float syn[W], mem[W], v_th[W], v[W] = {0}, i[W] = {0}, in_tail[W] = {0};
        LINE uint8_t spike_tail[W];
        int64_t first = b * W;
        int64_t live = elements - first < W ? elements - first : W;
        load(syn, mem, v_th, W, tau_syn_inv, tau_mem_inv, thresholds, first, live, neurons);
        for (int64_t t = 0; t < steps; t++) {
            int64_t at = t * elements + first;
            if (t > 0 && t % SEGMENT == 0) {
                flush(v, W, FLUSH);
                flush(i, W, FLUSH);
                if (checkpoints) {
                    float *to = checkpoints + (t / SEGMENT - 1) * STATES * elements + first;
                    memcpy(to, v, (size_t)live * sizeof(float));
#ifndef PLAIN_LIF
                    memcpy(to + elements, i, (size_t)live * sizeof(float));
#endif
                }
            }
            if (live == W) {
                if (t + AHEAD < steps) {
                    for (int j = 0; j < W; j += 16) {
                        __builtin_prefetch(input + at + AHEAD * elements + j);
                    }
                    for (int j = 0; j < W; j += 64) {
                        __builtin_prefetch(spikes + at + AHEAD * elements + j, 1);
                    }
                }
                step(W, input + at, syn, mem, v_th, v, i, spikes + at);
            } else {
                /* The last block: what lies past the end is neither read nor written. */
                memcpy(in_tail, input + at, (size_t)live * sizeof(float));
                step(W, in_tail, syn, mem, v_th, v, i, spike_tail);
                memcpy(spikes + at, spike_tail, (size_t)live);
            }
            if (voltages) {
                memcpy(voltages + at, v, (size_t)live * sizeof(float));
            }
        }
    }
}

/* How many floats of an element a run of `steps` steps leaves in its checkpoints. */
int64_t lif_contender_checkpoints(int64_t steps) {
    return steps > 0 ? (steps - 1) / SEGMENT * STATES : 0;
}

/*
 * The backward pass of a run, from the gradient of its spikes.
 *
 * grad_y, grad_input: float32 (steps, elements).
 * sums: float32 (3, elements), scratch.
 * grad_tau_syn_inv, grad_tau_mem_inv, grad_v_th: float32 (neurons), summed over the batch; with PLAIN_LIF the first is left alone,
 *     the second is that of tau.
 */
void lif_contender_backward(int64_t steps, int64_t elements, int64_t neurons, const float *input, const float *tau_syn_inv,
                            const float *tau_mem_inv, const float *thresholds, const float *checkpoints, const float *grad_y,
                            float *grad_input, float *sums, float *grad_tau_syn_inv, float *grad_tau_mem_inv,
                            float *grad_v_th, int threads) {
    int64_t blocks = (elements + WB - 1) / WB;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t b = 0; b < blocks; b++) {
            LINE float syn[WB], mem[WB], v_th[WB], v[WB], i[WB], adj_v[WB] = {0}, adj_i[WB] = {0};
            LINE float sum_syn[WB] = {0}, sum_mem[WB] = {0}, sum_v_th[WB] = {0};
            LINE float kept_v[SEGMENT + 1][WB], kept_i[SEGMENT][WB];
            LINE float in_tail[WB] = {0}, grad_tail[WB] = {0}, out_tail[WB];
            int64_t first = b * WB;
            int64_t live = elements - first < WB ? elements - first : WB;
            load(syn, mem, v_th, WB, tau_syn_inv, tau_mem_inv, thresholds, first, live, neurons);
            for (int64_t segment = (steps - 1) / SEGMENT; segment >= 0; segment--) {
                int64_t start = segment * SEGMENT;
                int length = (int)(steps - start < SEGMENT ? steps - start : SEGMENT);
                memset(v, 0, sizeof v);
                memset(i, 0, sizeof i);
                if (segment > 0) {
                    const float *from = checkpoints + (segment - 1) * STATES * elements + first;
                    memcpy(v, from, (size_t)live * sizeof(float));
#ifndef PLAIN_LIF
                    memcpy(i, from + elements, (size_t)live * sizeof(float));
#endif
                }
                memcpy(kept_v[0], v, sizeof v);
                for (int s = 0; s < length; s++) {
                    int64_t at = (start + s) * elements + first;
                    const float *in = input + at;
                    if (live < WB) {
                        in = memcpy(in_tail, in, (size_t)live * sizeof(float));
                    } else if (s + AHEAD < length) {
                        for (int j = 0; j < WB; j += 16) {
                            __builtin_prefetch(in + AHEAD * elements + j);
                        }
                    }
                    step_again(WB, in, syn, mem, v_th, v, i, kept_v[s + 1], kept_i[s]);
                }
                for (int s = length - 1; s >= 0; s--) {
                    int64_t at = (start + s) * elements + first;
                    if (live == WB) {
                        if (s >= AHEAD) {
                            for (int j = 0; j < WB; j += 16) {
                                __builtin_prefetch(grad_y + at - AHEAD * elements + j);
                                __builtin_prefetch(grad_input + at - AHEAD * elements + j, 1);
                            }
                        }
                        step_back(WB, CURRENT(input + at, kept_i[s]), kept_v[s], kept_v[s + 1], syn, mem, v_th, grad_y + at,
                                  adj_v, adj_i, sum_syn, sum_mem, sum_v_th, grad_input + at);
                    } else {
                        memcpy(in_tail, input + at, (size_t)live * sizeof(float));
                        memcpy(grad_tail, grad_y + at, (size_t)live * sizeof(float));
                        step_back(WB, CURRENT(in_tail, kept_i[s]), kept_v[s], kept_v[s + 1], syn, mem, v_th, grad_tail, adj_v,
                                  adj_i, sum_syn, sum_mem, sum_v_th, out_tail);
                        memcpy(grad_input + at, out_tail, (size_t)live * sizeof(float));
                    }
                }
                flush(adj_v, WB, FLUSH_ADJOINT);
                flush(adj_i, WB, FLUSH_ADJOINT);
            }
            memcpy(sums + first, sum_syn, (size_t)live * sizeof(float));
            memcpy(sums + elements + first, sum_mem, (size_t)live * sizeof(float));
            memcpy(sums + 2 * elements + first, sum_v_th, (size_t)live * sizeof(float));
        }
#pragma omp for schedule(static)
        for (int64_t first = 0; first < neurons; first += WB) {
            int64_t live = neurons - first < WB ? neurons - first : WB;
            float total[3][WB] = {{0}};
            for (int64_t row = 0; row < elements; row += neurons) {
                for (int k = 0; k < 3; k++) {
                    const float *from = sums + k * elements + row + first;
                    for (int64_t j = 0; j < live; j++) {
                        total[k][j] += from[j];
                    }
                }
            }
            for (int64_t j = 0; j < live; j++) {
#ifdef PLAIN_LIF
                float tau = tau_mem_inv[first + j];
                grad_tau_mem_inv[first + j] = -DT / (tau * tau) * total[1][j];
#else
                grad_tau_syn_inv[first + j] = DT * total[0][j];
                grad_tau_mem_inv[first + j] = DT * total[1][j];
#endif
                grad_v_th[first + j] = total[2][j];
            }
        }
    }
}
