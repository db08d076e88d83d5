/*
 * QLIF: fused spiking-neuron kernels on a CUDA device or on the host, behind one C interface.
 *
 * One call runs all time steps of a batch, forward or backward. Every device gives the same bits: those of the Java library's scalar
 * backend, which docs/numerics.md defines.
 *
 * Conventions
 *   - Every function that can fail returns a qlif_status; 0 is success. qlif_last_error() is the text of the calling thread's last
 *     failure. Arguments are checked before anything is written: see "Checks".
 *   - Arrays are row-major; T steps, B rows of the batch, N neurons; an element is e = b * N + n. Pointers in argument structs are
 *     memory of the kernel's device (device pointers for CUDA, host pointers for QLIF_HOST), aligned as their type; NULL means
 *     absent where that is allowed. Outputs must not overlap inputs or each other.
 *   - On CUDA, calls are enqueued on the stream given (a CUstream or cudaStream_t of the kernel's device's primary context, NULL for
 *     the default stream) and return at once; argument structs are copied before the return, what they point to must live until
 *     the stream has done the work. On QLIF_HOST the stream must be NULL and the work is done at the return.
 *   - A kernel serves one call at a time, and so does a tape: a second thread's call meanwhile gets QLIF_BUSY. A kernel's calls must all
 *     be on one stream, or be ordered by events: they share scratch memory. Kernels are independent of each other.
 *   - The calling thread's current context is the same after a call as before it. Each kernel and tape holds the device's primary context.
 *   - While a thread captures a stream of a GPU into a CUDA graph, other threads may open kernels and tapes on that GPU, reserve, close
 *     them and call, but not on the default stream. The capturing thread must not open, reserve or close. No call waits for a graph: stop
 *     launching it, and wait for its last launch, before a kernel or tape that it uses is closed.
 *   - Structs begin with their own size, so that a caller built against another version is told so.
 *   - A call without a neuron-step (T, B or N is 0) returns at once, whatever its other extents. It writes what it has to: zeros as the
 *     gradients of parameters and of the modulation; if T is 0, the initial state as the final one, and its gradient likewise.
 *
 * Handles
 *   - A qlif_kernel * and a qlif_tape * are numbers, not addresses. No number is given out twice in a process, and a kernel's is never a
 *     tape's. What is not the handle of an open object of the right kind is refused with QLIF_INVALID_ARGUMENT and no memory is touched:
 *     NULL, a handle that has been closed, a handle of the other kind, any other number. Closing NULL does nothing and succeeds.
 *   - Any thread may close. While another thread is in a call on the object, closing gives QLIF_BUSY and changes nothing: the handle is
 *     open as before, and closing can be tried again. Otherwise the handle is closed and everything is freed, also when the work on the
 *     device that is waited for has failed, which the status then says.
 *
 * Checks
 *   - A failure's text names the argument, what it was and what was expected, such as "steps: got -1, expected 0 or more".
 *   - The fields of a qlif_config must have values that the ranges of docs/model.md allow; the ranges stand beside them.
 *   - B * N and T * B * N must be below 2^63, and so must the bytes of each array that is lent, of a tape and of scratch memory; else
 *     QLIF_INVALID_ARGUMENT. What is below it but more than there is gives QLIF_OUT_OF_MEMORY.
 *   - On QLIF_HOST each forward and backward call checks its parameters' values: all must be finite, tau must be above 0, and dt / tau must
 *     be finite in float32. A V_th outside [min_threshold, max_threshold] is legal. On CUDA parameters are device memory and are not read:
 *     a value that is not legal gives NaN in its neurons, or in all of them where it is shared.
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

#if defined(_WIN32)
#define QLIF_API __declspec(dllexport)
#else
#define QLIF_API __attribute__((visibility("default")))
#endif

/* Rises with every change that an older caller could not survive. */
#define QLIF_ABI_VERSION 1

/* The device number of the host; CUDA devices are numbered from 0. */
#define QLIF_HOST (-1)

/* How many of each there are: the lengths of the arrays below. Their order is that of the QLIF_STATE_, QLIF_PARAM_ and QLIF_TRACE_
 * constants. */
#define QLIF_STATE_VARIABLES 11
#define QLIF_PARAMETERS 5
#define QLIF_TRACES 13

/* Steps from one checkpoint of a tape to the next. */
#define QLIF_SEGMENT 64

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

/* State variables, in the order of docs/model.md. */
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

/* Differentiable parameters. */
enum {
  QLIF_PARAM_V_TH = 0,
  QLIF_PARAM_TAU = 1, /* in the unit of dt; above 0, and dt / tau is finite in float32 */
  QLIF_PARAM_ETA = 2,
  QLIF_PARAM_Q_SCALE = 3,
  QLIF_PARAM_Q_BIAS = 4
};

/* What a forward call can write besides spikes, spike values and potentials: state after the step, or what the decision saw. */
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

