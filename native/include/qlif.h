/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QLIF: fused spiking-neuron kernels for CUDA devices and for the host, behind one C interface.
 *
 * One call runs all time steps of a batch, forward or backward. There are two neuron models, QLIF and LIF; docs/model.md defines them.
 * Every device returns the same bits, which docs/numerics.md defines.
 *
 * A training step in outline (native/examples/example.c is a complete program):
 *
 *     qlif_lif_config config;
 *     qlif_lif_defaults(&config, sizeof config);                    // then change fields
 *     qlif_kernel_open(QLIF_HOST, &config.header, NULL, &kernel);
 *     qlif_tape_open(kernel, QLIF_TAPE_COMPACT, QLIF_TYPE_F32, T, B, N, &tape);
 *     qlif_forward(kernel, &forward_args, NULL);                    // with forward_args.tape = tape
 *     qlif_backward(kernel, &backward_args, NULL);                  // with backward_args.forward = &forward_args
 *     qlif_tape_close(tape);
 *     qlif_kernel_close(kernel);
 *
 * Conventions
 *   - Status. A function that can fail returns a qlif_status; 0 is success. qlif_last_error() returns the text of the calling thread's
 *     last failure. Arguments are checked before anything is written (see "Checks").
 *   - Shapes. Arrays are dense and row-major, with T steps, B rows of the batch and N neurons. Element e of a step is b * N + n.
 *   - Memory. A pointer in an argument struct is an address in the kernel's device: device memory for CUDA, host memory for QLIF_HOST,
 *     aligned to its element type. NULL means absent, where absence is allowed.
 *   - Ownership. The caller owns everything that an argument points to; the library reads or writes it and never frees it. The library
 *     owns what is behind a handle, until the handle is closed. Argument structs and configurations may be changed or freed as soon as
 *     the call returns. What an argument struct points to must stay valid until the work is done; on QLIF_HOST, that is when the call
 *     returns.
 *   - Aliasing. Inputs may overlap each other. An output must not overlap an input, another output, scratch memory or a tape, with one
 *     exception: final_state may be initial_state (see qlif_forward_args).
 *   - Units. Times have the unit of dt. Potentials, thresholds, currents and gradients have none.
 *   - Types. Arithmetic is float32, and so are arrays of numbers, apart from the large ones that have a QLIF_TYPE_ of their own.
 *   - Streams. A CUDA call enqueues its work on the given stream and returns. The stream is a CUstream or a cudaStream_t of the device's
 *     primary context, or NULL for the default stream. On QLIF_HOST it must be NULL.
 *   - Threads. A kernel, a tape or a linear layer serves one call at a time; a call from a second thread meanwhile returns QLIF_BUSY.
 *     Kernels are independent of each other. All calls of a kernel must be on one stream or be ordered by events, unless each call brings
 *     its own scratch memory.
 *   - Contexts. A call leaves the calling thread's current CUDA context as it was. Kernels and tapes retain the primary context.
 *   - CUDA graphs. While a thread captures a stream, it must not open, reserve or close anything but tapes in its own memory. Other threads
 *     may do so on the same GPU, and may make calls, but not on the default stream. No function waits for a graph: before you close a kernel or a tape that a graph
 *     uses, stop launching the graph and wait for its last launch.
 *   - Empty calls. If T, B or N is 0, a call returns at once. It still writes its outputs: gradients of parameters and of the modulation
 *     are 0, and if T is 0, the final state is the initial state, and the gradient passes through likewise.
 *
 * Structs and versions
 *   - All types have a fixed width, enumerations are int32_t, and all padding is named. Only integers and pointers are passed by value.
 *   - A struct begins with its size in bytes, a multiple of 8. Set the struct to zeros, then set its size and the fields you need: a field
 *     that is 0 or NULL requests nothing.
 *   - Structs only grow, at the end. If a struct is shorter than the library's, missing fields count as 0, or in a configuration as the
 *     default. If it is longer, the extra bytes must be 0 and the size at most 4096. Into an info struct the library writes at most
 *     its size, and zeros after the fields it knows.
 *   - Before anything else, a binding should check that qlif_abi_version() is the QLIF_ABI_VERSION it was made for.
 *
 * Handles
 *   - A qlif_kernel *, qlif_tape * or qlif_linear * is a number, not an address, and is never reused within a process.
 *   - NULL, a closed handle, a handle of another type and any other number return QLIF_INVALID_ARGUMENT; no memory is touched. Closing
 *     NULL succeeds and does nothing.
 *   - Any thread may close a handle. If another thread is in a call on it, closing returns QLIF_BUSY and changes nothing; try again later.
 *     Otherwise the handle is closed and its memory is freed, even if the device work that closing waits for has failed; the status
 *     then reports that failure.
 *
 * Checks
 *   - The text of a failure names the argument, its value and what was expected: "steps: got -1, expected 0 or more".
 *   - Fields of a configuration must be in the ranges given beside them. "Finite" and "> 0" refer to the value as float32: 1e-50 is not
 *     > 0, and 1e300 is not finite.
 *   - B * N, T * B * N and the bytes of each array, tape and scratch memory must be below 2^63, else the status is QLIF_INVALID_ARGUMENT.
 *     If there is less memory than that, it is QLIF_OUT_OF_MEMORY.
 *   - On QLIF_HOST, forward and backward calls check the values of parameters against their ranges (QLIF_RANGE_). On CUDA, parameters are in
 *     device memory and are not read: an illegal value gives NaN in its neuron, or in all neurons that share it.
 *   - Other values are not checked. Inputs, modulation, given draws, initial states and upstream gradients may contain NaN and infinities.
 *     A NaN causes no spike and stays in its neuron (b, n); it does not change the bits of any other. Only gradients that are summed over
 *     neurons or over the batch, such as those of parameters, also become NaN.
 *   - The library can't check pointers: whether the memory exists, is large enough and belongs to the device is the caller's concern.
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

