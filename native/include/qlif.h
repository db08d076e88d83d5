/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QLIF: fused spiking-neuron kernels on a CUDA device or on the host, behind one C interface.
 *
 * One call runs all time steps of a batch, forward or backward. There are two neuron models, QLIF and LIF; docs/model.md has their
 * equations. Every device gives the same bits: docs/numerics.md says which.
 *
 * In outline; native/examples/example.c is a whole program:
 *
 *     qlif_lif_config config;
 *     qlif_lif_defaults(&config, sizeof config);                    // then change what should differ
 *     qlif_kernel_open(QLIF_HOST, &config.header, NULL, &kernel);
 *     qlif_tape_open(kernel, QLIF_TAPE_COMPACT, QLIF_TYPE_F32, T, B, N, &tape);
 *     qlif_forward(kernel, &forward_args, NULL);                    // with forward_args.tape = tape
 *     qlif_backward(kernel, &backward_args, NULL);                  // with backward_args.forward = &forward_args
 *     qlif_tape_close(tape);
 *     qlif_kernel_close(kernel);
 *
 * Binding from another language: all types are of fixed width, enumerations are int32_t, structs have C's natural layout without
 * padding that is not named, and nothing is passed by value but integers and pointers. Set a struct to zeros, then its size, then
 * what the call needs: a field that is 0 or NULL asks for nothing. Check first that qlif_abi_version() is the QLIF_ABI_VERSION
 * you bound to. The library allocates and frees what it holds; whatever a struct points to is the caller's.
 *
 * Conventions
 *   - Every function that can fail returns a qlif_status; 0 is success. qlif_last_error() is the text of the calling thread's last
 *     failure. Arguments are checked before anything is written: see "Checks".
 *   - Arrays are row-major; T steps, B rows of the batch, N neurons; an element is e = b * N + n. Pointers in argument structs are
 *     memory of the kernel's device (device pointers for CUDA, host pointers for QLIF_HOST), aligned as their type; NULL means
 *     absent where that is allowed. Outputs must not overlap inputs, each other, scratch or a tape.
 *   - Numbers are float32, spikes apart, and so is all that is computed. Some large arrays may be of 16 bits: QLIF_TYPE_. Potentials, thresholds, currents and gradients have no unit; times have that of dt.
 *   - An argument struct and a configuration are the caller's again at the return; what an argument struct points to must live until the
 *     work is done, which on QLIF_HOST it is at the return.
 *   - On CUDA, calls are enqueued on the stream given (a CUstream or cudaStream_t of the kernel's device's primary context, NULL for
 *     the default stream) and return at once. On QLIF_HOST the stream must be NULL.
 *   - A kernel serves one call at a time, and so does a tape: a second thread's call meanwhile gets QLIF_BUSY. A kernel's calls must all
 *     be on one stream, or be ordered by events, unless each brings its own scratch memory. Kernels are independent of each other.
 *   - The calling thread's current context is the same after a call as before it. Each kernel and tape holds the device's primary context.
 *   - While a thread captures a stream of a GPU into a CUDA graph, other threads may open kernels and tapes on that GPU, reserve, close
 *     them and call, but not on the default stream. The capturing thread must not open, reserve or close. No call waits for a graph: stop
 *     launching it, and wait for its last launch, before a kernel or tape that it uses is closed.
 *   - Structs begin with their own size, a multiple of 8, and grow at their end. A struct that is shorter than the library's comes from an
 *     older caller: what it lacks counts as 0, or in a configuration as the default. A longer one comes from a newer caller: it is taken if
 *     the rest of it is 0 and no more than 4096 bytes, else refused. Of an info struct the library writes no more than its size, and zeros past what it knows.
 *   - A call without a neuron-step (T, B or N is 0) returns at once, whatever its other extents. It writes what it has to: zeros as the
 *     gradients of parameters and of the modulation; if T is 0, the initial state as the final one, and its gradient likewise.
 *
 * Handles
 *   - A qlif_kernel *, a qlif_tape * and a qlif_linear * are numbers, not addresses. No number is given out twice in a process, and one
 *     that is of a kernel is never of a tape. What is not the handle of an open object of the right kind is refused with QLIF_INVALID_ARGUMENT and no memory is touched:
 *     NULL, a handle that has been closed, a handle of the other kind, any other number. Closing NULL does nothing and succeeds.
 *   - Any thread may close. While another thread is in a call on the object, closing gives QLIF_BUSY and changes nothing: the handle is
 *     open as before, and closing can be tried again. Otherwise the handle is closed and everything is freed, also when the work on the
 *     device that is waited for has failed, which the status then says.
 *
 * Checks
 *   - A failure's text names the argument, what it was and what was expected, such as "steps: got -1, expected 0 or more".
 *   - The fields of a configuration must have values in the ranges that stand beside them. "Finite" and "> 0" are meant in float32, in
 *     which the kernels compute: 1e-50 is not > 0, 1e300 is not finite.
 *   - B * N and T * B * N must be below 2^63, and so must the bytes of each array that is lent, of a tape and of scratch memory; else
 *     QLIF_INVALID_ARGUMENT. What is below it but more than there is gives QLIF_OUT_OF_MEMORY.
 *   - On QLIF_HOST each forward and backward call checks its parameters' values against their ranges (QLIF_RANGE_). On CUDA parameters
 *     are device memory and are not read: a value that is not legal gives NaN in its neurons, or in all of them where it is shared.
 *   - Other values are not checked. Input, modulation, lent draws, initial state and upstream gradients may hold NaN and infinities. A NaN
 *     fires no spike and stays in its neuron (b, n): the results of all others are the bits that they are without it. Only gradients that
 *     are sums over neurons or the batch, as those of parameters are, take it in.
 *   - What a pointer points to can't be checked: that the memory is there, is the device's and is large enough is up to the caller.
 */