enum { QLIF_DECISION_QUBIT = 0, QLIF_DECISION_SIGMOID = 1, QLIF_DECISION_THRESHOLD = 2 };
enum { QLIF_SAMPLING_DRAW = 0, QLIF_SAMPLING_ROUND = 1 };
enum { QLIF_SPIKE_VALUE_SAMPLE = 0, QLIF_SPIKE_VALUE_EXPECTED = 1 };
enum { QLIF_ANGLE_LINEAR = 0, QLIF_ANGLE_TANH = 1 };
enum { QLIF_READOUT_SINGLE_QUBIT = 0, QLIF_READOUT_MULTI_QUBIT = 1, QLIF_READOUT_EXPECTATION = 2 };
enum {
  QLIF_SURROGATE_HEAVISIDE = 0,
  QLIF_SURROGATE_FAST_SIGMOID = 1,
  QLIF_SURROGATE_GAUSSIAN = 2,
  QLIF_SURROGATE_ARCTAN = 3
};
enum { QLIF_NEUROMOD_GAIN = 0, QLIF_NEUROMOD_THRESHOLD = 1, QLIF_NEUROMOD_PROB_SLOPE = 2, QLIF_NEUROMOD_OFF = 3 };
enum { QLIF_TRANSFORM_SIGMOID = 0, QLIF_TRANSFORM_IDENTITY = 1 };
enum { QLIF_TAPE_VOLTAGE = 0, QLIF_TAPE_COMPACT = 1 };

/* The options, 0 or 1 unless an enumeration is named, and the float32 numbers of the equations. Numbers are derived from the
 * configuration once, in float64, and rounded once (docs/numerics.md); the library takes them as they are.
 *
 * Every field is checked, also where the options leave it without effect. Ranges below are those that the ranges of docs/model.md have
 * after the derivation: bounds that are open there can be reached by rounding, so they are closed here. All numbers are finite. */
typedef struct qlif_config {
  uint32_t size; /* sizeof(qlif_config) */

  int32_t decision;      /* QLIF_DECISION_ */
  int32_t sampling;      /* QLIF_SAMPLING_, in SIGMOID mode */
  int32_t spike_value;   /* QLIF_SPIKE_VALUE_ */
  int32_t angle_map;     /* QLIF_ANGLE_, in QUBIT mode */
  int32_t readout;       /* QLIF_READOUT_, in QUBIT mode */
  int32_t quantum_wires; /* W of MULTI_QUBIT, 1 to 64 */
  int32_t min_count;     /* MULTI_QUBIT: how many wires must measure 1, 1 to W + 1 */
  int32_t surrogate;     /* QLIF_SURROGATE_, in THRESHOLD mode */
  int32_t neuromod_mode; /* QLIF_NEUROMOD_ */
  int32_t neuromod_transform; /* QLIF_TRANSFORM_ */
  int32_t dynamic_probability;
  int32_t refractory;
  int32_t use_adaptation;
  int32_t use_depression;
  int32_t use_ahp;
  int32_t use_adaptive_threshold;
  int32_t homeostasis_enabled;
  int32_t detach_reset;
  int32_t membrane_noise; /* whether a step adds sigma times a standard normal */

  float kappa;            /* of the modulation; any */
  float min_threshold;    /* > 0 */
  float max_threshold;    /* >= min_threshold */
  float g_ahp;            /* any */
  float dt;               /* > 0 */
  float sigma;            /* >= 0 */
  float dsp_decay;        /* >= 0 */
  float dsp_jump;         /* >= 0 */
  float theta_max;        /* 0 to pi */
  float quantum_leak;     /* >= 0 */
  float base_alpha;       /* > 0 */
  float min_alpha;        /* > 0 */
  float max_alpha;        /* >= min_alpha */
  float floor;            /* bounds of p: 0 to 0.5 */
  float ceiling;          /* 1 - floor: 0.5 to 1 */
  float expected_above;   /* EXPECTATION: the p above which there is a spike, 0 to 1 */
  float surrogate_scale;  /* a, > 0; or -1 / (2 a^2) for GAUSSIAN, <= 0 */
  float reset_fraction;   /* 0 to 1 */
  float v_reset;          /* any */
  float refractory_decay; /* exp(-dt / tau_ref): 0 to 1 */
  float r_jump;           /* >= 0 */
  float ahp_decay;        /* exp(-dt / tau_ahp): 0 to 1 */
  float ahp_jump;         /* >= 0 */
  float ahp_max;          /* > 0 */
  float adaptation_decay; /* >= 0 */
  float spike_increase;   /* >= 0 */
  float depression_rate;  /* 0 to 1 */
  float recovery_rate;    /* >= 0 */
  float rate_step;        /* dt / homeostasis_tau: >= 0 */
  float homeostasis_lr;   /* any */
  float target_rate;      /* 0 to 1 */
} qlif_config;

typedef struct qlif_device_info {
  uint32_t size;              /* sizeof(qlif_device_info) */
  int32_t compute_major;      /* 0 for the host */
  int32_t compute_minor;
  int32_t multiprocessors;    /* hardware threads of the host */
  int32_t driver_version;     /* of CUDA, 1000 * major + 10 * minor; 0 for the host */
  int32_t reserved;
  uint64_t memory_bytes;
  /* UTF-8, ends with 0. The host's ends with what its kernels use of the CPU: "(x86-64-v4)", "(x86-64-v3)", elsewhere "(baseline)". */
  char name[256];
} qlif_device_info;

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

