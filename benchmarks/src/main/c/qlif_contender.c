/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QLIF in plain C: the default configuration of docs/model.md and its draws, forward only. A contender for the Java kernels,
 * written to win: no part of QLIF uses it.
 *
 * Blocks of W neurons go through all time steps; each stage of a step is a loop over the block that gcc turns into vector code.
 * What made it fast:
 *  - one Philox call serves two steps, and works in 64-bit lanes: from the usual 32-bit form gcc makes code of half the speed;
 *  - elementary functions of its own on just the ranges the model needs, inlined. With LIBMVEC defined it calls libm instead, which
 *    gcc turns into calls of libmvec, as most C programs would: about two thirds of the speed;
 *  - the next steps' rows are prefetched, since a block's rows lie a whole batch apart, too far for the processor to guess.
 *
 * Compile with -ffast-math, link without: linking with it adds a start-up routine that turns off denormal numbers for the thread
 * that loads the library, which is a thread of the JVM.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Neurons of a block. */
#define W 64
/* How many steps ahead rows are prefetched. */
#define AHEAD 2
/* Philox4x32-10: multipliers and key increments. */
#define M0 0xD2511F53u
#define M1 0xCD9E8D57u
#define K0 0x9E3779B9u
#define K1 0xBB67AE85u
#define UNIT 0x1p-24f
#define LOW 0xFFFFFFFFu
#define TWO_PI 6.283185307179586f

/* The configuration, in the names of docs/model.md. */
#define SIGMA 0.1f
#define GAIN 2.0f /* 1 + kappa M, both 1 */
#define G_AHP 0.2f
#define MIN_THRESHOLD 0.5f
#define MAX_THRESHOLD 2.0f
#define QUANTUM_LEAK 0.1f
#define DSP_DECAY 0.951229424500714f   /* exp(-1/20) */
#define REF_DECAY 0.846481724890614f   /* exp(-1/6) */
#define AHP_DECAY 0.991701292638875f   /* exp(-1/120) */
#define AHP_JUMP 0.3f
#define AHP_MAX 2.0f
#define ADAPTATION_DECAY 0.9f
#define SPIKE_INCREASE 0.5f
#define DEPRESSION_RATE 0.1f
#define RECOVERY_RATE 0.05f
#define RATE_STEP 1e-3f
#define HOMEOSTASIS_LR 1e-3f
#define TARGET_RATE 0.12f
#define FLUSH_PERIOD 64
#define FLUSH 0x1p-64f

/* Parameters, state and draws of one block. */
typedef struct {
    float v_th[W], leak[W], eta[W], alpha[W], rest_angle[W];
    float v[W], a[W], s[W], r[W], h[W], d[W], o[W], rate[W], homeostasis[W], y[W];
    float u[2][W], xi[2][W];
    float base[W], angle[W], p[W]; /* of the current step, between its loops */
} __attribute__((aligned(64))) block;


#ifdef LIBMVEC

/* Loops of one call each: gcc merges sine and cosine of one angle into a sincos call that it can't vectorise. */
static void box_muller(const uint32_t *restrict w2, const uint32_t *restrict w3, float *restrict even, float *restrict odd) {
    float radius[W], angle[W];
    for (int i = 0; i < W; i++) {
        radius[i] = sqrtf(-2.0f * logf((float)((int32_t)(w2[i] >> 8) + 1) * UNIT));
        angle[i] = (float)(int32_t)(w3[i] >> 8) * (UNIT * TWO_PI);
    }
    for (int i = 0; i < W; i++) {
        even[i] = radius[i] * cosf(angle[i]);
    }
    for (int i = 0; i < W; i++) {
        odd[i] = radius[i] * sinf(angle[i]);
    }
}

/* (1 - cos x) / 2. */
static inline float versin(float x) {
    return 0.5f - 0.5f * cosf(x);
}

#define exp_negative expf

#else

/*
 * Elementary functions on the ranges that the model needs, accurate to a few units in the last place: inlined, they keep the
 * loops free of calls. The polynomials are minimax fits.
 */

/* sin(pi x), |x| <= 1/2. */
static inline float sin_pi(float x) {
    float z = x * x;
    return x * (3.1415927f + z * (-5.1677098f + z * (2.5500698f + z * (-0.59824216f + z * 0.07756044f))));
}

/* cos(pi x), |x| <= 1/2. */
static inline float cos_pi(float x) {
    float z = x * x;
    return 0.99999994f + z * (-4.934793f + z * (4.058412f + z * (-1.3318802f + z * 0.219697f)));
}