#ifndef QLIF_H
#define QLIF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if UINTPTR_MAX != UINT64_MAX
#error "qlif.h: pointers must have 64 bits"
#endif

#if defined(_WIN32)
#define QLIF_API __declspec(dllexport)
#else
#define QLIF_API __attribute__((visibility("default")))
#endif

/* Raised by every change that breaks callers compiled against an older header. */
#define QLIF_ABI_VERSION 3

/* The device number of the host; CUDA devices are numbered from 0. */
#define QLIF_HOST (-1)

/* The lengths of the arrays in argument structs: room for every model. What is past a model's own count must be NULL. */
#define QLIF_MAX_STATE_VARIABLES 32
#define QLIF_MAX_PARAMETERS 16
#define QLIF_MAX_TRACES 32

/* How many the QLIF model has, and how many the LIF model has. qlif_model() tells them, too. */
#define QLIF_STATE_VARIABLES 11
#define QLIF_PARAMETERS 5
#define QLIF_TRACES 13
#define QLIF_LIF_STATE_VARIABLES 2
#define QLIF_LIF_PARAMETERS 3
#define QLIF_LIF_TRACES 2

/* Steps from one checkpoint of a tape to the next. */
#define QLIF_SEGMENT 64

/* What scratch and tape memory of the caller's must be aligned to, in bytes. That of malloc, cudaMalloc and NumPy is. */
#define QLIF_ALIGNMENT 16

typedef int32_t qlif_status;
enum {
  QLIF_SUCCESS = 0,
  /* An argument is out of range or of the wrong kind; nothing was written. The text names it. */
  QLIF_INVALID_ARGUMENT = 1,
  /* Host or device memory ran out; nothing leaks and the next call works. */
  QLIF_OUT_OF_MEMORY = 2,
  /* The device can't run here: no driver, a driver too old, no such device, a CPU without the instructions; the text says which. */
  QLIF_UNAVAILABLE = 3,
  /* A CUDA error after which the device is unusable in this process. */
  QLIF_DEVICE_FAULT = 4,
  /* Any other CUDA error. */
  QLIF_CUDA_ERROR = 5,
  /* Another thread is in a call on this object. */
  QLIF_BUSY = 6,
  /* A failure that the library has no better name for, such as no further thread. */
  QLIF_INTERNAL = 7
};

/* ---------------------------------------------------------------- the models */

enum {
  QLIF_MODEL_QLIF = 0, /* docs/model.md, sections 1 to 10 */
  QLIF_MODEL_LIF = 1   /* current-based leaky integrate-and-fire: docs/model.md, section 11 */
};

/* State variables of the QLIF model: docs/model.md, section 2. */
enum {
  QLIF_STATE_MEMBRANE = 0,            /* V */
  QLIF_STATE_ADAPTATION = 1,          /* A */
  QLIF_STATE_EFFICIENCY = 2,          /* S */
  QLIF_STATE_REFRACTORY = 3,          /* R */
  QLIF_STATE_AHP = 4,                 /* H */
  QLIF_STATE_DYNAMIC_PROBABILITY = 5, /* D */
  QLIF_STATE_THRESHOLD_OFFSET = 6,    /* o */
  QLIF_STATE_RATE = 7,                /* r */
  QLIF_STATE_HOMEOSTASIS = 8,         /* h */
  QLIF_STATE_MODULATION = 9,          /* M */
  QLIF_STATE_SPIKE_VALUE = 10         /* y */
};

/* Differentiable parameters of the QLIF model. */
enum {
  QLIF_PARAM_V_TH = 0,    /* one outside [min_threshold, max_threshold] is legal */
  QLIF_PARAM_TAU = 1,     /* in the unit of dt: QLIF_RANGE_TIME_CONSTANT */
  QLIF_PARAM_ETA = 2,
  QLIF_PARAM_Q_SCALE = 3, /* alpha, for QUBIT decisions */
  QLIF_PARAM_Q_BIAS = 4   /* beta, for QUBIT decisions */
};

/* Traces of the QLIF model: what a forward call can write besides spikes, spike values and potentials, as the decision saw it or, for
 * a state variable, as it is after the step. */
enum {
  QLIF_TRACE_PROBABILITY = 0,
  QLIF_TRACE_DELTA = 1,
  QLIF_TRACE_THRESHOLD = 2,
  QLIF_TRACE_ADAPTATION = 3,
  QLIF_TRACE_EFFICIENCY = 4,
  QLIF_TRACE_REFRACTORY = 5,
  QLIF_TRACE_AHP = 6,
  QLIF_TRACE_DYNAMIC_PROBABILITY = 7,
  QLIF_TRACE_HOMEOSTASIS = 8,
  QLIF_TRACE_SLOPE = 9,
  QLIF_TRACE_THRESHOLD_OFFSET = 10,
  QLIF_TRACE_RATE = 11,
  QLIF_TRACE_MODULATION = 12
};