/* The device number of the host. CUDA devices are numbered from 0. */
#define QLIF_HOST (-1)

/* Lengths of the arrays in argument structs, enough for every model. Entries beyond a model's own count must be NULL. */
#define QLIF_MAX_STATE_VARIABLES 32
#define QLIF_MAX_PARAMETERS 16
#define QLIF_MAX_TRACES 32

/* The counts of the two models. qlif_model() returns them, too. */
#define QLIF_STATE_VARIABLES 11
#define QLIF_PARAMETERS 5
#define QLIF_TRACES 13
#define QLIF_LIF_STATE_VARIABLES 2
#define QLIF_LIF_PARAMETERS 3
#define QLIF_LIF_TRACES 2

/* The number of steps between two checkpoints of a tape. */
#define QLIF_SEGMENT 64

/* The alignment of scratch and tape memory that the caller provides, in bytes. malloc, cudaMalloc and NumPy satisfy it. */
#define QLIF_ALIGNMENT 16

typedef int32_t qlif_status;
enum {
  QLIF_SUCCESS = 0,
  /* An argument is out of range or of the wrong kind, and the text names it. Nothing was written. */
  QLIF_INVALID_ARGUMENT = 1,
  /* Host or device memory ran out. Nothing leaks, and later calls work. */
  QLIF_OUT_OF_MEMORY = 2,
  /* The device can't run: no driver, a driver that is too old, no such device, or a CPU that lacks instructions. The text says which. */
  QLIF_UNAVAILABLE = 3,
  /* A CUDA error that makes the device unusable in this process. */
  QLIF_DEVICE_FAULT = 4,
  /* Any other CUDA error. */
  QLIF_CUDA_ERROR = 5,
  /* Another thread is in a call on this object. */
  QLIF_BUSY = 6,
  /* Any other failure, such as a thread that can't be started. */
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

/* Differentiable parameters of the QLIF model: docs/model.md, section 1. */
enum {
  QLIF_PARAM_V_TH = 0,    /* legal even outside [min_threshold, max_threshold] */
  QLIF_PARAM_TAU = 1,     /* in the unit of dt: QLIF_RANGE_TIME_CONSTANT */
  QLIF_PARAM_ETA = 2,
  QLIF_PARAM_Q_SCALE = 3, /* alpha, for QUBIT decisions */
  QLIF_PARAM_Q_BIAS = 4   /* beta, for QUBIT decisions */
};

/* Traces of the QLIF model: what a forward call can write besides spikes, spike values and potentials. A state variable is traced as it is
 * after the step, any other quantity as the decision uses it. */
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

/* State variables, parameters and traces of the LIF model: docs/model.md, section 11. */
enum {
  QLIF_LIF_STATE_MEMBRANE = 0, /* v */
  QLIF_LIF_STATE_CURRENT = 1   /* i */
};
enum {
  QLIF_LIF_PARAM_TAU_SYN_INV = 0, /* in 1 / (unit of dt): QLIF_RANGE_RATE */
  QLIF_LIF_PARAM_TAU_MEM_INV = 1, /* likewise */
  QLIF_LIF_PARAM_V_TH = 2
};
enum {
  QLIF_LIF_TRACE_DELTA = 0,
  QLIF_LIF_TRACE_CURRENT = 1
};

/* The legal values of a number. Parameters use the first three. "Finite" and "> 0" refer to float32, the bounds of an interval to float64. */
enum {
  QLIF_RANGE_FINITE = 0,        /* finite */
  QLIF_RANGE_TIME_CONSTANT = 1, /* finite and > 0, and dt / value is finite in float32 */
  QLIF_RANGE_RATE = 2,          /* finite and > 0, and dt * value is at most 1 in float32 */
  QLIF_RANGE_POSITIVE = 3,      /* finite and > 0 */
  QLIF_RANGE_NOT_NEGATIVE = 4,  /* finite and >= 0 */
  QLIF_RANGE_INTERVAL = 5       /* between two bounds, each of which may be excluded */
};

/* The kind of an option, which determines the type of its field. */
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

/* What a tape stores for each neuron-step. VOLTAGE: the spike as one bit, and V', so that the backward pass needs no noise and no draws.
 * COMPACT: only the bit; the backward pass draws again. Both store the state every QLIF_SEGMENT steps, apart from the initial one.
 * V' takes 4 bytes, or 2 if it is rounded to a QLIF_TYPE_ of 16 bits. The backward pass then uses the rounded V'; spikes and stored states
 * stay exact. In binary16, a V' beyond 65504 becomes an infinity. */
enum { QLIF_TAPE_VOLTAGE = 0, QLIF_TAPE_COMPACT = 1 };

/* The element type of a large array: float32, IEEE 754 binary16, or bfloat16, which is the upper half of a float32. Elements of 16 bits are
 * converted to float32, exactly, when they are read. When they are written, they are rounded to nearest, ties to even; subnormal numbers
 * are kept, and overflow becomes an infinity. The arrays of a call may have different types. */
enum { QLIF_TYPE_F32 = 0, QLIF_TYPE_F16 = 1, QLIF_TYPE_BF16 = 2 };

/* The header that every configuration begins with. */
typedef struct qlif_config {
  uint32_t size; /* of the whole configuration: sizeof(qlif_qlif_config) or sizeof(qlif_lif_config) */
  int32_t model; /* QLIF_MODEL_ */
} qlif_config;

/* A configuration of the QLIF model. docs/model.md, section 1, explains each option and gives its default; qlif_option returns defaults and
 * ranges. Integers without an enumeration or a range are 0 or 1. Every field is checked, even where other options make it irrelevant. */
typedef struct qlif_qlif_config {
  qlif_config header; /* {sizeof(qlif_qlif_config), QLIF_MODEL_QLIF} */

  int32_t detach_reset;
  int32_t stochastic;         /* membrane noise; a noise_std of 0 also turns it off */
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
  double surrogate_alpha;         /* a: finite and > 0; for GAUSSIAN, -1 / (2 a^2) must be finite, too */
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

  /* Where parameters start, for qlif_parameter_default. A kernel takes the parameters' values from each call. */
  double v_th;                    /* finite */
  double tau;                     /* finite and > 0, and dt / tau is finite */
  double eta;                     /* finite */
  double q_scale;                 /* finite; NaN: calibrated, docs/model.md, section 7 */
  double q_bias;                  /* likewise */
  double tau_adapt;               /* finite and > 0 */
  double initial_probability;     /* of the calibration: in (0, 1) */
  double initial_slope;           /* of the calibration: finite */
} qlif_qlif_config;

/* A configuration of the LIF model: docs/model.md, section 11. */
typedef struct qlif_lif_config {
  qlif_config header; /* {sizeof(qlif_lif_config), QLIF_MODEL_LIF} */

  int32_t surrogate; /* QLIF_SURROGATE_ */
  int32_t reserved;  /* 0 */

  double dt;              /* finite and > 0 */
  double v_leak;          /* finite */
  double v_reset;         /* finite */
  double surrogate_alpha; /* a: finite and > 0; for GAUSSIAN, -1 / (2 a^2) must be finite, too */

  /* Where parameters start, for qlif_parameter_default. A kernel takes the parameters' values from each call. */
  double tau_syn_inv; /* > 0, and dt * tau_syn_inv is at most 1 in float32 */
  double tau_mem_inv; /* > 0, and dt * tau_mem_inv is at most 1 in float32 */
  double v_th;        /* finite */
} qlif_lif_config;

/* A model, as qlif_model describes it. Strings in info structs are constants of the library: never freed, and not to be freed. */
typedef struct qlif_model_info {
  uint32_t size;           /* sizeof(qlif_model_info) */
  int32_t state_variables; /* how many; they are numbered from 0, and so are the next ones */
  int32_t parameters;
  int32_t traces;
  int32_t modulation;      /* 1 if it takes an external modulation, else 0 */
  int32_t constants;       /* the count of numbers that qlif_constants writes */
  int32_t options;         /* the count of fields after the configuration's header, without reserved ones */
  int32_t config_size;     /* of its configuration, in bytes */
  const char *name;        /* such as "QLIF" */
} qlif_model_info;

typedef struct qlif_variable_info {
  uint32_t size;            /* sizeof(qlif_variable_info) */
  float initial_value;      /* used if a call has no initial state */
  int32_t carries_gradient; /* 1 if gradients flow through it; 0 if its gradients are 0, and given ones are not read */
  int32_t flushed;          /* 1 if tiny values become +0 (docs/model.md, section 10), else 0 */
  const char *symbol;       /* its name in files, such as "v" */
} qlif_variable_info;

typedef struct qlif_parameter_info {
  uint32_t size;      /* sizeof(qlif_parameter_info) */
  int32_t range;      /* QLIF_RANGE_ */
  const char *symbol; /* its name in files, such as "v_th" */
} qlif_parameter_info;

typedef struct qlif_trace_info {
  uint32_t size;          /* sizeof(qlif_trace_info) */
  int32_t state_variable; /* the one that is traced; -1: a quantity that the decision uses */
  const char *symbol;     /* its name in files, such as "threshold" */
} qlif_trace_info;

/* A field of a configuration. Constraints between two fields are documented beside those fields only. */
typedef struct qlif_option_info {
  uint32_t size;           /* sizeof(qlif_option_info) */
  int32_t kind;            /* QLIF_KIND_ */
  int32_t offset;          /* of the field in the configuration, in bytes */
  int32_t range;           /* QLIF_RANGE_; INTERVAL if the kind is not REAL */
  double default_value;    /* NaN: derived from other options */
  double low;              /* the lower bound, or -infinity */
  double high;             /* the upper bound, or infinity */
  int32_t low_open;        /* 1 if the bound itself is excluded, as infinities are, else 0 */
  int32_t high_open;
  int32_t derived;         /* 1 if NaN is legal and means "derived from other options", else 0 */
  int32_t parameter;       /* the parameter that starts at this value; -1: none */
  int32_t choices;         /* ENUMERATION: the count of its constants, numbered from 0; else 0 */
  int32_t reserved;
  const char *name;        /* of the field, such as "noise_std" */
  const char *symbol;      /* in the equations of docs/model.md, UTF-8, or "" */
  const char *enumeration; /* ENUMERATION: the prefix of its constants' names, such as "QLIF_DECISION_"; else "" */
} qlif_option_info;

/* ---------------------------------------------------------------- devices, kernels and calls */

typedef struct qlif_device_info {
  uint32_t size;              /* sizeof(qlif_device_info) */
  int32_t compute_major;      /* 0 for the host */
  int32_t compute_minor;
  int32_t multiprocessors;    /* hardware threads of the host */
  int32_t driver_version;     /* the CUDA version that the driver supports, 1000 * major + 10 * minor; 0 for the host */
  int32_t vector_bits;        /* of the host's kernels, such as 512; 0 if the compiler chose, and for a GPU */
  uint64_t memory_bytes;
  /* UTF-8, zero-terminated. The host's name ends with the instruction set of its kernels: "(x86-64-v4)", "(x86-64-v3)" or, on other
   * architectures, "(baseline)". */
  char name[256];
} qlif_device_info;

/* How a kernel or a linear layer runs on QLIF_HOST. Options never change results. On CUDA they are checked, but have no effect.
 *
 * All kernels of a process share one team of helper threads and its working memory. The team grows to the largest number of threads that a
 * kernel requests, and ends with the last kernel. A call never waits for another: if the team is busy, the call runs on its own thread alone.
 * A forked child has its own team; it must not use kernels that were in a call at the time of the fork. */
typedef struct qlif_kernel_options {
  uint32_t size;      /* sizeof(qlif_kernel_options) */
  /* The threads that share a call, the calling one included: 1 to 1024. 0: one for each processor that the process may use, according to its
   * affinity mask and cgroup quotas. */
  int32_t threads;
  /* How long a helper spins for the next call before it sleeps, at most 10^9; 0: 20000; -1: it doesn't spin. A call that takes one thread less
   * than about 0.1 ms doesn't wake helpers that sleep, unless such calls follow each other closely. */
  int64_t spin_nanos;
} qlif_kernel_options;

/* Handles. A kernel runs one configuration on one device. A tape records what a forward call leaves for its backward call. */
typedef struct qlif_kernel qlif_kernel;
typedef struct qlif_tape qlif_tape;

/* An array that broadcasts to (T, B, N): the element for (t, b, n) is data[t * stride_t + b * stride_b + n * stride_n]. Strides count
 * elements and are not negative; a stride of 0 shares the array over that dimension. */
typedef struct qlif_broadcast {
  const float *data; /* NULL: absent, and the strides are ignored */
  int64_t stride_t;
  int64_t stride_b;
  int64_t stride_n;
} qlif_broadcast;

/* Which random numbers a call draws. A key is in the kernel's device, aligned to 8 bytes, so that a CUDA graph can draw other numbers at each
 * launch. */
typedef struct qlif_draw_key {
  uint64_t seed;
  int64_t first_step;
  uint32_t stream;
  uint32_t reserved; /* 0 */
} qlif_draw_key;

/* Arguments of qlif_forward. Shapes are in parentheses; B N is B * N. A result whose pointer is NULL is not written. */
typedef struct qlif_forward_args {
  uint32_t size;            /* sizeof(qlif_forward_args) */
  int32_t input_type;       /* of input: QLIF_TYPE_; QLIF_TYPE_F32 if linear is given */
  int32_t spike_value_type; /* of spike_values: QLIF_TYPE_ */
  int32_t reserved;         /* 0 */

  int64_t steps;   /* T >= 0 */
  int64_t batch;   /* B >= 0 */
  int64_t neurons; /* N >= 0 */
  /* The absolute index of the first step, counted from the start of the run: >= 0, with first_step + T at most 2^33. */
  int64_t first_step;

  /* Which random numbers to draw, if they are not given: the generator's seed, an independent stream of it, and the offset of elements.
   * Element (b, n) draws the numbers of element_offset + b * N + n. */
  uint64_t seed;
  int64_t element_offset; /* >= 0, with element_offset + B * N below 2^63 */
  uint32_t stream;
  /* If bit i is set, parameter i has N values, else one. */
  uint32_t per_neuron_parameters;

  /* A key that is read when the work runs, not when it is enqueued. The seed is then key->seed, and the field seed must be 0. The other two are
   * sums, so that calls can share a key: the stream is key->stream + stream modulo 2^32, the first step key->first_step + first_step. On
   * QLIF_HOST that step is checked as first_step is; on CUDA it is taken modulo 2^33. NULL: only the fields above count. */
  const qlif_draw_key *key;
  /* (B). Element (b, n) draws the numbers of row_index[b] * N + n modulo 2^64, so that a row draws the same numbers anywhere in a batch;
   * element_offset must be 0. NULL: rows are consecutive. Not read if nothing is drawn. */
  const uint64_t *row_index;

  const void *input;                            /* I, (T, B, N) of input_type; NULL if linear is given */
  const float *parameters[QLIF_MAX_PARAMETERS]; /* (N) or (1) each, by per_neuron_parameters */
  qlif_broadcast modulation;                    /* m before its transform; absent: M stays that of the state */
  const float *uniforms;                        /* (T, W, B, N) in [0, 1), W = 1 except for MULTI_QUBIT; NULL: drawn */
  const float *normals;                         /* (T, B, N), standard normal; NULL: drawn */
  /* (B, N) each, or (N) each if initial_state_shared; all NULL: the variables' initial values. */
  const float *initial_state[QLIF_MAX_STATE_VARIABLES];

  /* (B, N) each, or all NULL. Without a tape and without initial_state_shared, array i may be initial_state[i]: the state is updated in place. */
  float *final_state[QLIF_MAX_STATE_VARIABLES];
  float *spikes_f32;                            /* (T, B, N), 0 or 1 */
  uint8_t *spikes_u8;                           /* (T, B, N), 0 or 1 */
  /* (T, ceil(B N / 64)): element e is bit e % 64 of word e / 64; bits beyond the last element are 0. */
  uint64_t *spikes_bit;
  void *spike_values;             /* y, (T, B, N) of spike_value_type */
  float *voltages;                /* V after the reset, (T, B, N) */
  float *traces[QLIF_MAX_TRACES]; /* (T, B, N) each */
  qlif_tape *tape;                /* records the call for qlif_backward; NULL: nothing is recorded */

  /* Working memory of the call, in the device's memory and aligned to QLIF_ALIGNMENT; its contents are undefined afterwards. NULL: the
   * kernel's own. Calls that bring their own may run at the same time, on streams or in graphs, and don't need qlif_kernel_reserve. */
  void *scratch;
  uint64_t scratch_bytes; /* its size, at least what qlif_scratch_bytes returns; 0 without scratch */

  /* A linear layer whose output, (T, B, M) with M = N, is this call's input, to the bits of qlif_linear_forward; NULL: input is given. If
   * linear->output is not NULL, it is written, too, and a backward call reads it again. If it is NULL, a backward call reads the layer's
   * input, weights and bias and computes the output again. On QLIF_HOST, it is computed for some neurons at a time, just before their
   * steps. On CUDA, all of it is computed before the first step, in linear->output or in memory from cudaMallocAsync on the stream. */
  const struct qlif_linear_forward_args *linear;

  int32_t initial_state_shared; /* 0: each row has its own initial state; 1: all rows share one */
  int32_t reserved_2;           /* 0 */
} qlif_forward_args;

/* Arguments of qlif_backward: gradients of a loss that come in, and those that are computed. */
typedef struct qlif_backward_args {
  uint32_t size;     /* sizeof(qlif_backward_args) */
  int32_t grad_type; /* of grad_spike_values: QLIF_TYPE_ */

  /* The forward call, with its tape. The backward call reads its shape, draws, key, row_index, input, linear, parameters, modulation,
   * uniforms, normals, initial_state and tape again; what they point to must be unchanged. So advance a key only after the backward call.
   * The forward call's outputs and scratch memory are not read. */
  const qlif_forward_args *forward;

  const void *grad_spike_values;    /* of grad_type: (T, B, N), or (B, N) if grad_spike_values_shared; NULL: 0 */
  int32_t grad_spike_values_shared; /* 0: each step has its own gradient; 1: all steps share one */
  int32_t grad_input_type;          /* of grad_input: QLIF_TYPE_ */
  const float *grad_voltages;       /* (T, B, N); NULL: 0 */
  const float *grad_final_state[QLIF_MAX_STATE_VARIABLES]; /* (B, N) each; all NULL: 0 */

  /* Results. They are overwritten, not added to; NULL: not computed. */
  void *grad_input;                            /* (T, B, N) of grad_input_type */
  float *grad_modulation;                      /* dense, with the modulation's extent: 1 along a dimension it is shared over */
  float *grad_parameters[QLIF_MAX_PARAMETERS]; /* (N) or (1) each, as the parameter */
  float *grad_initial_state[QLIF_MAX_STATE_VARIABLES]; /* (B, N) each, or all NULL; NULL if initial_state_shared */

  /* Working memory, as in qlif_forward_args. */
  void *scratch;
  uint64_t scratch_bytes;
} qlif_backward_args;

/* Arguments of qlif_draw. The fields that select the numbers have the meaning they have in qlif_forward_args. */
typedef struct qlif_draw_args {
  uint32_t size; /* sizeof(qlif_draw_args) */
  uint32_t stream;
  uint64_t seed;
  int64_t element_offset;
  int64_t first_step;
  int64_t steps;
  int64_t wires;    /* W, 1 to 64 */
  int64_t elements; /* of a step: B N, or any range of them from element_offset on */
  int64_t neurons;  /* N, a divisor of elements; ignored without row_index */
  const uint64_t *row_index; /* (elements / N), or NULL */
  float *uniforms;           /* (T, W, elements), or NULL */
  float *normals;            /* (T, elements), or NULL */
} qlif_draw_args;

/* ---------------------------------------------------------------- a linear layer driven by spikes */

/* The input of a linear layer: float32; bytes, where every value but 0 is a spike; or bits. A spike counts as 1. */
enum { QLIF_INPUT_F32 = 0, QLIF_INPUT_U8 = 1, QLIF_INPUT_BIT = 2 };

/* Handle of a linear layer, which holds only working memory: weights and inputs come with each call. */
typedef struct qlif_linear qlif_linear;

/* Arguments of qlif_linear_forward. output[t, b, m] starts as bias[m], or 0 without a bias. Then, for k ascending and for each
 * input[t, b, k] that is not 0, a fused multiply-add adds input[t, b, k] * weights[k, m]. So a NaN weight only reaches outputs whose input is
 * not 0 there. Any extent may be 0; without inputs, the output is the bias. */
typedef struct qlif_linear_forward_args {
  uint32_t size;      /* sizeof(qlif_linear_forward_args) */
  int32_t input_type; /* QLIF_INPUT_ */
  int64_t steps;      /* T >= 0 */
  int64_t batch;      /* B >= 0 */
  int64_t inputs;     /* K >= 0 */
  int64_t outputs;    /* M >= 0 */

  const void *input;    /* (T, B, K); as bits (T, ceil(B K / 64)): element e = b * K + k of a step is bit e % 64 of word e / 64 */
  const float *weights; /* (K, M) */
  const float *bias;    /* (M); NULL: 0 */
  float *output;        /* (T, B, M); NULL is allowed only in qlif_forward_args.linear */
} qlif_linear_forward_args;

/* Arguments of qlif_linear_backward. All sums are float32, by fused multiply-adds.
 *   grad_weights: in each block of 32 rows of the batch, for t ascending and then b ascending, input * grad_output is added for each element
 *     of the input that is not 0. The blocks are added by the tree of docs/numerics.md.
 *   grad_bias: likewise, with grad_output as the term.
 *   grad_input: for m ascending, grad_output * weights is added, for every element. */
typedef struct qlif_linear_backward_args {
  uint32_t size;              /* sizeof(qlif_linear_backward_args) */
  int32_t grad_output_shared; /* 0: each step has its own gradient; 1: all steps share one */

  /* The forward call. Its shape is read again; its input only for grad_weights, its weights only for grad_input. The rest may be NULL. */
  const qlif_linear_forward_args *forward;

  const float *grad_output; /* (T, B, M), or (B, M) if grad_output_shared */

  /* Results. They are overwritten, not added to; NULL: not computed. */
  float *grad_weights; /* (K, M) */
  float *grad_bias;    /* (M) */
  float *grad_input;   /* (T, B, K) */
} qlif_linear_backward_args;

/* ---------------------------------------------------------------- versions and failures */

/* The QLIF_ABI_VERSION that the library was compiled with. */
QLIF_API uint32_t qlif_abi_version(void);

/* The library's version, such as "0.1.0": a constant string. */
QLIF_API const char *qlif_version(void);

/* The text of the calling thread's last failure, or "" if there was none. Valid until the thread's next failure. */
QLIF_API const char *qlif_last_error(void);

/* CUDA's error code of the calling thread's last failure, or 0 if the failure was not CUDA's. */
QLIF_API int32_t qlif_last_cuda_error(void);

/* ---------------------------------------------------------------- descriptions of models and devices */

/* Writes the number of CUDA devices. If there is none, returns QLIF_UNAVAILABLE, and the text says why. */
QLIF_API qlif_status qlif_device_count(int32_t *count);

/* Describe a model, and its state variables, parameters, traces and options by number. Options are numbered in the order of their fields. A
 * model or number that doesn't exist returns QLIF_INVALID_ARGUMENT. */
QLIF_API qlif_status qlif_model(int32_t model, qlif_model_info *info);
QLIF_API qlif_status qlif_state_variable(int32_t model, int32_t number, qlif_variable_info *info);
QLIF_API qlif_status qlif_parameter(int32_t model, int32_t number, qlif_parameter_info *info);
QLIF_API qlif_status qlif_trace(int32_t model, int32_t number, qlif_trace_info *info);
QLIF_API qlif_status qlif_option(int32_t model, int32_t number, qlif_option_info *info);

/* The name of an enumeration's constant, such as "QUBIT" for choice 0 of the option decision; NULL if it doesn't exist. A constant string. */
QLIF_API const char *qlif_choice_name(int32_t model, int32_t option, int32_t choice);

/* Write a model's default configuration, header included. size is sizeof *config; no more bytes are written. */
QLIF_API qlif_status qlif_qlif_defaults(qlif_qlif_config *config, uint32_t size);
QLIF_API qlif_status qlif_lif_defaults(qlif_lif_config *config, uint32_t size);

/* Writes a preset of the QLIF model: "2025-08-15" or "2025-08-24", the public snapshots of docs/model.md, section 9, with QUBIT decisions,
 * or "plain-lif", with every option off. */
QLIF_API qlif_status qlif_qlif_preset(qlif_qlif_config *config, uint32_t size, const char *name);

/* Checks a configuration and writes the value that a parameter starts at. */
QLIF_API qlif_status qlif_parameter_default(const qlif_config *config, int32_t parameter, float *value);

/* Checks a configuration as qlif_kernel_open does, without a device, and writes the float32 constants that its kernels use, so that the
 * equations can be written in another language with the same bits. values has room for qlif_model_info.constants numbers, or is NULL.
 * qlif_constant_name returns a constant's name, such as "refractory_decay", which is exp(-dt / tau_ref); NULL if it doesn't exist. */
QLIF_API qlif_status qlif_constants(const qlif_config *config, float *values);
QLIF_API const char *qlif_constant_name(int32_t model, int32_t number);

/* Describes a device, the host included. Returns QLIF_UNAVAILABLE if the device can't run this library's code. On x86-64 the host needs
 * x86-64-v3 (AVX2, FMA, BMI2 and others), and the text lists what the CPU lacks. */
QLIF_API qlif_status qlif_device_describe(int32_t device, qlif_device_info *info);

/* ---------------------------------------------------------------- kernels, calls and tapes */

/* Opens a kernel on a device. The configuration is copied. options may be NULL, for the defaults. */
QLIF_API qlif_status qlif_kernel_open(
    int32_t device, const qlif_config *config, const qlif_kernel_options *options, qlif_kernel **kernel);

/* Waits for the kernel's calls, except those in graphs, and frees the kernel. Tapes that it opened stay open. See "Handles". */
QLIF_API qlif_status qlif_kernel_close(qlif_kernel *kernel);

/* Writes a description of the kernel for people to read: at most length bytes, with the terminating zero. */
QLIF_API qlif_status qlif_kernel_describe(qlif_kernel *kernel, char *text, size_t length);

/* Allocates the working memory of backward calls of this shape in advance. A call that is captured into a CUDA graph must not allocate, so it
 * needs this, or its own scratch memory. modulation_steps: 1 if you want the gradient of a modulation that varies over time and is shared
 * over the batch or over neurons, else 0. If it has to allocate, it waits for the kernel's calls. Empty calls need no memory. */
QLIF_API qlif_status qlif_kernel_reserve(
    qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps);

/* Writes how many bytes of scratch memory are enough for a backward call of this shape; modulation_steps as in qlif_kernel_reserve. A forward
 * call needs none. */
QLIF_API qlif_status qlif_scratch_bytes(
    qlif_kernel *kernel, int64_t steps, int64_t batch, int64_t neurons, int32_t modulation_steps, uint64_t *bytes);

/* Runs all steps forward. On the host, the first call with more modulation values than before allocates memory, as does a backward call. */
QLIF_API qlif_status qlif_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream);