/* exp(x), -80 <= x <= 0. */
static inline float exp_negative(float x) {
    float y = x * 1.442695041f;
    float n = rintf(y);
    float f = y - n;
    union { float f; int32_t i; } power = {
        1.0000001f + f * (0.69314694f + f * (0.2402212f + f * (0.05550713f + f * (0.00967554f + f * 0.0013276472f))))};
    power.i += (int32_t)n * (1 << 23);
    return power.f;
}

/* ln(x), 2^-24 <= x <= 1. */
static inline float log_unit(float x) {
    union { float f; int32_t i; } m = {x};
    int32_t e = (m.i - 0x3f3504f3) >> 23; /* x = 2^e m, sqrt(1/2) <= m < sqrt(2) */
    m.i -= e * (1 << 23);
    float f = m.f - 1.0f;
    float q = -0.4999999f
            + f * (0.3333395f
            + f * (-0.25001755f
            + f * (0.19962072f + f * (-0.16570508f + f * (0.14917974f + f * (-0.14307521f + f * 0.08734843f))))));
    return (float)e * 0.69314718f + (f + f * f * q);
}

static void box_muller(const uint32_t *restrict w2, const uint32_t *restrict w3, float *restrict even, float *restrict odd) {
    for (int i = 0; i < W; i++) {
        float radius = sqrtf(-2.0f * log_unit((float)((int32_t)(w2[i] >> 8) + 1) * UNIT));
        /* Half the angle, turned by half a circle to lie around 0; the turn changes both signs. */
        float half = (float)(int32_t)(w3[i] >> 8) * UNIT - 0.5f;
        float sine = sin_pi(half), cosine = cos_pi(half);
        even[i] = radius * (2.0f * sine * sine - 1.0f);
        odd[i] = radius * (-2.0f * sine * cosine);
    }
}

/* (1 - cos x) / 2. */
static inline float versin(float x) {
    float turns = x * (1.0f / TWO_PI);
    float sine = sin_pi(turns - rintf(turns));
    return sine * sine;
}

#endif

/* The draws of steps 2 * pair and 2 * pair + 1 for the elements from `first` on. */
static void draw(block *restrict k, uint64_t seed, uint64_t first, uint32_t pair, uint32_t stream) {
    uint32_t w0[W], w1[W], w2[W], w3[W];
    for (int i = 0; i < W; i++) {
        uint64_t element = first + (uint64_t)i;
        uint64_t x0 = element & LOW, x1 = element >> 32, x2 = pair, x3 = stream;
        uint64_t k0 = seed & LOW, k1 = seed >> 32;
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t)M0 * (x0 & LOW);
            uint64_t p1 = (uint64_t)M1 * (x2 & LOW);
            x0 = (p1 >> 32) ^ x1 ^ k0;
            x1 = p1;
            x2 = (p0 >> 32) ^ x3 ^ k1;
            x3 = p0;
            k0 = (k0 + K0) & LOW;
            k1 = (k1 + K1) & LOW;
        }
        w0[i] = (uint32_t)x0;
        w1[i] = (uint32_t)x1;
        w2[i] = (uint32_t)x2;
        w3[i] = (uint32_t)x3;
    }
    for (int i = 0; i < W; i++) {
        k->u[0][i] = (float)(int32_t)(w0[i] >> 8) * UNIT;
        k->u[1][i] = (float)(int32_t)(w1[i] >> 8) * UNIT;
    }
    box_muller(w2, w3, k->xi[0], k->xi[1]);
}