/* The same of the LIF model. */
enum {
  QLIF_LIF_STATE_MEMBRANE = 0, /* v */
  QLIF_LIF_STATE_CURRENT = 1   /* i */
};
enum {
  QLIF_LIF_PARAM_TAU_SYN_INV = 0, /* in 1 / the unit of dt: QLIF_RANGE_RATE */
  QLIF_LIF_PARAM_TAU_MEM_INV = 1, /* likewise */
  QLIF_LIF_PARAM_V_TH = 2
};
enum {
  QLIF_LIF_TRACE_DELTA = 0,
  QLIF_LIF_TRACE_CURRENT = 1
};

/* The values that a number can have: of parameters, the first three. "Finite" and "> 0" are meant in float32, an interval in float64. */
enum {
  QLIF_RANGE_FINITE = 0,        /* finite */
  QLIF_RANGE_TIME_CONSTANT = 1, /* finite and > 0, and dt / value is finite in float32 */
  QLIF_RANGE_RATE = 2,          /* finite and > 0, and dt * value is at most 1 in float32 */
  QLIF_RANGE_POSITIVE = 3,      /* finite and > 0 */
  QLIF_RANGE_NOT_NEGATIVE = 4,  /* finite and >= 0 */
  QLIF_RANGE_INTERVAL = 5       /* between two bounds, of which each may itself be excluded */
};

/* What an option of a configuration is, and so the type of its field. */
enum {
  QLIF_KIND_BOOLEAN = 0,     /* int32_t: 0 or 1 */
  QLIF_KIND_ENUMERATION = 1, /* int32_t: the number of a constant */
  QLIF_KIND_INTEGER = 2,     /* int32_t */
  QLIF_KIND_REAL = 3         /* double */
};

enum { QLIF_DECISION_QUBIT = 0, QLIF_DECISION_SIGMOID = 1, QLIF_DECISION_THRESHOLD = 2 };
enum { QLIF_SAMPLING_DRAW = 0, QLIF_SAMPLING_ROUND = 1 };
enum { QLIF_SPIKE_VALUE_SAMPLE = 0, QLIF_SPIKE_VALUE_EXPECTED = 1 };
enum { QLIF_ANGLE_LINEAR = 0, QLIF_ANGLE_TANH = 1 };
enum { QLIF_READOUT_SINGLE_QUBIT = 0, QLIF_READOUT_MULTI_QUBIT = 1, QLIF_READOUT_EXPECTATION = 2 };
enum {
  QLIF_SURROGATE_HEAVISIDE = 0,    /* max(0, 1 - a |x|) */
  QLIF_SURROGATE_FAST_SIGMOID = 1, /* 1 / (1 + a |x|)^2 */
  QLIF_SURROGATE_GAUSSIAN = 2,     /* exp(-x^2 / (2 a^2)) */
  QLIF_SURROGATE_ARCTAN = 3        /* 1 / (1 + (a x)^2) */
};
enum { QLIF_NEUROMOD_GAIN = 0, QLIF_NEUROMOD_THRESHOLD = 1, QLIF_NEUROMOD_PROB_SLOPE = 2, QLIF_NEUROMOD_OFF = 3 };
enum { QLIF_TRANSFORM_SIGMOID = 0, QLIF_TRANSFORM_IDENTITY = 1 };

/* What a tape keeps of each neuron-step: a bit for its spike, and V' too (4 bytes), which makes noise and draws needless in the backward
 * pass; or the bit alone, and the backward pass draws again. Both keep the state before every QLIF_SEGMENT-th step but the first.
 * V' may be kept rounded to a type of 16 bits (2 bytes): then the backward pass takes it from there, and spikes and checkpoints as they
 * were. A V' beyond binary16's 65504 is an infinity then. */
enum { QLIF_TAPE_VOLTAGE = 0, QLIF_TAPE_COMPACT = 1 };

/* The type of a large array: float32, IEEE 754 binary16, or bfloat16, the upper half of a float32. What is read of the last two is made
 * float32, exactly, before anything is computed; what is written is rounded to the nearest, ties to even, with subnormal numbers, and to
 * infinity beyond the greatest finite number. The arrays of a call may be of different types. */
enum { QLIF_TYPE_F32 = 0, QLIF_TYPE_F16 = 1, QLIF_TYPE_BF16 = 2 };

/* What every configuration begins with. */
typedef struct qlif_config {
  uint32_t size; /* of the model's own struct: sizeof(qlif_qlif_config), sizeof(qlif_lif_config) */
  int32_t model; /* QLIF_MODEL_ */
} qlif_config;

/* The QLIF model: docs/model.md, section 1, has the defaults and what each option means; qlif_option tells defaults and ranges by call.
 * Options are 0 or 1 unless an enumeration is named. Every field is checked, also where the options leave it without effect. */