/* Runs the backward pass of the forward call that the tape records. The first call of a larger shape than before waits for the kernel's calls
 * and allocates, unless qlif_kernel_reserve was called or the call brings its own scratch memory. That does not spare a call on the host that
 * sums a modulation's gradient over neurons at each step, up to 512 KiB a thread, which is allocated once; qlif_kernel_reserve does. */
QLIF_API qlif_status qlif_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream);

/* Writes the random numbers that a forward call would draw. */
QLIF_API qlif_status qlif_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream);

/* Opens a tape for calls of this shape on the kernel's device. mode is a QLIF_TAPE_, type the QLIF_TYPE_ of its V'. The tape may outlive the
 * kernel, and may be used with another kernel of the same device if its configuration has the same options and the same qlif_constants. */
QLIF_API qlif_status qlif_tape_open(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, qlif_tape **tape);

/* Writes the size of such a tape in bytes; 0 if T, B or N is 0. */
QLIF_API qlif_status qlif_tape_bytes_for(
    qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons, uint64_t *bytes);

/* Opens a tape in the caller's memory: memory of the kernel's device, at least qlif_tape_bytes_for bytes, aligned to QLIF_ALIGNMENT; NULL if
 * that is 0. The memory must stay valid and untouched until the tape is closed; the library never frees it. Opening and closing such a tape
 * don't touch the device and don't wait, so both are allowed while a stream is captured.
 *
 * recorded: 0, or 1 if the memory already holds the recording of a forward call with the same configuration, mode, type and shape, which the
 * caller copied or restored and is responsible for. The format depends on the library's version and on the kind of device. Backward calls never
 * write to a tape, so any number of them may read one. */