typedef struct qlif_forward_args {
  uint32_t size; /* sizeof(qlif_forward_args) */
  uint32_t reserved; /* 0 */

  int64_t steps;   /* T >= 0 */
  int64_t batch;   /* B >= 0 */
  int64_t neurons; /* N >= 0 */
  /* The absolute index of the first step, counted from the start of the stream. */
  int64_t first_step;

  /* Which numbers to draw where none are given: the generator's key, the stream, and what is added to e. */
  uint64_t seed;
  int64_t element_offset;
  uint32_t stream;
  /* Bit i set: parameter i has N values, else one. */
  uint32_t per_neuron_parameters;

  const float *input;                       /* (T, B, N) */
  const float *parameters[QLIF_PARAMETERS]; /* (N) or (1) each */
  qlif_broadcast modulation;                /* m, transformed by the kernel; absent: M stays what the state says */
  const float *uniforms;                    /* (T, W, B, N), W = 1 but in MULTI_QUBIT; NULL: drawn */
  const float *normals;                     /* (T, B, N); NULL: drawn */
  const float *initial_state[QLIF_STATE_VARIABLES]; /* (B, N) each; all NULL: V..r, h, y = 0, S = M = 1 */

  float *final_state[QLIF_STATE_VARIABLES]; /* (B, N) each, or all NULL; without a tape they may be initial_state's arrays */
  float *spikes_f32;                        /* (T, B, N) */
  uint8_t *spikes_u8;                       /* (T, B, N) */
  /* (T, ceil(B N / 64)): element e is bit e mod 64 of word e div 64; bits past the last element are 0. */
  uint64_t *spikes_bit;
  float *spike_values;       /* y, (T, B, N) */
  float *voltages;           /* V after the reset, (T, B, N) */
  float *traces[QLIF_TRACES]; /* (T, B, N) each */
  qlif_tape *tape;           /* NULL: nothing is recorded */
} qlif_forward_args;

typedef struct qlif_backward_args {
  uint32_t size; /* sizeof(qlif_backward_args) */
  uint32_t reserved; /* 0 */

  /* The forward call whose tape this is, with the inputs it had, which are read again; its outputs are not touched. */
  qlif_forward_args forward;

  const float *grad_spike_values; /* (T, B, N); NULL: 0 */
  const float *grad_voltages;     /* (T, B, N); NULL: 0 */
  const float *grad_final_state[QLIF_STATE_VARIABLES]; /* (B, N) each, or all NULL: 0 */

  /* Results, overwritten; NULL: not computed. */
  float *grad_input;                        /* (T, B, N) */
  float *grad_modulation;                   /* of the modulation's own extent, dense, row-major */
  float *grad_parameters[QLIF_PARAMETERS];  /* of each parameter's length */
  float *grad_initial_state[QLIF_STATE_VARIABLES]; /* (B, N) each, or all NULL */
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
  float *uniforms; /* (T, W, elements), or NULL */
  float *normals;  /* (T, elements), or NULL */
} qlif_draw_args;

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

/* What a device is, the host included. QLIF_UNAVAILABLE if it can't run this library's code: on x86-64 the host needs what x86-64-v3
 * names, AVX2, FMA, BMI2 and what comes with them, and the text lists what the CPU lacks. */
QLIF_API qlif_status qlif_device_describe(int32_t device, qlif_device_info *info);

/* A kernel of a configuration on a device. threads: how many share a call on QLIF_HOST, 1 to 1024, the calling one among them;
 * ignored on CUDA. */
QLIF_API qlif_status qlif_kernel_open(int32_t device, const qlif_config *config, int32_t threads, qlif_kernel **kernel);

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

/* Runs all steps. */
QLIF_API qlif_status qlif_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream);

/* Runs the backward pass of the forward call that the tape holds. The first call of a larger shape than before waits for the kernel's calls
 * and allocates, unless qlif_kernel_reserve has made room. */
QLIF_API qlif_status qlif_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream);

/* Writes the numbers that a run would draw. */
QLIF_API qlif_status qlif_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream);

/* A tape for calls of this shape on this kernel's device. It may outlive the kernel, and go from one kernel to another of the same device
 * whose qlif_config has the same value in every field; others are refused. */
QLIF_API qlif_status qlif_tape_open(
    qlif_kernel *kernel, int32_t mode, int64_t steps, int64_t batch, int64_t neurons, qlif_tape **tape);

/* The device memory that it takes, in bytes; also while another thread is in a call on it. 0 for NULL, and for what is no open tape, which
 * qlif_last_error() then tells. */
QLIF_API uint64_t qlif_tape_bytes(const qlif_tape *tape);

/* Waits for the last call on the tape and frees it; captured calls it can't wait for. NULL is ignored. QLIF_BUSY, and nothing is changed,
 * if another thread is in a call on it; see "Handles". */
QLIF_API qlif_status qlif_tape_close(qlif_tape *tape);

#ifdef __cplusplus
}
#endif

#endif