typedef struct qlif_qlif_config {
  qlif_config header; /* {sizeof(qlif_qlif_config), QLIF_MODEL_QLIF} */

  int32_t detach_reset;
  int32_t stochastic;         /* whether there is membrane noise; with a noise_std of 0 there is none, either */
  int32_t decision;           /* QLIF_DECISION_ */
  int32_t sampling;           /* QLIF_SAMPLING_, for SIGMOID decisions */
  int32_t spike_value;        /* QLIF_SPIKE_VALUE_ */
  int32_t angle_map;          /* QLIF_ANGLE_, for QUBIT decisions */
  int32_t readout;            /* QLIF_READOUT_, for QUBIT decisions */
  int32_t quantum_wires;      /* W of MULTI_QUBIT: 1 to 64 */
  int32_t surrogate;          /* QLIF_SURROGATE_, for THRESHOLD decisions */
  int32_t dynamic_probability;
  int32_t refractory;
  int32_t use_adaptation;
  int32_t use_depression;
  int32_t use_ahp;
  int32_t use_adaptive_threshold;
  int32_t homeostasis_enabled;
  int32_t neuromod_mode;      /* QLIF_NEUROMOD_ */
  int32_t neuromod_transform; /* QLIF_TRANSFORM_ */

  double v_reset;                 /* finite */
  double reset_fraction;          /* in [0, 1] */
  double dt;                      /* finite and > 0 */
  double noise_std;               /* finite and >= 0 */
  double theta_max;               /* in (0, pi] */
  double quantum_leak;            /* finite and >= 0 */
  double quantum_threshold;       /* zeta, a cosine: in (-1, 1) */
  double probability_floor;       /* in [0, 0.5) */
  double surrogate_alpha;         /* a: finite and > 0; for GAUSSIAN, -1 / (2 a^2) is finite, too */
  double base_alpha;              /* finite and > 0 */
  double dsp_decay;               /* finite and >= 0; NaN: exp(-dt / tau_adapt) */
  double dsp_jump;                /* finite and >= 0 */
  double min_alpha;               /* finite and > 0 */
  double max_alpha;               /* finite, >= min_alpha */
  double tau_ref;                 /* finite and > 0 */
  double r_jump;                  /* finite and >= 0 */
  double adaptation_decay;        /* finite and >= 0 */
  double spike_increase;          /* finite and >= 0 */
  double depression_rate;         /* in [0, 1] */
  double recovery_rate;           /* finite and >= 0 */
  double tau_ahp;                 /* finite and > 0 */
  double ahp_jump;                /* finite and >= 0 */
  double g_ahp;                   /* finite */
  double ahp_max;                 /* finite and > 0 */
  double min_threshold;           /* finite and > 0 */
  double max_threshold;           /* finite, > min_threshold */
  double homeostasis_target_rate; /* in [0, 1] */
  double homeostasis_lr;          /* finite */
  double homeostasis_tau;         /* finite and > 0, and dt / homeostasis_tau is finite */
  double neuromod_strength;       /* kappa: finite */

  /* What qlif_parameter_default derives; kernels take parameters from their calls. */
  double v_th;                    /* finite */
  double tau;                     /* finite and > 0, and dt / tau is finite */
  double eta;                     /* finite */
  double q_scale;                 /* finite; NaN: calibrated, docs/model.md, section 7 */
  double q_bias;                  /* likewise */
  double tau_adapt;               /* finite and > 0 */
  double initial_probability;     /* of the calibration: in (0, 1) */
  double initial_slope;           /* of the calibration: finite */
} qlif_qlif_config;

/* The LIF model: docs/model.md, section 11. */
typedef struct qlif_lif_config {
  qlif_config header; /* {sizeof(qlif_lif_config), QLIF_MODEL_LIF} */

  int32_t surrogate; /* QLIF_SURROGATE_ */
  int32_t reserved;  /* 0 */

  double dt;              /* finite and > 0 */
  double v_leak;          /* finite */
  double v_reset;         /* finite */
  double surrogate_alpha; /* a: finite and > 0; for GAUSSIAN, -1 / (2 a^2) is finite, too */

  /* What qlif_parameter_default derives; kernels take parameters from their calls. */
  double tau_syn_inv; /* > 0, and dt * tau_syn_inv is at most 1 in float32 */
  double tau_mem_inv; /* > 0, and dt * tau_mem_inv is at most 1 in float32 */
  double v_th;        /* finite */
} qlif_lif_config;

/* What a model is made of. */
typedef struct qlif_model_info {
  uint32_t size;           /* sizeof(qlif_model_info) */
  int32_t state_variables; /* how many it has, numbered from 0 */
  int32_t parameters;
  int32_t traces;
  int32_t modulation;      /* whether it takes an external modulation, 0 or 1 */
  int32_t constants;       /* how many numbers qlif_constants writes */
  int32_t options;         /* how many fields its configuration has after the header, without reserved ones */
  int32_t config_size;     /* of its configuration's struct, in bytes */
  const char *name;        /* such as "QLIF"; never freed */
} qlif_model_info;

typedef struct qlif_variable_info {
  uint32_t size;            /* sizeof(qlif_variable_info) */
  float initial_value;      /* where no initial state is given */
  int32_t carries_gradient; /* whether its adjoint goes from step to step: else its gradients are 0, and those given are not read; 0 or 1 */
  int32_t flushed;          /* whether it becomes +0 when it is tiny: docs/model.md, section 10; 0 or 1 */
  const char *symbol;       /* its name in files, such as "v"; never freed */
} qlif_variable_info;

typedef struct qlif_parameter_info {
  uint32_t size;      /* sizeof(qlif_parameter_info) */
  int32_t range;      /* QLIF_RANGE_ */
  const char *symbol; /* never freed */
} qlif_parameter_info;