QLIF_API qlif_status qlif_tape_open_in(qlif_kernel *kernel, int32_t mode, int32_t type, int64_t steps, int64_t batch, int64_t neurons,
    void *memory, uint64_t bytes, int32_t recorded, qlif_tape **tape);

/* The tape's device memory in bytes. Also works while another thread is in a call on the tape. 0 for NULL, and for any other number that is
 * not an open tape, which is then the calling thread's last failure. */
QLIF_API uint64_t qlif_tape_bytes(const qlif_tape *tape);

/* Waits for the last call on the tape, except calls in graphs, and frees the tape. A tape in the caller's memory is closed without waiting.
 * See "Handles". */
QLIF_API qlif_status qlif_tape_close(qlif_tape *tape);

/* ---------------------------------------------------------------- linear layers */

/* Opens a linear layer on a device. options as in qlif_kernel_open; on QLIF_HOST it uses the same team of threads as kernels. */
QLIF_API qlif_status qlif_linear_open(int32_t device, const qlif_kernel_options *options, qlif_linear **linear);

/* Frees the linear layer. See "Handles". */
QLIF_API qlif_status qlif_linear_close(qlif_linear *linear);

/* Writes a description of the linear layer for people to read: at most length bytes, with the terminating zero. */
QLIF_API qlif_status qlif_linear_describe(qlif_linear *linear, char *text, size_t length);

/* Computes the output. stream as in qlif_forward. */
QLIF_API qlif_status qlif_linear_forward(qlif_linear *linear, const qlif_linear_forward_args *args, void *stream);

/* Computes the gradients whose pointers are not NULL. stream as in qlif_forward. On CUDA, a batch of more than 32 rows needs memory for the sums
 * of blocks of rows. It comes from cudaMallocAsync on the stream, also in a captured call: at most 64 MiB, unless one block and the levels of
 * the tree need more. */
QLIF_API qlif_status qlif_linear_backward(qlif_linear *linear, const qlif_linear_backward_args *args, void *stream);

#ifdef __cplusplus
}
#endif

#endif