/* One step of a block. */
static void step(block *restrict k, const float *restrict input, const float *restrict u, const float *restrict xi,
                 uint8_t *restrict spikes) {
    for (int i = 0; i < W; i++) {
        float current = GAIN * input[i] * k->s[i] - k->a[i] - G_AHP * k->h[i];
        float v = k->v[i] + k->leak[i] * (current - k->v[i]) + SIGMA * xi[i];
        float base = fminf(fmaxf(k->v_th[i] + k->o[i], MIN_THRESHOLD), MAX_THRESHOLD);
        float d = DSP_DECAY * k->d[i] + k->y[i];
        k->v[i] = v;
        k->base[i] = base;
        k->d[i] = d;
        k->angle[i] = k->rest_angle[i] + k->alpha[i] / fmaxf(1.0f + d, 1e-6f) * (v - base - k->homeostasis[i]);
    }
    for (int i = 0; i < W; i++) {
        k->p[i] = versin(k->angle[i]);
    }
    for (int i = 0; i < W; i++) {
        k->p[i] *= exp_negative(-k->r[i]);
    }
    for (int i = 0; i < W; i++) {
        float y = u[i] < k->p[i] ? 1.0f : 0.0f;
        float base = k->base[i];
        k->y[i] = y;
        k->v[i] -= y * k->v[i];
        k->r[i] = REF_DECAY * k->r[i] + y;
        k->h[i] = fminf(AHP_DECAY * k->h[i] + AHP_JUMP * y, AHP_MAX);
        k->a[i] = ADAPTATION_DECAY * k->a[i] + SPIKE_INCREASE * y;
        k->s[i] = k->s[i] * (1.0f - DEPRESSION_RATE * y) + RECOVERY_RATE * (1.0f - k->s[i]);
        float moved = base + k->eta[i] * (y - (1.0f - y) * (base - k->v_th[i]));
        k->o[i] = fminf(fmaxf(moved, MIN_THRESHOLD), MAX_THRESHOLD) - k->v_th[i];
        k->rate[i] += RATE_STEP * (y - k->rate[i]);
        k->homeostasis[i] += HOMEOSTASIS_LR * (k->rate[i] - TARGET_RATE);
    }
    for (int i = 0; i < W; i++) {
        spikes[i] = (uint8_t)(int32_t)k->y[i];
    }
}

/* docs/model.md, section 10: no denormal numbers in silent neurons. */
static void flush(float *restrict x) {
    for (int i = 0; i < W; i++) {
        x[i] = fabsf(x[i]) < FLUSH ? 0.0f : x[i];
    }
}

/*
 * Runs `steps` steps of `elements` = batch * neurons elements from the initial state.
 *
 * input, u, xi, voltages: float32 (steps, elements), row-major; u and xi are null to draw them, voltages is null to drop them.
 * v_th, tau, eta, alpha, beta: float32 (neurons).
 * spikes: one byte an element-step, 0 or 1.
 */
void qlif_contender_forward(int64_t steps, int64_t elements, int64_t neurons, const float *input, const float *v_th,
                            const float *tau, const float *eta, const float *alpha, const float *beta, uint64_t seed,
                            uint32_t stream, const float *u, const float *xi, uint8_t *spikes, float *voltages, int threads) {
    int64_t blocks = (elements + W - 1) / W;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t first = b * W;
        size_t live = (size_t)(elements - first < W ? elements - first : W);
        block k;
        memset(&k, 0, sizeof k);
        for (int i = 0; i < W; i++) {
            int64_t n = (first + i) % neurons;
            k.v_th[i] = v_th[n];
            k.leak[i] = 1.0f / tau[n];
            k.eta[i] = eta[n];
            k.alpha[i] = alpha[n];
            k.rest_angle[i] = beta[n] - QUANTUM_LEAK;
            k.s[i] = 1.0f;
        }
        float in_tail[W] = {0}, u_tail[W] = {0}, xi_tail[W] = {0};
        uint8_t spike_tail[W];
        for (int64_t t = 0; t < steps; t++) {
            int64_t at = t * elements + first;
            if (t % FLUSH_PERIOD == 0) {
                flush(k.v);
                flush(k.a);
                flush(k.r);
                flush(k.h);
                flush(k.d);
                flush(k.o);
                flush(k.rate);
                flush(k.homeostasis);
            }
            if (t % 2 == 0 && (!u || !xi)) {
                draw(&k, seed, (uint64_t)first, (uint32_t)(t / 2), stream);
            }
            if (t + AHEAD < steps) {
                for (int i = 0; i < W; i += 16) {
                    __builtin_prefetch(input + at + AHEAD * elements + i);
                }
                __builtin_prefetch(spikes + at + AHEAD * elements, 1);
            }
            const float *step_u = u ? u + at : k.u[t % 2];
            const float *step_xi = xi ? xi + at : k.xi[t % 2];
            if (live == W) {
                step(&k, input + at, step_u, step_xi, spikes + at);
            } else {
                /* The last block: what lies past the end is neither read nor written. */
                memcpy(in_tail, input + at, live * sizeof(float));
                memcpy(u_tail, step_u, live * sizeof(float));
                memcpy(xi_tail, step_xi, live * sizeof(float));
                step(&k, in_tail, u_tail, xi_tail, spike_tail);
                memcpy(spikes + at, spike_tail, live);
            }
            if (voltages) {
                memcpy(voltages + at, k.v, live * sizeof(float));
            }
        }
    }
}