typedef struct qlif_trace_info {
  uint32_t size;          /* sizeof(qlif_trace_info) */
  int32_t state_variable; /* the one that is traced, after the step; -1: a quantity that the decision saw */
  const char *symbol;     /* never freed */
} qlif_trace_info;

/* A field of a model's configuration. What two of them must be to each other stands beside the struct's fields only. */
typedef struct qlif_option_info {
  uint32_t size;           /* sizeof(qlif_option_info) */
  int32_t kind;            /* QLIF_KIND_ */
  int32_t offset;          /* in the struct, in bytes */
  int32_t range;           /* QLIF_RANGE_; of what is no REAL, INTERVAL */
  double default_value;    /* NaN: derived of others */
  double low;              /* -infinity without a lower bound */
  double high;             /* infinity without an upper bound */
  int32_t low_open;        /* whether the bound itself is excluded, 0 or 1; so infinities are */
  int32_t high_open;
  int32_t derived;         /* whether NaN is legal and means: derived of others; 0 or 1 */
  int32_t parameter;       /* the parameter that starts there; -1: none */
  int32_t choices;         /* of ENUMERATION: how many constants it has, numbered from 0; else 0 */
  int32_t reserved;
  const char *name;        /* the field's, such as "noise_std"; this and what follows is never freed */
  const char *symbol;      /* in the equations of docs/model.md, UTF-8; "" where it has none */
  const char *enumeration; /* of ENUMERATION: what the names of its constants begin with, such as "QLIF_DECISION_"; else "" */
} qlif_option_info;

/* ---------------------------------------------------------------- devices, kernels and calls */

typedef struct qlif_device_info {
  uint32_t size;              /* sizeof(qlif_device_info) */
  int32_t compute_major;      /* 0 for the host */
  int32_t compute_minor;
  int32_t multiprocessors;    /* hardware threads of the host */
  int32_t driver_version;     /* of CUDA, 1000 * major + 10 * minor; 0 for the host */
  int32_t vector_bits;        /* of the host's kernels, such as 512; 0 where the compiler chose, and for a GPU */
  uint64_t memory_bytes;
  /* UTF-8, ends with 0. The host's ends with what its kernels use of the CPU: "(x86-64-v4)", "(x86-64-v3)", elsewhere "(baseline)". */
  char name[256];
} qlif_device_info;

/* How a kernel runs on QLIF_HOST, which never changes what it computes; on CUDA it is checked and else ignored.
 *
 * The kernels of a process share one team of helper threads and the memory that these work in. It grows to the most threads that a kernel
 * asks for, and ends with the last kernel. A call that finds it at work for another kernel runs on its calling thread alone: no call waits
 * for another. A child that a process forks has a team of its own; it may not use kernels that were in a call when it was forked. */
typedef struct qlif_kernel_options {
  uint32_t size;      /* sizeof(qlif_kernel_options) */
  /* That share a call, 1 to 1024, the calling one among them; 0: one for each processor that the process may use, by its affinity and the
   * quotas of its cgroups. */
  int32_t threads;
  int64_t spin_nanos; /* how long helpers look for the next call before they sleep, up to 10^9; 0: 20000; -1: not at all */
} qlif_kernel_options;

/* Handles of a neuron model's kernel on one device, and of a tape, which is what a forward call leaves for its backward call. */
typedef struct qlif_kernel qlif_kernel;
typedef struct qlif_tape qlif_tape;

/* Where an array that broadcasts to (T, B, N) stands: its element for (t, b, n) is at t * stride_t + b * stride_b + n * stride_n;
 * strides are 0 along what it is shared over, and never negative. */
typedef struct qlif_broadcast {
  const float *data; /* NULL: absent, and the strides are not looked at */
  int64_t stride_t;
  int64_t stride_b;
  int64_t stride_n;
} qlif_broadcast;

/* Which numbers a call draws, in memory of the kernel's device, so that a CUDA graph draws others each time it is launched. Aligned to 8. */
typedef struct qlif_draw_key {
  uint64_t seed;
  int64_t first_step;
  uint32_t stream;
  uint32_t reserved; /* 0 */
} qlif_draw_key;

typedef struct qlif_forward_args {
  uint32_t size;            /* sizeof(qlif_forward_args) */
  int32_t input_type;       /* of input: QLIF_TYPE_; beside a linear layer QLIF_TYPE_F32, which its output is */
  int32_t spike_value_type; /* of spike_values: QLIF_TYPE_ */
  int32_t reserved;         /* 0 */

  int64_t steps;   /* T >= 0 */
  int64_t batch;   /* B >= 0 */
  int64_t neurons; /* N >= 0 */
  /* The absolute index of the first step, counted from the start of the stream: >= 0, and first_step + T is at most 2^33. */
  int64_t first_step;

  /* Which numbers to draw where none are given: the generator's key, the stream, and the number of element 0. Element (b, n) draws the
   * numbers of element_offset + b * N + n. */
  uint64_t seed;
  int64_t element_offset; /* >= 0, and element_offset + B * N is below 2^63 */
  uint32_t stream;
  /* Bit i set: parameter i has N values, else one. */
  uint32_t per_neuron_parameters;

  /* What is read of the device's memory when the work is done, not when it is enqueued. The seed is key->seed, and seed must be 0;
   * the stream is key->stream + stream modulo 2^32, and the first step key->first_step + first_step, so that calls can share a key.
   * On QLIF_HOST that sum is checked as first_step is; on CUDA it counts modulo 2^33. NULL: the fields above are all. */
  const qlif_draw_key *key;
  /* (B): element (b, n) draws the numbers of row_index[b] * N + n modulo 2^64, wherever the row stands; element_offset must be 0 then.
   * NULL: the rows follow each other. Not read where nothing is drawn. */
  const uint64_t *row_index;

  const void *input;                            /* (T, B, N) of input_type; NULL beside a linear layer */
  const float *parameters[QLIF_MAX_PARAMETERS]; /* (N) or (1) each */
  qlif_broadcast modulation;                    /* m, transformed by the kernel; absent: M stays what the state says */
  const float *uniforms;                        /* (T, W, B, N) in [0, 1), W = 1 but in MULTI_QUBIT; NULL: drawn */
  const float *normals;                         /* (T, B, N); NULL: drawn */
  /* (B, N) each, or (N) each with initial_state_shared; all NULL: the variables' initial values */
  const float *initial_state[QLIF_MAX_STATE_VARIABLES];

  float *final_state[QLIF_MAX_STATE_VARIABLES]; /* (B, N) each, or all NULL; without a tape they may be initial_state's arrays */
  float *spikes_f32;                            /* (T, B, N), 0 or 1 */
  uint8_t *spikes_u8;                           /* (T, B, N), 0 or 1 */
  /* (T, ceil(B N / 64)): element e is bit e mod 64 of word e div 64; bits past the last element are 0. */
  uint64_t *spikes_bit;
  void *spike_values;             /* y, (T, B, N) of spike_value_type */
  float *voltages;                /* V after the reset, (T, B, N) */
  float *traces[QLIF_MAX_TRACES]; /* (T, B, N) each */
  qlif_tape *tape;                /* NULL: nothing is recorded */

  /* Memory of the device for the call to work in, aligned to QLIF_ALIGNMENT; its content afterwards is undefined. NULL: the
   * kernel's own. Calls that bring their own may run at the same time, on streams or in graphs, and need no qlif_kernel_reserve. */
  void *scratch;
  uint64_t scratch_bytes; /* what it has: qlif_scratch_bytes tells how much is enough; 0 without scratch */

  /* A linear layer whose output, its (T, B, M), is the input, with the bits of qlif_linear_forward. Its output may be NULL, else it is written,
   * too. A backward call reads that output again, or if it is NULL all that the layer reads, from which it makes the current again. On
   * QLIF_HOST the current of some neurons is made when their steps need it; on CUDA all of it is made before the first step, without an output
   * in memory that the stream allocates and frees (cudaMallocAsync). NULL: there is an input. */
  const struct qlif_linear_forward_args *linear;

  int32_t initial_state_shared; /* 0: one for each row; 1: one, (N), for all rows */
  int32_t reserved_2;           /* 0 */
} qlif_forward_args;

typedef struct qlif_backward_args {
  uint32_t size;     /* sizeof(qlif_backward_args) */
  int32_t grad_type; /* of grad_spike_values: QLIF_TYPE_ */

  /* The forward call whose tape this is. Read again are its shape, draws, key, row_index, input, linear, parameters, modulation, uniforms,
   * normals, initial_state and tape, and what they point to must hold what it held then: advance a key after the backward call. Its outputs
   * and its scratch are not looked at. */
  const qlif_forward_args *forward;

  const void *grad_spike_values;    /* (T, B, N), or (B, N) for all steps, of grad_type; NULL: 0 */
  int32_t grad_spike_values_shared; /* 0: one for each step; 1: one for all */
  int32_t grad_input_type;          /* of grad_input: QLIF_TYPE_ */
  const float *grad_voltages;       /* (T, B, N); NULL: 0 */
  const float *grad_final_state[QLIF_MAX_STATE_VARIABLES]; /* (B, N) each, or all NULL: 0 */

  /* Results, overwritten; NULL: not computed. */
  void *grad_input;                            /* (T, B, N) of grad_input_type */
  float *grad_modulation;                      /* of the modulation's own extent, dense, row-major */
  float *grad_parameters[QLIF_MAX_PARAMETERS]; /* of each parameter's length */
  float *grad_initial_state[QLIF_MAX_STATE_VARIABLES]; /* (B, N) each, or all NULL; NULL with initial_state_shared */

  /* As in qlif_forward_args. */
  void *scratch;
  uint64_t scratch_bytes;
} qlif_backward_args;

typedef struct qlif_draw_args {
  uint32_t size; /* sizeof(qlif_draw_args) */
  uint32_t stream;
  uint64_t seed;
  int64_t element_offset;
  int64_t first_step;
  int64_t steps;
  int64_t wires; /* 1 to 64 */
  int64_t elements;
  /* With row_index, elements is a multiple of neurons, and element_offset is 0: see qlif_forward_args. */
  int64_t neurons;           /* N; not looked at without row_index */
  const uint64_t *row_index; /* (elements / N), or NULL */
  float *uniforms; /* (T, W, elements), or NULL */
  float *normals;  /* (T, elements), or NULL */
} qlif_draw_args;

/* ---------------------------------------------------------------- a linear layer driven by spikes */

/* What the input of a linear layer is: numbers; bytes, of which any but 0 is a spike; or bits. A spike counts as 1. */
enum { QLIF_INPUT_F32 = 0, QLIF_INPUT_U8 = 1, QLIF_INPUT_BIT = 2 };

/* Handle of a linear layer. It keeps neither weights nor inputs, only what calls work in. */
typedef struct qlif_linear qlif_linear;

/* output[t, b, m] is bias[m], or 0, and then, k ascending, input[t, b, k] * weights[k, m] is added by a fused multiply-add for each element
 * of the input that is not 0. So a NaN among the weights stays in the outputs that it feeds. Any extent may be 0: without inputs, the output is the bias. */
typedef struct qlif_linear_forward_args {
  uint32_t size;      /* sizeof(qlif_linear_forward_args) */
  int32_t input_type; /* QLIF_INPUT_ */
  int64_t steps;      /* T >= 0 */
  int64_t batch;      /* B >= 0 */
  int64_t inputs;     /* K >= 0 */
  int64_t outputs;    /* M >= 0 */

  const void *input;    /* (T, B, K); as bits (T, ceil(B K / 64)): element e = b * K + k of a step is bit e mod 64 of word e div 64 */
  const float *weights; /* (K, M) */
  const float *bias;    /* (M); NULL: 0 */
  float *output;        /* (T, B, M); may be NULL in qlif_forward_args.linear */
} qlif_linear_forward_args;

/* Gradients of weights and bias: in each block of 32 rows of the batch, t ascending, then b ascending, input * grad_output is added by fused
 * multiply-adds in float32 for each element of the input that is not 0 (for the bias: grad_output is added); the blocks by the tree of docs/numerics.md.
 * That of the input: m ascending, grad_output * weights by fused multiply-adds, for every element. */
typedef struct qlif_linear_backward_args {
  uint32_t size;              /* sizeof(qlif_linear_backward_args) */
  int32_t grad_output_shared; /* 0: one for each step; 1: one for all */

  /* The forward call. Read again are its shape, its input for grad_weights and its weights for grad_input; what is not read may be NULL. */
  const qlif_linear_forward_args *forward;

  const float *grad_output; /* (T, B, M), or (B, M) for all steps */

  /* Results, overwritten; NULL: not computed. */
  float *grad_weights; /* (K, M) */
  float *grad_bias;    /* (M) */
  float *grad_input;   /* (T, B, K) */
} qlif_linear_backward_args;

/* QLIF_ABI_VERSION of the library. */
QLIF_API uint32_t qlif_abi_version(void);

/* The library's version, such as "0.1.0". Never freed. */
QLIF_API const char *qlif_version(void);

/* The text of the calling thread's last failure, "" if there was none; valid until its next failure. */
QLIF_API const char *qlif_last_error(void);

/* CUDA's own code of the calling thread's last failure, 0 if it did not come from CUDA. */
QLIF_API int32_t qlif_last_cuda_error(void);

/* The number of CUDA devices. Where there is none to be had: QLIF_UNAVAILABLE, and the text says why. */
QLIF_API qlif_status qlif_device_count(int32_t *count);

/* What a model is made of: counts and name; its state variables, parameters, traces and options, by number. Options are numbered in the
 * order of their fields. QLIF_INVALID_ARGUMENT for a model or number that there is not. */
QLIF_API qlif_status qlif_model(int32_t model, qlif_model_info *info);
QLIF_API qlif_status qlif_state_variable(int32_t model, int32_t number, qlif_variable_info *info);
QLIF_API qlif_status qlif_parameter(int32_t model, int32_t number, qlif_parameter_info *info);
QLIF_API qlif_status qlif_trace(int32_t model, int32_t number, qlif_trace_info *info);
QLIF_API qlif_status qlif_option(int32_t model, int32_t number, qlif_option_info *info);

/* The name of an enumeration's constant, such as "QUBIT" for the choice 0 of the option decision; NULL for one that there is not. */
QLIF_API const char *qlif_choice_name(int32_t model, int32_t option, int32_t choice);

/* Fills in a model's default configuration, its size and model included; size: sizeof *config, beyond which nothing is written. */
QLIF_API qlif_status qlif_qlif_defaults(qlif_qlif_config *config, uint32_t size);
QLIF_API qlif_status qlif_lif_defaults(qlif_lif_config *config, uint32_t size);

/* Likewise, a known setting of the QLIF model: "2025-08-15" and "2025-08-24", the public snapshots of docs/model.md, section 9, with QUBIT
 * decisions, or "plain-lif", every option off. */
QLIF_API qlif_status qlif_qlif_preset(qlif_qlif_config *config, uint32_t size, const char *name);

/* Where a parameter starts in a configuration, which is checked. */
QLIF_API qlif_status qlif_parameter_default(const qlif_config *config, int32_t parameter, float *value);

/* Checks a configuration as qlif_kernel_open does, on no device, and writes the float32 numbers that its kernels compute with: for who
 * writes the equations in another language and wants the same bits. values: room for qlif_model_info.constants numbers, or NULL.
 * qlif_constant_name says what a number is, such as "refractory_decay", which is exp(-dt / tau_ref); NULL for one that there is not. */
QLIF_API qlif_status qlif_constants(const qlif_config *config, float *values);
QLIF_API const char *qlif_constant_name(int32_t model, int32_t number);

/* What a device is, the host included. QLIF_UNAVAILABLE if it can't run this library's code: on x86-64 the host needs what x86-64-v3
 * names, AVX2, FMA, BMI2 and what comes with them, and the text lists what the CPU lacks. */
QLIF_API qlif_status qlif_device_describe(int32_t device, qlif_device_info *info);

/* A kernel of a configuration, which is copied, on a device. options: NULL is as good as a struct with nothing but its size. */
QLIF_API qlif_status qlif_kernel_open(
    int32_t device, const qlif_config *config, const qlif_kernel_options *options, qlif_kernel **kernel);

/* Waits for the kernel's calls and frees it; captured calls it can't wait for. NULL is ignored. QLIF_BUSY, and nothing is changed, if
 * another thread is in a call on it; see "Handles". Tapes that it opened stay open. */
QLIF_API qlif_status qlif_kernel_close(qlif_kernel *kernel);

/* What runs, for people, at most length bytes with the closing 0. */
QLIF_API qlif_status qlif_kernel_describe(qlif_kernel *kernel, char *text, size_t length);

/* Makes room for backward calls of this shape, so that none allocates: a call that is captured into a CUDA graph must not.
 * modulation_steps: whether the gradient of a modulation that varies over time and is shared over batch or neurons is wanted.
 * Waits for the kernel's calls where it has too little. Calls without a neuron-step need no room. */
QLIF_API qlif_status qlif_kernel_reserve(
    qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps);

/* How much scratch memory a backward call of this shape needs at most, in bytes. modulation_steps as in qlif_kernel_reserve. A forward call
 * needs none. */
QLIF_API qlif_status qlif_scratch_bytes(
    qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps, uint64_t *bytes);

/* Runs all steps. */
QLIF_API qlif_status qlif_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream);

/* Runs the backward pass of the forward call that the tape holds. The first call of a larger shape than before waits for the kernel's calls
 * and allocates, unless qlif_kernel_reserve has made room or the call brings its own. */
QLIF_API qlif_status qlif_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream);

/* Writes the numbers that a run would draw. */
QLIF_API qlif_status qlif_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream);

/* A tape for calls of this shape on this kernel's device. mode: QLIF_TAPE_; type: of the V' on it, QLIF_TYPE_. It may outlive
 * the kernel, and go from one kernel to another of the same device whose configuration has the same options and the same
 * qlif_constants; others are refused. */
QLIF_API qlif_status qlif_tape_open(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, qlif_tape **tape);

/* How many bytes such a tape takes; 0 for a shape without a neuron-step. */
QLIF_API qlif_status qlif_tape_bytes_for(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, uint64_t *bytes);

/* A tape in memory of the caller's, of the kernel's device: at least what qlif_tape_bytes_for tells, aligned to QLIF_ALIGNMENT; NULL if
 * that is 0. It is the tape's until that is closed, and never freed. Opening and closing touch no device and wait for nothing, so both may
 * be done while a stream is captured. recorded: 0, or 1 if the memory already holds what a forward call of the same configuration, mode,
 * type and shape left, copied or restored by the caller, who answers for it; the format is private to a version of the library and a kind of
 * device. A backward call never writes a tape, so a tape may be read by any number of them. */
QLIF_API qlif_status qlif_tape_open_in(qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons,
    void *memory, uint64_t bytes, int32_t recorded, qlif_tape **tape);

/* The device memory that it takes, in bytes; also while another thread is in a call on it. 0 for NULL, and for what is no open tape, which
 * qlif_last_error() then tells. */
QLIF_API uint64_t qlif_tape_bytes(const qlif_tape *tape);

/* Waits for the last call on the tape and frees it; captured calls it can't wait for. One in the caller's memory is just forgotten. NULL is
 * ignored. QLIF_BUSY, and nothing is changed, if another thread is in a call on it; see "Handles". */
QLIF_API qlif_status qlif_tape_close(qlif_tape *tape);

/* A linear layer on a device. options: as for a kernel, with which it shares the team of threads on QLIF_HOST. */
QLIF_API qlif_status qlif_linear_open(int32_t device, const qlif_kernel_options *options, qlif_linear **linear);

/* Frees it. NULL is ignored. QLIF_BUSY, and nothing is changed, if another thread is in a call on it; see "Handles". */
QLIF_API qlif_status qlif_linear_close(qlif_linear *linear);

/* What runs, for people, at most length bytes with the closing 0. */
QLIF_API qlif_status qlif_linear_describe(qlif_linear *linear, char *text, size_t length);

/* Computes the output. stream: as for a kernel's calls. */
QLIF_API qlif_status qlif_linear_forward(qlif_linear *linear, const qlif_linear_forward_args *args, void *stream);

/* Computes the gradients that are asked for. stream: as for a kernel's calls. On CUDA, where there are more than 32 rows, sums of blocks of rows
 * are in memory that the stream allocates and frees (cudaMallocAsync), captured calls included: at most 64 MiB, or that of a block and of a
 * tree's levels if it is more. */
QLIF_API qlif_status qlif_linear_backward(qlif_linear *linear, const qlif_linear_backward_args *args, void *stream);

#ifdef __cplusplus
}
#endif

#endif
