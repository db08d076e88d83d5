/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callers of the C interface can rely on, on the host and, where that needs no device memory, on CUDA.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/* Callers leave padding undefined, so that no later field could take its place. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include "qlif.h"
#pragma GCC diagnostic pop

#include "calls.h"
#include "scenario.h"

static void expect(qlif_status got, qlif_status status, const char *word, int line) {
  if (got != status || strstr(qlif_last_error(), word) == NULL) {
    fprintf(stderr, "library.c:%d: got status %d and \"%s\", expected %d and a text with \"%s\"\n", line, got,
            qlif_last_error(), status, word);
    exit(1);
  }
}

#define EXPECT(status, word, call) expect(call, status, word, __LINE__)
#define REFUSED(word, call) EXPECT(QLIF_INVALID_ARGUMENT, word, call)

static void test_versions(void) {
  CHECK(qlif_abi_version() == QLIF_ABI_VERSION);
  CHECK(strchr(qlif_version(), '.') != NULL);
  CHECK(strcmp(qlif_last_error(), "") == 0);
  CHECK(qlif_last_cuda_error() == 0);
}

#if defined(__x86_64__)
/* In a child, since the choice is made once in a process. */
static void in_child_with(const char *instructions, void (*test)(void)) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    setenv("QLIF_INSTRUCTIONS", instructions, 1);
    test();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void refuses_unknown_instructions(void) {
  qlif_device_info info = {.size = sizeof info};
  FAILS(QLIF_UNAVAILABLE, "QLIF_INSTRUCTIONS: got 'avx2', expected 'x86-64-v3' or 'x86-64-v4'", qlif_device_describe(QLIF_HOST, &info));
  qlif_kernel *kernel = NULL;
  qlif_qlif_config config = default_config();
  FAILS(QLIF_UNAVAILABLE, "QLIF_INSTRUCTIONS", open_kernel(QLIF_HOST, &config.header, 1, &kernel));
}

static void runs_the_narrow_instructions(void) {
  qlif_device_info info = {.size = sizeof info};
  CHECK_OK(qlif_device_describe(QLIF_HOST, &info));
  CHECK(strstr(info.name, "(x86-64-v3)") != NULL && info.vector_bits == 256);
}

/* Runs first: the choice is made once in a process. */
static void test_instructions(void) {
  in_child_with("avx2", refuses_unknown_instructions);
  in_child_with("x86-64-v3", runs_the_narrow_instructions);
}
#endif

static void test_devices(void) {
  qlif_device_info info;
  memset(&info, 0xa5, sizeof info);
  REFUSED("size", qlif_device_describe(QLIF_HOST, &info));
  info.size = sizeof info;
  REFUSED("device", qlif_device_describe(-2, &info));
  REFUSED("info", qlif_device_describe(QLIF_HOST, NULL));
  CHECK_OK(qlif_device_describe(QLIF_HOST, &info));
  CHECK(info.multiprocessors > 0 && info.memory_bytes > 0 && strlen(info.name) > 0 && info.compute_major == 0);
  REFUSED("count", qlif_device_count(NULL));

  int32_t count = -5;
  qlif_status status = qlif_device_count(&count);
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel = NULL;
  if (status != QLIF_SUCCESS) {
    CHECK(status == QLIF_UNAVAILABLE && count == -5 && strstr(qlif_last_error(), "CUDA") != NULL);
    printf("no CUDA here: %s\n", qlif_last_error());
    EXPECT(QLIF_UNAVAILABLE, "CUDA", qlif_device_describe(0, &info));
    EXPECT(QLIF_UNAVAILABLE, "CUDA", open_kernel(0, &config.header, 1, &kernel));
    CHECK(kernel == NULL);
    return;
  }
  EXPECT(QLIF_UNAVAILABLE, "device", open_kernel(count, &config.header, 1, &kernel));
  char text[16];
  CHECK_OK(open_kernel(0, &config.header, 0, &kernel));
  CHECK_OK(qlif_kernel_describe(kernel, text, sizeof text));
  CHECK(strlen(text) == sizeof text - 1);
  CHECK_OK(qlif_kernel_close(kernel));
}

/* The option of this name, which must exist. */
static qlif_option_info option_named(int32_t model, const char *name) {
  qlif_option_info option = {.size = sizeof option};
  for (int32_t i = 0; qlif_option(model, i, &option) == QLIF_SUCCESS; i++) {
    if (strcmp(option.name, name) == 0) return option;
  }
  fprintf(stderr, "model %d has no option %s\n", model, name);
  exit(1);
}

/* How many times a test didn't know an option. */
static int unknown_options;

/* Reports options of a model that are not among rows that begin with their names. real: whether the rows are those of real numbers. */
static void require_listed(int32_t model, int real, const void *rows, size_t count, size_t size) {
  qlif_option_info option = {.size = sizeof option};
  for (int32_t i = 0; qlif_option(model, i, &option) == QLIF_SUCCESS; i++) {
    size_t row = 0;
    while (row < count && strcmp(*(const char *const *)((const char *)rows + row * size), option.name) != 0) row++;
    if (row == count && (option.kind == QLIF_KIND_REAL) == real) {
      fprintf(stderr, "%s: the option '%s' has no row in test_config_%s\n", __FILE__, option.name, real ? "numbers" : "refusals");
      unknown_options++;
    }
  }
}

/* Whether a number is legal according to the table; dt: the configuration's, about 1. */
static int is_in_range(const qlif_option_info *option, double value, double dt) {
  int positive = (float)value > 0 && isfinite((float)value);
  switch (option->range) {
    case QLIF_RANGE_FINITE:
      return isfinite((float)value);
    case QLIF_RANGE_TIME_CONSTANT:
      return positive && isfinite((float)(dt / value));
    case QLIF_RANGE_RATE:
      return positive && (float)dt * (float)value <= 1;
    case QLIF_RANGE_POSITIVE:
      return positive;
    case QLIF_RANGE_NOT_NEGATIVE:
      return value >= 0 && isfinite((float)value);
    case QLIF_RANGE_INTERVAL:
      return (option->low_open ? value > option->low : value >= option->low) &&
             (option->high_open ? value < option->high : value <= option->high);
  }
  fprintf(stderr, "%s: has the range %d\n", option->name, option->range);
  exit(1);
}

static void test_config_refusals(void) {
  static const struct {
    const char *name;
    size_t offset;
    int32_t low, high;
  } fields[] = {
#define OPTION(name) #name, offsetof(qlif_qlif_config, name)
      {OPTION(detach_reset), 0, 1},
      {OPTION(stochastic), 0, 1},
      {OPTION(decision), 0, 2},
      {OPTION(sampling), 0, 1},
      {OPTION(spike_value), 0, 1},
      {OPTION(angle_map), 0, 1},
      {OPTION(readout), 0, 2},
      {OPTION(quantum_wires), 1, 64},
      {OPTION(surrogate), 0, 3},
      {OPTION(dynamic_probability), 0, 1},
      {OPTION(refractory), 0, 1},
      {OPTION(use_adaptation), 0, 1},
      {OPTION(use_depression), 0, 1},
      {OPTION(use_ahp), 0, 1},
      {OPTION(use_adaptive_threshold), 0, 1},
      {OPTION(homeostasis_enabled), 0, 1},
      {OPTION(neuromod_mode), 0, 3},
      {OPTION(neuromod_transform), 0, 1},
  };
  require_listed(QLIF_MODEL_QLIF, 0, fields, sizeof fields / sizeof fields[0], sizeof fields[0]);
  qlif_kernel *kernel = NULL;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    qlif_option_info option = option_named(QLIF_MODEL_QLIF, fields[i].name);
    CHECK(option.offset == (int32_t)fields[i].offset && option.low == fields[i].low && option.high == fields[i].high);
    for (int side = 0; side < 2; side++) {
      qlif_qlif_config config = default_config();
      int32_t *field = (int32_t *)((char *)&config + fields[i].offset);
      *field = side ? fields[i].high : fields[i].low;
      CHECK_OK(qlif_constants(&config.header, NULL));
      *field += side ? 1 : -1;
      REFUSED(fields[i].name, open_kernel(QLIF_HOST, &config.header, 1, &kernel));
      *field = side ? INT32_MAX : INT32_MIN;
      REFUSED(fields[i].name, open_kernel(QLIF_HOST, &config.header, 1, &kernel));
    }
  }
  qlif_qlif_config config = default_config();
  REFUSED("device", open_kernel(-2, &config.header, 1, &kernel));
  REFUSED("threads", open_kernel(QLIF_HOST, &config.header, -1, &kernel));
  REFUSED("threads", open_kernel(QLIF_HOST, &config.header, 1025, &kernel));
  qlif_kernel_options options = {.size = sizeof options, .spin_nanos = -2};
  REFUSED("spin_nanos", qlif_kernel_open(QLIF_HOST, &config.header, &options, &kernel));
  options.spin_nanos = 1000000001;
  REFUSED("spin_nanos", qlif_kernel_open(QLIF_HOST, &config.header, &options, &kernel));
  options = (qlif_kernel_options){.size = 3};
  REFUSED("qlif_kernel_options.size", qlif_kernel_open(QLIF_HOST, &config.header, &options, &kernel));
  REFUSED("config", open_kernel(QLIF_HOST, NULL, 1, &kernel));
  REFUSED("kernel", open_kernel(QLIF_HOST, &config.header, 1, NULL));
  config.header.size--;
  REFUSED("size", open_kernel(QLIF_HOST, &config.header, 1, &kernel));
  config = default_config();
  config.header.model = 2;
  REFUSED("model: got 2,", open_kernel(QLIF_HOST, &config.header, 1, &kernel));
  config.header.model = -1;
  REFUSED("model: got -1,", open_kernel(QLIF_HOST, &config.header, 1, &kernel));
  /* A struct of the LIF model, recognized by its size. */
  config.header.model = QLIF_MODEL_LIF;
  REFUSED("size", open_kernel(QLIF_HOST, &config.header, 1, &kernel));
  REFUSED("config", qlif_qlif_defaults(NULL, sizeof config));
  REFUSED("config", qlif_lif_defaults(NULL, 16));
  REFUSED("config", qlif_qlif_preset(NULL, sizeof config, "plain-lif"));
  REFUSED("name: got NULL", qlif_qlif_preset(&config, sizeof config, NULL));
  REFUSED("name: got '2025'", qlif_qlif_preset(&config, sizeof config, "2025"));
  REFUSED("size", qlif_qlif_preset(&config, 0, "plain-lif"));

  qlif_lif_config lif;
  memset(&lif, 0xa5, sizeof lif);
  CHECK_OK(qlif_lif_defaults(&lif, sizeof lif));
  CHECK(lif.header.size == sizeof lif && lif.header.model == QLIF_MODEL_LIF && lif.reserved == 0);
  CHECK_OK(qlif_constants(&lif.header, NULL));
  lif.reserved = 1;
  REFUSED("reserved", open_kernel(QLIF_HOST, &lif.header, 1, &kernel));
  for (int32_t surrogate = -1; surrogate < 5; surrogate += 5) {
    CHECK_OK(qlif_lif_defaults(&lif, sizeof lif));
    lif.surrogate = surrogate;
    REFUSED("surrogate", open_kernel(QLIF_HOST, &lif.header, 1, &kernel));
  }
  CHECK(kernel == NULL);
}

/* The least double that is > 0 when rounded to float32, the largest one that stays finite, and those just outside. */
#define LEAST nextafter(0x1p-150, 1), 0x1p-150
#define MOST nextafter(0x1.ffffffp127, 0), 0x1.ffffffp127
#define LOWEST -nextafter(0x1.ffffffp127, 0), -0x1.ffffffp127

#define DERIVED(offset)                                                                          \
  ((offset) == offsetof(qlif_qlif_config, dsp_decay) || (offset) == offsetof(qlif_qlif_config, q_scale) || \
   (offset) == offsetof(qlif_qlif_config, q_bias))

static void try_number(const qlif_config *config, size_t size, const char *name, size_t offset, double value, int legal) {
  union {
    qlif_config header;
    qlif_qlif_config qlif;
    qlif_lif_config lif;
  } c;
  qlif_kernel *kernel = NULL;
  memcpy(&c, config, size);
  /* NaN is legal for derived options. */
  if (value != value && c.header.model == QLIF_MODEL_QLIF && DERIVED(offset)) return;
  if (legal && c.header.model == QLIF_MODEL_QLIF) {
    /* Adjusts the other option of a pair that must be in order or match. */
    if (offset == offsetof(qlif_qlif_config, min_threshold)) c.qlif.max_threshold = nextafter(0x1.ffffffp127, 0);
    if (offset == offsetof(qlif_qlif_config, max_threshold)) c.qlif.min_threshold = nextafter(0x1p-150, 1);
    if (offset == offsetof(qlif_qlif_config, min_alpha)) c.qlif.max_alpha = nextafter(0x1.ffffffp127, 0);
    if (offset == offsetof(qlif_qlif_config, max_alpha)) c.qlif.min_alpha = nextafter(0x1p-150, 1);
    if (offset == offsetof(qlif_qlif_config, homeostasis_tau) || offset == offsetof(qlif_qlif_config, tau)) c.qlif.dt = 1e-30;
    /* From these, the calibration would derive values that are not finite in float32. */
    if (offset == offsetof(qlif_qlif_config, initial_slope) || offset == offsetof(qlif_qlif_config, initial_probability)) {
      c.qlif.q_scale = c.qlif.q_bias = 1;
    }
    if (offset == offsetof(qlif_qlif_config, quantum_leak)) c.qlif.q_bias = 1;
    /* The bounds of the threshold must differ. */
    if (offset == offsetof(qlif_qlif_config, min_threshold) && value > 1) value = nextafter(value, 0);
    if (offset == offsetof(qlif_qlif_config, max_threshold) && value < 1) value = nextafter(value, 1);
  }
  if (legal && c.header.model == QLIF_MODEL_LIF && offset == offsetof(qlif_lif_config, dt)) {
    c.lif.tau_syn_inv = c.lif.tau_mem_inv = nextafter(0x1p-150, 1);
  }
  *(double *)((char *)&c + offset) = value;
  if (legal) {
    CHECK_OK(qlif_constants(&c.header, NULL));
    return;
  }
  char start[64];
  snprintf(start, sizeof start, "%s: got ", name);
  REFUSED(start, qlif_constants(&c.header, NULL));
  CHECK(strncmp(qlif_last_error(), start, strlen(start)) == 0 && strstr(qlif_last_error(), "expected a") != NULL);
  REFUSED(start, open_kernel(QLIF_HOST, &c.header, 1, &kernel));
  CHECK(kernel == NULL);
}

typedef struct number {
  const char *name;
  size_t offset;
  double low, below, high, above;
} number;

static void try_numbers(const qlif_config *config, size_t size, const number *numbers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const number *n = &numbers[i];
    qlif_option_info option = option_named(config->model, n->name);
    CHECK(option.kind == QLIF_KIND_REAL && option.offset == (int32_t)n->offset);
    double dt = option.range == QLIF_RANGE_RATE ? 0.001 : option.range == QLIF_RANGE_TIME_CONSTANT ? 1e-30 : 1;
    CHECK(is_in_range(&option, n->low, dt) && is_in_range(&option, n->high, dt));
    CHECK(!is_in_range(&option, n->below, dt) && !is_in_range(&option, n->above, dt) && !is_in_range(&option, NAN, dt));
    const double never[] = {NAN, -NAN, INFINITY, -INFINITY, n->below, n->above};
    const double legal[] = {n->low, n->high, n->low == 0 ? -0.0 : n->low};
    for (int k = 0; k < 6; k++) try_number(config, size, n->name, n->offset, never[k], 0);
    for (int k = 0; k < 3; k++) try_number(config, size, n->name, n->offset, legal[k], 1);
  }
}

/* Tries each number at its bounds and just outside. */
static void test_config_numbers(void) {
#define NUMBER(name) #name, offsetof(qlif_qlif_config, name)
#define FINITE LOWEST, MOST
#define POSITIVE LEAST, MOST
#define NOT_NEGATIVE 0, -5e-324, MOST
#define SHARE 0, -5e-324, 1, nextafter(1, 2)
  const number numbers[] = {
      {NUMBER(v_reset), FINITE},
      {NUMBER(reset_fraction), SHARE},
      {NUMBER(dt), POSITIVE},
      {NUMBER(noise_std), NOT_NEGATIVE},
      {NUMBER(theta_max), 5e-324, 0, 0x1.921fb54442d18p+1, 0x1.921fb54442d19p+1},
      {NUMBER(quantum_leak), NOT_NEGATIVE},
      {NUMBER(quantum_threshold), nextafter(-1, 0), -1, nextafter(1, 0), 1},
      {NUMBER(probability_floor), 0, -5e-324, nextafter(0.5, 0), 0.5},
      {NUMBER(surrogate_alpha), POSITIVE},
      {NUMBER(base_alpha), POSITIVE},
      {NUMBER(dsp_decay), NOT_NEGATIVE},
      {NUMBER(dsp_jump), NOT_NEGATIVE},
      {NUMBER(min_alpha), POSITIVE},
      {NUMBER(max_alpha), POSITIVE},
      {NUMBER(tau_ref), POSITIVE},
      {NUMBER(r_jump), NOT_NEGATIVE},
      {NUMBER(adaptation_decay), NOT_NEGATIVE},
      {NUMBER(spike_increase), NOT_NEGATIVE},
      {NUMBER(depression_rate), SHARE},
      {NUMBER(recovery_rate), NOT_NEGATIVE},
      {NUMBER(tau_ahp), POSITIVE},
      {NUMBER(ahp_jump), NOT_NEGATIVE},
      {NUMBER(g_ahp), FINITE},
      {NUMBER(ahp_max), POSITIVE},
      {NUMBER(min_threshold), POSITIVE},
      {NUMBER(max_threshold), POSITIVE},
      {NUMBER(homeostasis_target_rate), SHARE},
      {NUMBER(homeostasis_lr), FINITE},
      {NUMBER(homeostasis_tau), POSITIVE},
      {NUMBER(neuromod_strength), FINITE},
      {NUMBER(v_th), FINITE},
      {NUMBER(tau), POSITIVE},
      {NUMBER(eta), FINITE},
      {NUMBER(q_scale), FINITE},
      {NUMBER(q_bias), FINITE},
      {NUMBER(tau_adapt), POSITIVE},
      {NUMBER(initial_probability), 5e-324, 0, nextafter(1, 0), 1},
      {NUMBER(initial_slope), FINITE},
  };
  qlif_qlif_config config = default_config();
  require_listed(QLIF_MODEL_QLIF, 1, numbers, sizeof numbers / sizeof numbers[0], sizeof numbers[0]);
  try_numbers(&config.header, sizeof config, numbers, sizeof numbers / sizeof numbers[0]);

#define LIF_NUMBER(name) #name, offsetof(qlif_lif_config, name)
  const number lifs_numbers[] = {
      {LIF_NUMBER(dt), POSITIVE},
      {LIF_NUMBER(v_leak), FINITE},
      {LIF_NUMBER(v_reset), FINITE},
      {LIF_NUMBER(surrogate_alpha), POSITIVE},
      {LIF_NUMBER(tau_syn_inv), LEAST, nextafter(1000 + 0x1p-15, 0), 1001},
      {LIF_NUMBER(tau_mem_inv), LEAST, nextafter(1000 + 0x1p-15, 0), 1001},
      {LIF_NUMBER(v_th), FINITE},
  };
  qlif_lif_config lif;
  CHECK_OK(qlif_lif_defaults(&lif, sizeof lif));
  require_listed(QLIF_MODEL_LIF, 1, lifs_numbers, sizeof lifs_numbers / sizeof lifs_numbers[0], sizeof lifs_numbers[0]);
  try_numbers(&lif.header, sizeof lif, lifs_numbers, sizeof lifs_numbers / sizeof lifs_numbers[0]);

  config.min_threshold = 2.5;
  REFUSED("min_threshold, max_threshold: got 2.5, 2, expected min_threshold < max_threshold", qlif_constants(&config.header, NULL));
  config.min_threshold = 2;
  REFUSED("min_threshold, max_threshold: got 2, 2,", qlif_constants(&config.header, NULL));
  config = default_config();
  config.min_alpha = 5.5;
  REFUSED("min_alpha, max_alpha: got 5.5, 5,", qlif_constants(&config.header, NULL));
  config.min_alpha = 5;
  CHECK_OK(qlif_constants(&config.header, NULL));
  config.homeostasis_tau = 2.9e-39;
  REFUSED("homeostasis_tau: got 2.9e-39, expected a finite number > 0 for which dt / homeostasis_tau", qlif_constants(&config.header, NULL));
  config.homeostasis_tau = 3e-39;
  CHECK_OK(qlif_constants(&config.header, NULL));
  for (int model = 0; model < 2; model++) {
    lif.surrogate = config.surrogate = QLIF_SURROGATE_GAUSSIAN;
    const qlif_config *head = model == QLIF_MODEL_QLIF ? &config.header : &lif.header;
    lif.surrogate_alpha = config.surrogate_alpha = 3.8e-20;
    REFUSED("surrogate_alpha, as -1 / (2 a^2): got -3.46", qlif_constants(head, NULL));
    lif.surrogate_alpha = config.surrogate_alpha = 3.9e-20;
    CHECK_OK(qlif_constants(head, NULL));
    lif.surrogate_alpha = config.surrogate_alpha = 3e38;
    CHECK_OK(qlif_constants(head, NULL));
  }
}

/* The tables are consistent; model numbers and struct sizes are checked. */
static void test_models(void) {
  qlif_model_info model = {.size = sizeof model};
  REFUSED("info", qlif_model(0, NULL));
  REFUSED("model", qlif_model(-1, &model));
  REFUSED("model", qlif_model(2, &model));
  model.size--;
  REFUSED("size", qlif_model(0, &model));
  const int32_t counts[2][3] = {{QLIF_STATE_VARIABLES, QLIF_PARAMETERS, QLIF_TRACES},
                                {QLIF_LIF_STATE_VARIABLES, QLIF_LIF_PARAMETERS, QLIF_LIF_TRACES}};
  for (int32_t m = 0; m < 2; m++) {
    model.size = sizeof model;
    CHECK_OK(qlif_model(m, &model));
    CHECK(strcmp(model.name, m == QLIF_MODEL_QLIF ? "QLIF" : "LIF") == 0 && model.modulation == (m == QLIF_MODEL_QLIF));
    CHECK(model.state_variables == counts[m][0] && model.parameters == counts[m][1] && model.traces == counts[m][2]);
    qlif_variable_info variable = {.size = sizeof variable};
    qlif_parameter_info parameter = {.size = sizeof parameter};
    qlif_trace_info trace = {.size = sizeof trace};
    for (int32_t i = 0; i < model.traces; i++) {
      CHECK_OK(qlif_trace(m, i, &trace));
      CHECK(strlen(trace.symbol) > 0 && trace.state_variable >= -1 && trace.state_variable < model.state_variables);
      if (trace.state_variable >= 0) {
        CHECK_OK(qlif_state_variable(m, trace.state_variable, &variable));
        CHECK(strcmp(variable.symbol, trace.symbol) == 0);
      }
    }
    REFUSED("number", qlif_state_variable(m, -1, &variable));
    REFUSED("number", qlif_state_variable(m, model.state_variables, &variable));
    REFUSED("number", qlif_parameter(m, model.parameters, &parameter));
    REFUSED("number", qlif_trace(m, model.traces, &trace));
    REFUSED("model", qlif_parameter(2, 0, &parameter));
    variable.size = parameter.size = trace.size = 3;
    REFUSED("size", qlif_state_variable(m, 0, &variable));
    REFUSED("size", qlif_parameter(m, 0, &parameter));
    REFUSED("size", qlif_trace(m, 0, &trace));
    REFUSED("info", qlif_state_variable(m, 0, NULL));
    REFUSED("info", qlif_parameter(m, 0, NULL));
    REFUSED("info", qlif_trace(m, 0, NULL));
    for (int32_t i = 0; i < model.constants; i++) CHECK(strlen(qlif_constant_name(m, i)) > 0);
    CHECK(qlif_constant_name(m, -1) == NULL && qlif_constant_name(m, model.constants) == NULL);
  }
  CHECK(qlif_constant_name(2, 0) == NULL);
  REFUSED("config", qlif_constants(NULL, NULL));
  float values[64];
  qlif_qlif_config config = default_config();
  REFUSED("values", qlif_constants(&config.header, (float *)((char *)values + 1)));
  CHECK_OK(qlif_constants(&config.header, values));
  CHECK(strcmp(qlif_constant_name(QLIF_MODEL_QLIF, 19), "refractory_decay") == 0 && values[19] == (float)exp(-1.0 / 6));
}

/* The table of options has all fields of a configuration, in order, with their true defaults. */
static void test_options(void) {
  static const char *const known[] = {"QLIF_DECISION_", "QLIF_SAMPLING_", "QLIF_SPIKE_VALUE_", "QLIF_ANGLE_", "QLIF_READOUT_",
                                      "QLIF_SURROGATE_", "QLIF_NEUROMOD_", "QLIF_TRANSFORM_"};
  static const int32_t counts[] = {3, 2, 2, 2, 3, 4, 4, 2};
  const int32_t all = sizeof known / sizeof known[0];
  union {
    qlif_config header;
    qlif_qlif_config qlif;
    qlif_lif_config lif;
  } config;
  for (int32_t m = 0; m < 2; m++) {
    qlif_model_info model = {.size = sizeof model};
    qlif_option_info option = {.size = sizeof option};
    CHECK_OK(qlif_model(m, &model));
    CHECK(model.config_size == (int32_t)(m == QLIF_MODEL_QLIF ? sizeof config.qlif : sizeof config.lif));
    CHECK_OK(m == QLIF_MODEL_QLIF ? qlif_qlif_defaults(&config.qlif, sizeof config.qlif) : qlif_lif_defaults(&config.lif, sizeof config.lif));
    int32_t parameters = 0;
    int32_t enumerations = 0;
    int32_t end = sizeof(qlif_config);
    for (int32_t i = 0; i < model.options; i++) {
      CHECK_OK(qlif_option(m, i, &option));
      const char *field = (const char *)&config + option.offset;
      int32_t size = option.kind == QLIF_KIND_REAL ? 8 : 4;
      CHECK(option.offset == (end + size - 1) / size * size);
      end = option.offset + size;
      CHECK(strlen(option.name) > 0 && option.symbol != NULL && option.reserved == 0);
      CHECK(option.derived == (option.default_value != option.default_value));
      if (option.kind == QLIF_KIND_REAL) {
        CHECK(memcmp(field, &option.default_value, sizeof(double)) == 0 || (option.derived && isnan(*(const double *)field)));
        CHECK(option.derived || is_in_range(&option, option.default_value, 0.001));
      } else {
        CHECK(option.range == QLIF_RANGE_INTERVAL && *(const int32_t *)field == option.default_value);
        CHECK(option.kind != QLIF_KIND_BOOLEAN || (option.low == 0 && option.high == 1));
      }
      if (option.parameter >= 0) {
        qlif_parameter_info parameter = {.size = sizeof parameter};
        CHECK(option.parameter == parameters++);
        CHECK_OK(qlif_parameter(m, option.parameter, &parameter));
        CHECK(strcmp(parameter.symbol, option.name) == 0 && parameter.range == option.range);
      }
      if (option.kind == QLIF_KIND_ENUMERATION) {
        int32_t which = 0;
        while (which < all && strcmp(known[which], option.enumeration) != 0) which++;
        if (which == all) {
          fprintf(stderr, "%s: the enumeration '%s' is not in test_options\n", __FILE__, option.enumeration);
          exit(1);
        }
        enumerations++;
        CHECK(option.choices == counts[which] && option.low == 0 && option.high == option.choices - 1);
        for (int32_t c = 0; c < option.choices; c++) CHECK(strlen(qlif_choice_name(m, i, c)) > 0);
      } else {
        CHECK(option.choices == 0 && strcmp(option.enumeration, "") == 0);
        CHECK(qlif_choice_name(m, i, 0) == NULL && strstr(qlif_last_error(), option.name) != NULL);
      }
      CHECK(qlif_choice_name(m, i, -1) == NULL && qlif_choice_name(m, i, option.choices) == NULL);
    }
    CHECK((end + 7) / 8 * 8 == model.config_size && parameters == model.parameters);
    CHECK(enumerations == (m == QLIF_MODEL_QLIF ? all : 1));
    REFUSED("number: got -1", qlif_option(m, -1, &option));
    REFUSED("number", qlif_option(m, model.options, &option));
    REFUSED("info", qlif_option(m, 0, NULL));
    option.size = 3;
    REFUSED("qlif_option_info.size: got 3", qlif_option(m, 0, &option));
    CHECK(qlif_choice_name(m, model.options, 0) == NULL);
  }
  qlif_option_info option = {.size = sizeof option};
  REFUSED("model", qlif_option(2, 0, &option));
  CHECK(qlif_choice_name(2, 0, 0) == NULL);
  CHECK(strcmp(qlif_choice_name(QLIF_MODEL_QLIF, 2, QLIF_DECISION_THRESHOLD), "THRESHOLD") == 0);
  CHECK(strcmp(qlif_choice_name(QLIF_MODEL_LIF, 0, QLIF_SURROGATE_ARCTAN), "ARCTAN") == 0);
  option = option_named(QLIF_MODEL_QLIF, "noise_std");
  CHECK(strcmp(option.symbol, "\xcf\x83") == 0 && option.default_value == 0.1 && option.low == 0 && !option.low_open);
  CHECK(option.high == INFINITY && option.high_open);
}

/* A call of 3 steps of 2 x 5 neurons, with a tape that holds it. */
typedef struct fixture {
  scenario s;
  qlif_kernel *kernel;
  qlif_tape *tape;
} fixture;

static fixture open_fixture(void) {
  fixture x;
  do {
    x.s = random_scenario(100);
    if (x.s.forward.steps == 2 && elements_of(&x.s) > 1 && x.s.modulated && x.s.forward.initial_state[0] != NULL &&
        config_wires(&x.s.config) == 1 && x.s.config.stochastic) {
      break;
    }
    free_scenario(&x.s);
  } while (1);
  qlif_forward_args *f = &x.s.forward;
  CHECK_OK(open_kernel(QLIF_HOST, &x.s.config.header, 1, &x.kernel));
  CHECK_OK(qlif_tape_open(x.kernel, QLIF_TAPE_VOLTAGE, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &x.tape));
  return x;
}

static void close_fixture(fixture *x) {
  CHECK_OK(qlif_tape_close(x->tape));
  CHECK_OK(qlif_kernel_close(x->kernel));
  free_scenario(&x->s);
}

static float *misaligned(const void *pointer) { return (float *)((char *)pointer + 1); }

static void test_forward_refusals(void) {
  fixture x = open_fixture();
  const qlif_forward_args good = x.s.forward;
  qlif_forward_args a;
  const int64_t huge = (int64_t)1 << 40;
#define FORWARD(word, change)                            \
  do {                                                   \
    a = good;                                            \
    change;                                              \
    REFUSED(word, qlif_forward(x.kernel, &a, NULL));     \
  } while (0)
  REFUSED("args", qlif_forward(x.kernel, NULL, NULL));
  REFUSED("stream", qlif_forward(x.kernel, &good, &a));
  FORWARD("size", a.size++);
  FORWARD("input_type: got 3, expected 0 to 2", a.input_type = 3);
  FORWARD("spike_value_type: got -1, expected 0 to 2", a.spike_value_type = -1);
  FORWARD("input: got", a.input_type = QLIF_TYPE_BF16; a.input = (char *)a.input + 1);
  FORWARD("reserved", a.reserved = 1);
  FORWARD("reserved_2", a.reserved_2 = 1);
  FORWARD("initial_state_shared", a.initial_state_shared = 2);
  FORWARD("steps", a.steps = -1);
  FORWARD("batch", a.batch = -1);
  FORWARD("neurons", a.neurons = -1);
  FORWARD("batch * neurons", a.batch = a.neurons = huge);
  FORWARD("steps * batch * neurons", a.steps = huge; a.batch = huge);
  FORWARD("first_step", a.first_step = -1);
  FORWARD("first_step", a.first_step = ((int64_t)1 << 33) - 1);
  FORWARD("first_step", a.first_step = INT64_MAX);
  FORWARD("element_offset", a.element_offset = -1);
  FORWARD("element_offset", a.element_offset = INT64_MAX);
  FORWARD("per_neuron_parameters", a.per_neuron_parameters = 32);
  FORWARD("input", a.input = NULL);
  FORWARD("input", a.input = misaligned(a.input));
  for (int i = 0; i < QLIF_PARAMETERS; i++) {
    FORWARD("parameters", a.parameters[i] = NULL);
    FORWARD("parameters", a.parameters[i] = misaligned(a.parameters[i]));
  }
  FORWARD("modulation.stride_t", a.modulation.stride_t = -1);
  FORWARD("modulation.stride_b", a.modulation.stride_b = -1);
  FORWARD("modulation.stride_n", a.modulation.stride_n = -1);
  FORWARD("modulation.stride_t", a.modulation.stride_t = INT64_MAX);
  FORWARD("modulation.data", a.modulation.data = misaligned(a.modulation.data));
  FORWARD("uniforms", a.uniforms = misaligned(a.input));
  FORWARD("normals", a.normals = misaligned(a.input));
  FORWARD("spikes_f32", a.spikes_f32 = misaligned(a.spikes_f32));
  FORWARD("spikes_bit", a.spikes_bit = (uint64_t *)((char *)a.spikes_bit + 4));
  FORWARD("spike_values", a.spike_values = misaligned(a.spike_values));
  FORWARD("voltages", a.voltages = misaligned(a.voltages));
  FORWARD("traces", a.traces[3] = misaligned(a.traces[3]));
  for (int i = 0; i < QLIF_STATE_VARIABLES; i++) {
    FORWARD("initial_state", a.initial_state[i] = NULL);
    FORWARD("final_state", a.final_state[i] = NULL);
    FORWARD("initial_state", a.initial_state[i] = misaligned(a.initial_state[i]));
    FORWARD("final_state", a.final_state[i] = misaligned(a.final_state[i]));
    FORWARD("final_state", a.tape = x.tape; a.final_state[i] = (float *)a.initial_state[i]);
    FORWARD("starts every row", a.initial_state_shared = 1; a.final_state[i] = (float *)a.initial_state[i]);
  }
  FORWARD("tape", a.tape = x.tape; a.steps--);
  FORWARD("tape: got a kernel's handle", a.tape = (qlif_tape *)x.kernel);
  FORWARD("tape", a.tape = (qlif_tape *)&a);
  a = good;
  REFUSED("kernel", qlif_forward(NULL, &a, NULL));
  REFUSED("kernel", qlif_forward((qlif_kernel *)&a, &a, NULL));

  /* Nothing was written. */
  for (int64_t i = 0; i < rows_of(&x.s) * 4; i++) CHECK(((unsigned char *)good.voltages)[i] == 0xa5);

  qlif_qlif_config plain = plain_config();
  qlif_kernel *other;
  CHECK_OK(open_kernel(QLIF_HOST, &plain.header, 1, &other));
  a = good;
  a.uniforms = a.input;
  REFUSED("uniforms", qlif_forward(other, &a, NULL));
  a = good;
  a.normals = a.input;
  REFUSED("normals", qlif_forward(other, &a, NULL));
  CHECK_OK(qlif_kernel_close(other));
  close_fixture(&x);
}

static void test_backward_refusals(void) {
  fixture x = open_fixture();
  call good = call_of(&x.s);
  call a;
  good.forward.tape = x.tape;
  REFUSED("expected one that a forward call has recorded", qlif_backward(x.kernel, BACKWARD_OF(&good), NULL));
  CHECK_OK(qlif_forward(x.kernel, &good.forward, NULL));
#define BACKWARD(word, change)                           \
  do {                                                   \
    a = good;                                            \
    change;                                              \
    REFUSED(word, qlif_backward(x.kernel, BACKWARD_OF(&a), NULL));    \
  } while (0)
  REFUSED("args", qlif_backward(x.kernel, NULL, NULL));
  REFUSED("stream", qlif_backward(x.kernel, BACKWARD_OF(&good), &a));
  REFUSED("kernel", qlif_backward(NULL, BACKWARD_OF(&good), NULL));
  BACKWARD("qlif_backward_args.size", a.args.size--);
  BACKWARD("qlif_forward_args.size", a.forward.size--);
  BACKWARD("grad_type", a.args.grad_type = 3);
  BACKWARD("input_type", a.forward.input_type = -1);
  BACKWARD("grad_input_type: got 3, expected 0 to 2", a.args.grad_input_type = 3);
  BACKWARD("grad_spike_values_shared", a.args.grad_spike_values_shared = 2);
  BACKWARD("grad_initial_state: given", a.forward.initial_state_shared = 1);
  BACKWARD("steps", a.forward.steps = -1);
  BACKWARD("tape", a.forward.tape = NULL);
  BACKWARD("tape", a.forward.batch++);
  BACKWARD("first_step", a.forward.first_step++);
  BACKWARD("grad_modulation", a.forward.modulation.data = NULL);
  BACKWARD("grad_spike_values", a.args.grad_spike_values = misaligned(a.args.grad_input));
  BACKWARD("grad_voltages", a.args.grad_voltages = misaligned(a.args.grad_input));
  BACKWARD("grad_input", a.args.grad_input = misaligned(a.args.grad_input));
  BACKWARD("grad_modulation", a.args.grad_modulation = misaligned(a.args.grad_modulation));
  BACKWARD("grad_parameters", a.args.grad_parameters[2] = misaligned(a.args.grad_parameters[2]));
  BACKWARD("grad_initial_state", a.args.grad_initial_state[10] = NULL);
  BACKWARD("grad_final_state", memset(a.args.grad_final_state, 0, sizeof a.args.grad_final_state); a.args.grad_final_state[4] = a.args.grad_input);
  for (int64_t i = 0; i < rows_of(&x.s) * 4; i++) CHECK(((unsigned char *)good.args.grad_input)[i] == 0xa5);
  CHECK_OK(qlif_backward(x.kernel, BACKWARD_OF(&good), NULL));
  close_fixture(&x);
}

static void test_other_refusals(void) {
  fixture x = open_fixture();
  qlif_tape *tape = NULL;
  REFUSED("mode", qlif_tape_open(x.kernel, 2, QLIF_TYPE_F32, 1, 1, 1, &tape));
  REFUSED("steps", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, -1, 1, 1, &tape));
  REFUSED("batch * neurons", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, 1, (int64_t)1 << 40, (int64_t)1 << 23, &tape));
  REFUSED("steps * batch * neurons", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, (int64_t)1 << 50, 1 << 10, 1 << 10, &tape));
  REFUSED("tape", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, (int64_t)1 << 56, 1, 1, &tape));
  EXPECT(QLIF_OUT_OF_MEMORY, "memory", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, 1 << 20, 1 << 20, 1 << 20, &tape));
  REFUSED("tape", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, 1, 1, 1, NULL));
  REFUSED("kernel", qlif_tape_open(NULL, 0, QLIF_TYPE_F32, 1, 1, 1, &tape));
  EXPECT(QLIF_OUT_OF_MEMORY, "memory", qlif_tape_open(x.kernel, 0, QLIF_TYPE_F32, 1 << 20, 1 << 18, 1 << 14, &tape));
  CHECK(tape == NULL);
  CHECK(qlif_tape_bytes(NULL) == 0);
  CHECK(qlif_tape_bytes(x.tape) > 0);
  REFUSED("steps", qlif_kernel_reserve(x.kernel, -1, 1, 1, 0));
  REFUSED("modulation_steps", qlif_kernel_reserve(x.kernel, 1, 1, 1, 2));
  REFUSED("batch * neurons", qlif_kernel_reserve(x.kernel, 1, (int64_t)1 << 40, (int64_t)1 << 23, 0));
  REFUSED("scratch memory", qlif_kernel_reserve(x.kernel, 1, (int64_t)1 << 31, (int64_t)1 << 31, 0));
  REFUSED("scratch memory", qlif_kernel_reserve(x.kernel, (int64_t)1 << 31, (int64_t)1 << 31, 1, 1));
  EXPECT(QLIF_OUT_OF_MEMORY, "memory", qlif_kernel_reserve(x.kernel, 1 << 20, 1 << 18, 1 << 14, 1));
  CHECK_OK(qlif_kernel_reserve(x.kernel, 3, 2, 5, 1));
  float values[25];
  char *text = (char *)values;
  REFUSED("text", qlif_kernel_describe(x.kernel, NULL, 10));
  REFUSED("length", qlif_kernel_describe(x.kernel, text, 0));
  CHECK_OK(qlif_kernel_describe(x.kernel, text, 1));
  CHECK(text[0] == 0);
  CHECK_OK(qlif_kernel_describe(x.kernel, text, sizeof values));
  CHECK(strstr(text, "1 thread") != NULL);

  qlif_draw_args good, a;
  memset(&good, 0, sizeof good);
  good.size = sizeof good;
  good.steps = 3;
  good.wires = 1;
  good.elements = 5;
#define DRAW(word, change)                            \
  do {                                                \
    a = good;                                         \
    change;                                           \
    REFUSED(word, qlif_draw(x.kernel, &a, NULL));     \
  } while (0)
  REFUSED("args", qlif_draw(x.kernel, NULL, NULL));
  DRAW("size", a.size--);
  DRAW("steps", a.steps = -1);
  DRAW("wires", a.wires = 0);
  DRAW("wires", a.wires = 65);
  DRAW("elements", a.elements = -1);
  DRAW("steps * elements", a.elements = (int64_t)1 << 58; a.steps = 1 << 20);
  DRAW("steps * wires * elements", a.elements = (int64_t)1 << 58; a.wires = 8; a.uniforms = values);
  DRAW("first_step", a.first_step = -1);
  DRAW("element_offset", a.element_offset = -1);
  DRAW("uniforms", a.uniforms = misaligned((float *)text));
  DRAW("normals", a.normals = misaligned((float *)text));
  REFUSED("stream", qlif_draw(x.kernel, &good, &a));
  CHECK_OK(qlif_draw(x.kernel, &good, NULL));
  close_fixture(&x);
}

/* Wrong handles of any kind are recognized. */
static void test_handles(void) {
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  qlif_tape *tape;
  CHECK_OK(qlif_kernel_close(NULL));
  CHECK_OK(qlif_tape_close(NULL));
  CHECK_OK(open_kernel(QLIF_HOST, &config.header, 2, &kernel));
  CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_COMPACT, QLIF_TYPE_F32, 100, 3, 5, &tape));
  qlif_draw_args draw;
  memset(&draw, 0, sizeof draw);
  draw.size = sizeof draw;
  draw.wires = 1;
  qlif_forward_args forward;
  memset(&forward, 0, sizeof forward);
  forward.size = sizeof forward;
  qlif_backward_args backward;
  memset(&backward, 0, sizeof backward);
  backward.size = sizeof backward;
  backward.forward = &forward;
  char text[16];
  qlif_tape *none = NULL;
  for (int round = 0; round < 2; round++) {
    const char *why = round == 0 ? "kernel: got a tape's handle" : "kernel: got a closed handle";
    qlif_kernel *wrong = kernel;
    if (round == 0) {
      wrong = (qlif_kernel *)tape;
    } else {
      CHECK_OK(qlif_kernel_close(kernel));
    }
    REFUSED(why, qlif_kernel_close(wrong));
    REFUSED(why, qlif_kernel_describe(wrong, text, sizeof text));
    REFUSED(why, qlif_kernel_reserve(wrong, 1, 1, 1, 0));
    REFUSED(why, qlif_forward(wrong, &forward, NULL));
    REFUSED(why, qlif_backward(wrong, &backward, NULL));
    REFUSED(why, qlif_draw(wrong, &draw, NULL));
    REFUSED(why, qlif_tape_open(wrong, 0, QLIF_TYPE_F32, 1, 1, 1, &none));
  }
  CHECK(none == NULL);
  CHECK(qlif_tape_bytes(tape) > 0);
  CHECK_OK(open_kernel(QLIF_HOST, &config.header, 1, &kernel));
  for (int round = 0; round < 2; round++) {
    const char *why = round == 0 ? "tape: got a kernel's handle" : "tape: got a closed handle";
    qlif_tape *wrong = tape;
    if (round == 0) {
      wrong = (qlif_tape *)kernel;
    } else {
      CHECK_OK(qlif_tape_close(tape));
    }
    REFUSED(why, qlif_tape_close(wrong));
    forward.tape = wrong;
    REFUSED(why, qlif_forward(kernel, &forward, NULL));
    REFUSED(why, qlif_backward(kernel, &backward, NULL));
    CHECK(qlif_tape_bytes(wrong) == 0 && strstr(qlif_last_error(), why) != NULL);
  }
  /* Handles that were never given out: addresses, numbers after the last one, and of no kind. */
  uintptr_t garbage[] = {(uintptr_t)&config, (uintptr_t)&config + 1, 1, 2, 3, (uintptr_t)kernel + 4, (uintptr_t)kernel - 1, UINTPTR_MAX};
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
    REFUSED("kernel: got 0x", qlif_kernel_close((qlif_kernel *)garbage[i]));
    REFUSED("tape: got 0x", qlif_tape_close((qlif_tape *)garbage[i]));
    CHECK(qlif_tape_bytes((qlif_tape *)garbage[i]) == 0);
  }
  REFUSED("kernel: got NULL", qlif_kernel_reserve(NULL, 1, 1, 1, 0));

  /* A closed handle stays closed, whatever is opened later. */
  qlif_kernel *closed = kernel;
  CHECK_OK(qlif_kernel_close(closed));
  for (int i = 0; i < 1000; i++) {
    qlif_kernel *next;
    CHECK_OK(open_kernel(QLIF_HOST, &config.header, 1, &next));
    CHECK_OK(qlif_tape_open(next, QLIF_TAPE_COMPACT, QLIF_TYPE_F32, 3, 2, 2, &tape));
    REFUSED("got a closed handle", qlif_kernel_close(closed));
    REFUSED("tape's handle", qlif_kernel_close((qlif_kernel *)tape));
    CHECK((uintptr_t)next > (uintptr_t)closed && (uintptr_t)tape > (uintptr_t)next);
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(next));
    closed = next;
  }
}

/* A tape can be used by any kernel with the same configuration, and by no other. */
static void test_tapes_of_other_kernels(void) {
  fixture x = open_fixture();
  call good = call_of(&x.s);
  good.forward.tape = x.tape;
  CHECK_OK(qlif_forward(x.kernel, &good.forward, NULL));
  /* Options that only matter for some decisions; of real numbers, the constants tell. */
#define AT(name) offsetof(qlif_qlif_config, name)
  const size_t conditional[] = {AT(sampling), AT(spike_value), AT(angle_map), AT(readout), AT(quantum_wires)};
  int refused = 0;
  qlif_option_info option = {.size = sizeof option};
  for (int32_t number = 0; qlif_option(QLIF_MODEL_QLIF, number, &option) == QLIF_SUCCESS; number++) {
    qlif_qlif_config config = x.s.config;
    const size_t offset = (size_t)option.offset;
    void *field = (char *)&config + offset;
    if (option.kind == QLIF_KIND_BOOLEAN) {
      *(int32_t *)field ^= 1;
    } else if (option.kind != QLIF_KIND_REAL) {
      *(int32_t *)field += *(int32_t *)field == 1 ? 1 : -1;
    } else {
      *(double *)field *= 0.875;
    }
    qlif_kernel *other;
    if (memcmp(&config, &x.s.config, sizeof config) == 0 || open_kernel(QLIF_HOST, &config.header, 1, &other) != QLIF_SUCCESS) {
      continue;
    }
    int differs = option.kind != QLIF_KIND_REAL;
    for (size_t i = 0; i < sizeof conditional / sizeof conditional[0]; i++) differs = differs && offset != conditional[i];
    float mine[64] = {0};
    float others[64] = {0};
    CHECK_OK(qlif_constants(&x.s.config.header, mine));
    CHECK_OK(qlif_constants(&config.header, others));
    differs = differs || memcmp(mine, others, sizeof mine) != 0;
    if (!differs) {
      /* Start values of parameters, and options that the decision ignores, may differ. */
      CHECK_OK(qlif_kernel_close(other));
      continue;
    }
    refused++;
    call a = good;
    /* Makes the call acceptable to the other kernel, except for the tape. */
    a.forward.normals = NULL;
    REFUSED("tape: got one of another configuration", qlif_forward(other, &a.forward, NULL));
    REFUSED("tape: got one of another configuration", qlif_backward(other, BACKWARD_OF(&a), NULL));
    CHECK_OK(qlif_kernel_close(other));
  }
  CHECK(refused > 20);
  /* Nothing was written to the tape, and other kernels can use it, even if their parameters have other start values. */
  x.s.config.v_th += 1;
  CHECK_OK(qlif_kernel_close(x.kernel));
  CHECK_OK(open_kernel(QLIF_HOST, &x.s.config.header, 3, &x.kernel));
  CHECK_OK(qlif_backward(x.kernel, BACKWARD_OF(&good), NULL));
  scenario expected = again(&x.s);
  run_on(&expected, QLIF_HOST, 1);
  same_results(&expected, &x.s);
  free_outputs(&expected);
  close_fixture(&x);
}

/* The bits of the least float for which dt / tau is finite. */
static float least_tau(float dt) {
  float tau = dt / 3.40282347e38f;
  while (isfinite(dt / nextafterf(tau, 0))) tau = nextafterf(tau, 0);
  while (!isfinite(dt / tau)) tau = nextafterf(tau, 1);
  return tau;
}

/* Illegal parameters are refused before anything is written; unusual but legal ones are accepted. */
static void test_parameters(void) {
  static const char *const names[] = {"parameters[0] (v_th)", "parameters[1] (tau)", "parameters[2] (eta)", "parameters[3] (q_scale)",
                                      "parameters[4] (q_bias)"};
  static const float never[] = {NAN, -NAN, INFINITY, -INFINITY};
  for (int round = 0; round < 30; round++) {
    scenario s = random_scenario(100000);
    if (rows_of(&s) == 0) {
      free_scenario(&s);
      continue;
    }
    qlif_forward_args *f = &s.forward;
    s.config.dt = round % 3 == 0 ? 1 : round % 3 == 1 ? 1e-30f : 1e30f;
    const float never_tau[] = {0, -0.0f, -1, -1e-45f, nextafterf(least_tau((float)s.config.dt), 0)};
    const float odd_tau[] = {least_tau((float)s.config.dt), 3.4e38f};
    static const float odd[] = {3.4e38f, -3.4e38f, 1e-45f, -0.0f};
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 3, &kernel));
    CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
    f->tape = tape;
    for (int parameter = 0; parameter < QLIF_PARAMETERS; parameter++) {
      int64_t index = random_int(0, 1) ? parameter_length(&s, parameter) - 1 : random_int(0, (int)parameter_length(&s, parameter) - 1);
      float *value = (float *)f->parameters[parameter] + index;
      float saved = *value;
      int many = parameter == QLIF_PARAM_TAU ? 9 : 4;
      char where[48];
      snprintf(where, sizeof where, "at index %lld, expected", (long long)index);
      for (int i = 0; i < many; i++) {
        *value = i < 4 ? never[i] : never_tau[i - 4];
        /* Legal after all, with this dt. */
        if (*value > 0 && isfinite((float)s.config.dt / *value)) continue;
        REFUSED(names[parameter], qlif_forward(kernel, f, NULL));
        CHECK(strstr(qlif_last_error(), where) != NULL);
        for (int64_t e = 0; e < elements_of(&s) * 4; e++) CHECK(((unsigned char *)f->final_state[3])[e] == 0xa5);
      }
      *value = saved;
    }
    CHECK_OK(qlif_forward(kernel, f, NULL));
    for (int parameter = 0; parameter < QLIF_PARAMETERS; parameter++) {
      float *value = (float *)f->parameters[parameter] + parameter_length(&s, parameter) - 1;
      float saved = *value;
      *value = NAN;
      REFUSED(names[parameter], qlif_backward(kernel, BACKWARD_OF(&s), NULL));
      CHECK(strstr(qlif_last_error(), "got nan") != NULL);
      for (int64_t e = 0; e < rows_of(&s) * 4; e++) CHECK(((unsigned char *)s.args.grad_input)[e] == 0xa5);
      /* The tape keeps its content. */
      REFUSED(names[parameter], qlif_forward(kernel, f, NULL));
      *value = saved;
    }
    CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
    for (int parameter = 0; parameter < QLIF_PARAMETERS; parameter++) {
      float *value = (float *)f->parameters[parameter];
      float saved = *value;
      for (int i = 0; i < (parameter == QLIF_PARAM_TAU ? 2 : 4); i++) {
        *value = parameter == QLIF_PARAM_TAU ? odd_tau[i] : odd[i];
        CHECK_OK(qlif_forward(kernel, f, NULL));
        CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
      }
      *value = saved;
    }
    CHECK_OK(qlif_kernel_close(kernel));
    CHECK_OK(qlif_tape_close(tape));
    free_scenario(&s);
  }

  /* So many that threads share the check; the message names the first illegal one. */
  const int64_t many = 100003;
  qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  CHECK_OK(open_kernel(QLIF_HOST, &config.header, 3, &kernel));
  qlif_forward_args f;
  memset(&f, 0, sizeof f);
  f.size = sizeof f;
  f.steps = f.batch = 1;
  f.neurons = many;
  f.per_neuron_parameters = 31;
  float *values = random_floats(many, 1, 2);
  float *taus = random_floats(many, 1, 2);
  f.input = values;
  for (int i = 0; i < QLIF_PARAMETERS; i++) f.parameters[i] = i == QLIF_PARAM_TAU ? taus : values;
  CHECK_OK(qlif_forward(kernel, &f, NULL));
  taus[many - 1] = taus[70001] = 0;
  REFUSED("parameters[1] (tau): got 0 at index 70001, expected", qlif_forward(kernel, &f, NULL));
  taus[70001] = 1;
  REFUSED("got 0 at index 100002,", qlif_forward(kernel, &f, NULL));
  values[65536] = INFINITY;
  REFUSED("parameters[0] (v_th): got inf at index 65536, expected a finite number", qlif_forward(kernel, &f, NULL));
  free(values);
  free(taus);
  CHECK_OK(qlif_kernel_close(kernel));
}

/* NaN in the input or in a given state does not spread to other neurons. */
static void test_nan_stays(int rounds) {
  for (int round = 0; round < rounds; round++) {
    scenario plain = random_scenario(20000);
    if (rows_of(&plain) == 0 || plain.forward.initial_state[0] == NULL) {
      free_scenario(&plain);
      continue;
    }
    scenario other = again(&plain);
    int64_t elements = elements_of(&plain);
    int64_t row = random_int(0, (int)rows_of(&plain) - 1);
    int64_t element = row % elements;
    run_on(&plain, QLIF_HOST, 1);
    float *where = random_int(0, 1) ? (float *)other.forward.input + row
                                    : (float *)other.forward.initial_state[random_int(0, 10)] + element;
    *where = NAN;
    run_on(&other, QLIF_HOST, 1);
    for (int64_t i = 0; i < rows_of(&plain); i++) {
      if (i % elements != element) {
        CHECK(plain.forward.spikes_u8[i] == other.forward.spikes_u8[i]);
        same_bytes("voltages beside a NaN", plain.forward.voltages + i, other.forward.voltages + i, 1, 4);
        same_bytes("gradients beside a NaN", (float *)plain.args.grad_input + i, (float *)other.args.grad_input + i, 1, 4);
      }
    }
    free_outputs(&other);
    free_scenario(&plain);
  }
}

/* Calls with nothing to do, even of huge shapes, return immediately; some still write results. */
static void test_empty_calls(void) {
  const int64_t one = 1;
  const struct {
    int64_t steps, batch, neurons;
  } shapes[] = {
      {1, 0, one << 33},         {1, one << 40, 0},         {one << 33, 0, one << 40},  {0, one << 20, one << 20},
      {0, one << 31, one << 31}, {one << 33, one << 50, 0}, {0, 0, 0},                  {0, 0, INT64_MAX},
      {0, INT64_MAX, 0},         {0, INT64_MAX, 1},         {one << 33, 0, INT64_MAX},  {one << 33, INT64_MAX, 0},
      {0, 1, INT64_MAX},
  };
  alarm(300);
  for (int mode = 0; mode < 2; mode++) {
    qlif_qlif_config config = mode == 0 ? default_config() : plain_config();
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(QLIF_HOST, &config.header, 2, &kernel));
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
      for (int modulated = 0; modulated < 9; modulated++) {
        qlif_tape *tape;
        float dummy[1] = {1};
        float grads[QLIF_PARAMETERS];
        float grad_modulation[1] = {7};
        call a;
        memset(&a, 0, sizeof a);
        a.args.size = sizeof a.args;
        qlif_forward_args *f = &a.forward;
        f->size = sizeof *f;
        f->steps = shapes[i].steps;
        f->batch = shapes[i].batch;
        f->neurons = shapes[i].neurons;
        for (int p = 0; p < QLIF_PARAMETERS; p++) {
          f->parameters[p] = dummy;
          grads[p] = 5;
          a.args.grad_parameters[p] = &grads[p];
        }
        if (modulated > 0) {
          f->modulation.data = dummy;
          f->modulation.stride_t = (modulated - 1) & 1 ? 3 : 0;
          f->modulation.stride_b = (modulated - 1) & 2 ? 5 : 0;
          f->modulation.stride_n = (modulated - 1) & 4 ? 1 : 0;
          /* Only gradients of at most one value, for lack of memory. */
          __int128 values = (__int128)(f->modulation.stride_t == 0 || f->steps == 1 ? 1 : f->steps) *
                            (f->modulation.stride_b == 0 || f->batch == 1 ? 1 : f->batch) *
                            (f->modulation.stride_n == 0 || f->neurons == 1 ? 1 : f->neurons);
          if (values <= 1) a.args.grad_modulation = grad_modulation;
        }
        CHECK_OK(qlif_kernel_reserve(kernel, f->steps, f->batch, f->neurons, 1));
        CHECK_OK(qlif_tape_open(kernel, mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
        CHECK(qlif_tape_bytes(tape) == 0);
        f->tape = tape;
        CHECK_OK(qlif_forward(kernel, f, NULL));
        CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&a), NULL));
        for (int p = 0; p < QLIF_PARAMETERS; p++) CHECK(grads[p] == 0 && !signbit(grads[p]));
        CHECK(a.args.grad_modulation == NULL || grad_modulation[0] == 0 || grad_modulation[0] == 7);
        if (f->modulation.stride_t + f->modulation.stride_b + f->modulation.stride_n == 0 && modulated > 0) {
          CHECK(grad_modulation[0] == 0);
        }
        CHECK_OK(qlif_tape_close(tape));
      }
    }
    /* Results larger than any memory. */
    qlif_tape *tape;
    float dummy[1] = {1};
    call a;
    memset(&a, 0, sizeof a);
    a.args.size = sizeof a.args;
    a.forward.size = sizeof a.forward;
    a.forward.steps = 1;
    a.forward.neurons = INT64_MAX;
    a.forward.per_neuron_parameters = 4;
    a.args.grad_parameters[2] = dummy;
    CHECK_OK(qlif_tape_open(kernel, mode, QLIF_TYPE_F32, 1, 0, INT64_MAX, &tape));
    a.forward.tape = tape;
    CHECK_OK(qlif_forward(kernel, &a.forward, NULL));
    REFUSED("grad_parameters", qlif_backward(kernel, BACKWARD_OF(&a), NULL));
    a.args.grad_parameters[2] = NULL;
    a.args.grad_modulation = dummy;
    a.forward.modulation.data = dummy;
    a.forward.modulation.stride_n = 1;
    REFUSED("grad_modulation", qlif_backward(kernel, BACKWARD_OF(&a), NULL));
    CHECK(dummy[0] == 1);
    CHECK_OK(qlif_tape_close(tape));

    qlif_draw_args draw;
    memset(&draw, 0, sizeof draw);
    draw.size = sizeof draw;
    draw.wires = 64;
    draw.elements = one << 50;
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    draw.steps = 1 << 10;
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    draw.elements = 0;
    draw.steps = one << 33;
    float none[1] = {3};
    draw.uniforms = none;
    draw.normals = none;
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    CHECK(none[0] == 3);
    CHECK_OK(qlif_kernel_close(kernel));
  }
  alarm(0);
}

/* Two threads call the same kernel: each call succeeds or fails because the kernel is busy. */
static qlif_kernel *shared_kernel;
static int busy_seen;

static void *contend(void *given) {
  (void)given;
  float *values = floats(64 * 512);
  qlif_draw_args draw;
  memset(&draw, 0, sizeof draw);
  draw.size = sizeof draw;
  draw.steps = 64;
  draw.wires = 1;
  draw.elements = 512;
  draw.normals = values;
  for (int i = 0; i < 300; i++) {
    qlif_status status = qlif_draw(shared_kernel, &draw, NULL);
    CHECK(status == QLIF_SUCCESS || status == QLIF_BUSY);
    if (status == QLIF_BUSY) {
      CHECK(strstr(qlif_last_error(), "another thread") != NULL);
      __atomic_fetch_add(&busy_seen, 1, __ATOMIC_RELAXED);
    }
    status = qlif_kernel_close(NULL);
    CHECK(status == QLIF_SUCCESS);
  }
  free(values);
  return NULL;
}

static void test_contention(void) {
  qlif_qlif_config config = default_config();
  CHECK_OK(open_kernel(QLIF_HOST, &config.header, 3, &shared_kernel));
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, contend, NULL) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK_OK(qlif_kernel_close(shared_kernel));
  printf("calls that found the kernel busy: %d of 900\n", busy_seen);
}

/* Kernels with different options run at the same time. One has the team, the others work alone, and all give the same bits. */
static void *run_kernels(void *given) {
  const scenario *like = given;
  for (int i = 0; i < 30; i++) {
    scenario s = again(like);
    const qlif_kernel_options options = {.size = sizeof options, .threads = 1 + i % 4, .spin_nanos = i % 3 == 0 ? -1 : i % 3 * 50000};
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(qlif_kernel_open(QLIF_HOST, &s.config.header, &options, &kernel));
    CHECK_OK(qlif_tape_open(kernel, s.mode, QLIF_TYPE_F32, s.forward.steps, s.forward.batch, s.forward.neurons, &tape));
    s.forward.tape = tape;
    for (int call = 0; call < 3; call++) {
      CHECK_OK(qlif_forward(kernel, &s.forward, NULL));
      CHECK_OK(qlif_backward(kernel, BACKWARD_OF(&s), NULL));
    }
    CHECK_OK(qlif_kernel_close(kernel));
    CHECK_OK(qlif_tape_close(tape));
    same_results(like, &s);
    free_outputs(&s);
  }
  return NULL;
}

static void test_kernels_at_the_same_time(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario s = random_scenario(60000);
    run_on(&s, QLIF_HOST, 1);
    pthread_t threads[4];
    for (int j = 0; j < 4; j++) CHECK(pthread_create(&threads[j], NULL, run_kernels, &s) == 0);
    for (int j = 0; j < 4; j++) CHECK(pthread_join(threads[j], NULL) == 0);
    free_scenario(&s);
  }
}

/* The number of the library's helpers, counted by name, since a processor emulator has threads, too. */
static int helper_count(void) {
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  int helpers = 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    helpers += fgets(name, sizeof name, file) != NULL && strncmp(name, "qlif-helper-", 12) == 0;
    fclose(file);
  }
  closedir(tasks);
  return helpers;
}

/* Threads may be listed for a moment after they have been joined. */
static void await_no_helpers(void) {
  while (helper_count() > 0) usleep(1000);
}

/* Waits until there are this many helpers, since a new thread takes a moment to set its name. */
static void check_helpers(int expected) {
  while (helper_count() < expected) usleep(1000);
  CHECK(helper_count() == expected);
}

/* Kernels share helpers, which end when the last kernel is closed. */
static void test_team(void) {
  const qlif_qlif_config config = default_config();
  await_no_helpers();
  qlif_kernel *kernels[4];
  const int threads[4] = {2, 5, 3, 1};
  for (int i = 0; i < 4; i++) {
    CHECK_OK(open_kernel(QLIF_HOST, &config.header, threads[i], &kernels[i]));
    check_helpers(i == 0 ? 1 : 4);
  }
  for (int i = 0; i < 4; i++) {
    check_helpers(4);
    CHECK_OK(qlif_kernel_close(kernels[i]));
  }
  await_no_helpers();
  CHECK_OK(qlif_kernel_open(QLIF_HOST, &config.header, NULL, &kernels[0]));
  CHECK_OK(qlif_kernel_close(kernels[0]));
}

/* How often the only helper has slept. */
static long long sleeps_of_helper(void) {
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  long long sleeps = -1;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    char path[300], line[200];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
    FILE *file = fopen(path, "r");
    int helper = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
      helper |= strncmp(line, "Name:\tqlif-helper-", 18) == 0;
      if (helper) sscanf(line, "voluntary_ctxt_switches: %lld", &sleeps);
    }
    if (file != NULL) fclose(file);
  }
  closedir(tasks);
  return sleeps;
}

/* A single call of some tens of microseconds lets the helper sleep; calls that follow each other closely don't. */
static void test_brief_calls(void) {
  enum { STEPS = 100, NEURONS = 128 };
  const qlif_qlif_config config = default_config();
  qlif_kernel *kernel;
  await_no_helpers();
  CHECK_OK(open_kernel(QLIF_HOST, &config.header, 2, &kernel));
  check_helpers(1);
  float *input = random_floats(STEPS * NEURONS, 0.0f, 3.0f), *output = floats(STEPS * NEURONS);
  float parameters[QLIF_MAX_PARAMETERS];
  qlif_forward_args f;
  memset(&f, 0, sizeof f);
  f.size = sizeof f;
  f.steps = STEPS;
  f.batch = 1;
  f.neurons = NEURONS;
  f.input = input;
  f.spike_values = output;
  for (int i = 0; i < 5; i++) {
    CHECK_OK(qlif_parameter_default(&config.header, i, &parameters[i]));
    f.parameters[i] = &parameters[i];
  }
  CHECK_OK(qlif_forward(kernel, &f, NULL));
  /* A sleep is also counted when the process is stopped and goes on, so not every call must pass. */
  int undisturbed = 0;
  for (int i = 0; i < 5; i++) {
    usleep(50000);
    const long long before = sleeps_of_helper();
    CHECK(before > 0);
    CHECK_OK(qlif_forward(kernel, &f, NULL));
    usleep(10000);
    undisturbed += sleeps_of_helper() == before;
  }
  CHECK(undisturbed >= 3);
  const long long before = sleeps_of_helper();
  for (int tries = 0; tries < 1000 && sleeps_of_helper() == before; tries++) {
    for (int i = 0; i < 10; i++) CHECK_OK(qlif_forward(kernel, &f, NULL));
    usleep(2000);
  }
  CHECK(sleeps_of_helper() > before);
  CHECK_OK(qlif_kernel_close(kernel));
  free(input);
  free(output);
}

/* A child of a process with a team makes its own team, and may close what it inherited. ThreadSanitizer does not allow that. */
static void test_fork(void) {
#if defined(QLIF_CPU_EMULATED)
  puts("not tested: fork, since qemu ends a forked child that starts a thread");
#elif !defined(__SANITIZE_THREAD__)
  scenario s = random_scenario(60000);
  run_on(&s, QLIF_HOST, 1);
  qlif_kernel *kernel;
  CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 3, &kernel));
  fflush(stdout);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    scenario other = again(&s);
    qlif_kernel *own;
    CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 3, &own));
    check_helpers(2);
    run_on(&other, QLIF_HOST, 3);
    same_results(&s, &other);
    CHECK_OK(qlif_kernel_close(kernel));
    CHECK_OK(qlif_kernel_close(own));
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK_OK(qlif_kernel_close(kernel));
  free_scenario(&s);
#endif
}

static long resident_kilobytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

/* One thread calls while another one closes. Refused calls change nothing and can be repeated until everything is closed. */
typedef struct closing {
  scenario s;
  qlif_kernel *kernel;
} closing;

static void *call_until_closed(void *given) {
  closing *c = given;
  while (1) {
    qlif_status status = qlif_forward(c->kernel, &c->s.forward, NULL);
    if (status == QLIF_SUCCESS) status = qlif_backward(c->kernel, BACKWARD_OF(&c->s), NULL);
    if (status == QLIF_SUCCESS || status == QLIF_BUSY) {
      /* Gives the other thread a chance. */
      usleep(100);
      continue;
    }
    CHECK(status == QLIF_INVALID_ARGUMENT && strstr(qlif_last_error(), "got a closed handle") != NULL);
    return NULL;
  }
}

static void test_closing_during_calls(int rounds) {
  closing c;
  do {
    c.s = random_scenario(60000);
    if (rows_of(&c.s) > 30000) break;
    free_scenario(&c.s);
  } while (1);
  qlif_forward_args *f = &c.s.forward;
  long before = 0;
  int refused[2] = {0, 0};
  for (int i = 0; i < rounds; i++) {
    if (i == rounds / 4) before = resident_kilobytes();
    qlif_tape *tape;
    CHECK_OK(open_kernel(QLIF_HOST, &c.s.config.header, random_int(1, 3), &c.kernel));
    CHECK_OK(qlif_tape_open(c.kernel, c.s.mode, QLIF_TYPE_F32, f->steps, f->batch, f->neurons, &tape));
    uint64_t bytes = qlif_tape_bytes(tape);
    f->tape = tape;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, call_until_closed, &c) == 0);
    /* Waits until the other thread is in a call. */
    char text[100];
    while (qlif_kernel_describe(c.kernel, text, sizeof text) == QLIF_SUCCESS) sched_yield();
    /* In either order. */
    for (int kind = i % 2, closed = 0; closed < 2; kind = 1 - kind, closed++) {
      while (1) {
        qlif_status status = kind == 0 ? qlif_kernel_close(c.kernel) : qlif_tape_close(tape);
        if (status == QLIF_SUCCESS) break;
        CHECK(status == QLIF_BUSY && strstr(qlif_last_error(), "another thread") != NULL);
        CHECK(kind == 0 || qlif_tape_bytes(tape) == bytes);
        refused[kind]++;
        sched_yield();
      }
    }
    CHECK(pthread_join(thread, NULL) == 0);
    REFUSED("got a closed handle", qlif_kernel_close(c.kernel));
    REFUSED("got a closed handle", qlif_tape_close(tape));
  }
  long after = resident_kilobytes();
  printf("closing during calls: refused %d times for kernels, %d for tapes; resident memory after %d and %d rounds: %ld and %ld kB\n",
         refused[0], refused[1], rounds / 4, rounds, before, after);
  CHECK(refused[0] > 0 && refused[1] > 0);
#ifndef QLIF_SANITIZED
  CHECK(after - before < 4096);
#endif
  f->tape = NULL;
  free_scenario(&c.s);
}

static void test_many_kernels(void) {
  qlif_qlif_config config = default_config();
  scenario s = random_scenario(2000);
  s.config = config;
  free((void *)s.forward.uniforms);
  long before = 0;
  for (int i = 0; i < 10000; i++) {
    if (i == 1000) before = resident_kilobytes();
    if (i % 20 == 0) {
      run_on(&s, QLIF_HOST, 2);
      continue;
    }
    qlif_kernel *kernel;
    qlif_tape *tape;
    CHECK_OK(open_kernel(QLIF_HOST, &config.header, 1, &kernel));
    CHECK_OK(qlif_tape_open(kernel, QLIF_TAPE_VOLTAGE, QLIF_TYPE_F32, 20, 3, 50, &tape));
    CHECK_OK(qlif_tape_close(tape));
    CHECK_OK(qlif_kernel_close(kernel));
  }
  long after = resident_kilobytes();
  printf("resident memory after 1,000 and 10,000 kernels: %ld and %ld kB\n", before, after);
#ifndef QLIF_SANITIZED
  CHECK(after - before < 4096);
#endif
  free_scenario(&s);
}

static void test_threads(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario one = random_scenario(60000);
    scenario other = again(&one);
    run_on(&one, QLIF_HOST, 1);
    run_on(&other, QLIF_HOST, random_int(2, 5));
    same_results(&one, &other);
    free_outputs(&other);
    free_scenario(&one);
  }
}

/* Numbers written by qlif_draw, and then lent, give the same results as drawing. */
static void test_lent_draws(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario drawn = random_scenario(20000);
    qlif_forward_args *f = &drawn.forward;
    int wires = config_wires(&drawn.config);
    float *uniforms = wires > 0 ? floats(rows_of(&drawn) * wires) : NULL;
    float *normals = drawn.config.stochastic ? floats(rows_of(&drawn)) : NULL;
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(QLIF_HOST, &drawn.config.header, 2, &kernel));
    qlif_draw_args draw = {sizeof draw, f->stream, f->seed, f->element_offset, f->first_step, f->steps, wires > 0 ? wires : 1,
                           elements_of(&drawn), 0, NULL, uniforms, normals};
    CHECK_OK(qlif_draw(kernel, &draw, NULL));
    CHECK_OK(qlif_kernel_close(kernel));
    scenario lent = again(&drawn);
    lent.forward.uniforms = uniforms;
    lent.forward.normals = normals;
    lent.forward.seed = 0;
    run_on(&drawn, QLIF_HOST, 1);
    run_on(&lent, QLIF_HOST, 1);
    same_results(&drawn, &lent);
    free(uniforms);
    free(normals);
    free_outputs(&lent);
    free_scenario(&drawn);
  }
}

/* Splitting a call by rows or steps, passing the state on, gives the same results. */
static void test_splits(int rounds) {
  for (int i = 0; i < rounds; i++) {
    scenario s = random_scenario(20000);
    qlif_forward_args whole = s.forward;
    qlif_kernel *kernel;
    CHECK_OK(open_kernel(QLIF_HOST, &s.config.header, 2, &kernel));
    CHECK_OK(qlif_forward(kernel, &whole, NULL));
    int64_t cut = random_int(0, (int)whole.steps);
    int64_t elements = elements_of(&s);
    for (int64_t b = 0; b < whole.batch; b++) {
      float *state[QLIF_STATE_VARIABLES];
      for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
        state[v] = floats(whole.neurons);
        for (int64_t n = 0; n < whole.neurons; n++) {
          state[v][n] = whole.initial_state[v] != NULL                                     ? whole.initial_state[v][b * whole.neurons + n]
                        : v == QLIF_STATE_EFFICIENCY || v == QLIF_STATE_MODULATION ? 1.0f
                                                                                    : 0.0f;
        }
      }
      for (int part = 0; part < 2; part++) {
        int64_t begin = part == 0 ? 0 : cut;
        int64_t end = part == 0 ? cut : whole.steps;
        qlif_forward_args a;
        memset(&a, 0, sizeof a);
        a.size = sizeof a;
        a.steps = end - begin;
        a.batch = 1;
        a.neurons = whole.neurons;
        a.first_step = whole.first_step + begin;
        a.seed = whole.seed;
        a.stream = whole.stream;
        a.element_offset = whole.element_offset + b * whole.neurons;
        a.per_neuron_parameters = whole.per_neuron_parameters;
        memcpy(a.parameters, whole.parameters, sizeof a.parameters);
        a.modulation = whole.modulation;
        if (a.modulation.data != NULL) {
          a.modulation.data += begin * a.modulation.stride_t + b * a.modulation.stride_b;
        }
        float *input = floats(a.steps * a.neurons);
        float *voltages = floats(a.steps * a.neurons);
        for (int64_t t = begin; t < end; t++) {
          memcpy(input + (t - begin) * a.neurons, (const float *)whole.input + t * elements + b * a.neurons, (size_t)a.neurons * 4);
        }
        a.input = input;
        a.voltages = voltages;
        for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
          a.initial_state[v] = state[v];
          a.final_state[v] = state[v];
        }
        CHECK_OK(qlif_forward(kernel, &a, NULL));
        for (int64_t t = begin; t < end; t++) {
          same_bytes("voltages of a split", voltages + (t - begin) * a.neurons, whole.voltages + t * elements + b * a.neurons,
                     a.neurons, 4);
        }
        free(input);
        free(voltages);
      }
      for (int v = 0; v < QLIF_STATE_VARIABLES; v++) {
        same_bytes("state of a split", state[v], whole.final_state[v] + b * whole.neurons, whole.neurons, 4);
        free(state[v]);
      }
    }
    CHECK_OK(qlif_kernel_close(kernel));
    free_scenario(&s);
  }
}

/* Callers that flush denormals or use another rounding mode get the same bits and keep their settings. */
static void test_float_environment(void) {
#if defined(__x86_64__)
  const unsigned odd = 0xffc0; /* flush to zero, denormals are zero, round toward zero */
  for (int i = 0; i < 10; i++) {
    scenario plain = random_scenario(20000);
    scenario flushed = again(&plain);
    run_on(&plain, QLIF_HOST, 2);
    unsigned saved = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(odd);
    run_on(&flushed, QLIF_HOST, 2);
    CHECK((__builtin_ia32_stmxcsr() & odd) == odd);
    __builtin_ia32_ldmxcsr(saved);
    same_results(&plain, &flushed);
    free_outputs(&flushed);
    free_scenario(&plain);
  }
#endif
}

/* random_config() varies every option that isn't a real number, so that the tests that use it reach them all. */
static void test_random_configs(void) {
  enum { CONFIGS = 300 };
  static qlif_qlif_config configs[CONFIGS];
  for (int i = 0; i < CONFIGS; i++) configs[i] = random_config();
  qlif_option_info option = {.size = sizeof option};
  for (int32_t number = 0; qlif_option(QLIF_MODEL_QLIF, number, &option) == QLIF_SUCCESS; number++) {
    if (option.kind == QLIF_KIND_REAL) continue;
    int distinct = 0;
    for (int32_t value = (int32_t)option.low; value <= (int32_t)option.high; value++) {
      int there = 0;
      for (int i = 0; i < CONFIGS; i++) there |= *(const int32_t *)((const char *)&configs[i] + option.offset) == value;
      distinct += there;
    }
    if (distinct < (option.choices > 2 ? option.choices : 2)) {
      fprintf(stderr, "scenario.h: random_config() sets the option '%s' to %d of its values\n", option.name, distinct);
      unknown_options++;
    }
  }
}

int main(void) {
#if defined(__x86_64__)
  test_instructions();
#endif
  test_versions();
  test_devices();
  test_config_refusals();
  test_config_numbers();
  test_random_configs();
  if (unknown_options > 0) return 1;
  test_models();
  test_options();
  test_forward_refusals();
  test_backward_refusals();
  test_other_refusals();
  test_handles();
  test_tapes_of_other_kernels();
  test_parameters();
  test_nan_stays(40);
  test_empty_calls();
  test_contention();
  test_kernels_at_the_same_time(8);
  test_team();
  test_brief_calls();
  test_fork();
  test_closing_during_calls(200);
  test_threads(120);
  test_lent_draws(60);
  test_splits(40);
  test_consecutive_rows(QLIF_HOST, 60);
  test_shuffled_rows(QLIF_HOST, 40);
  test_rows_of_draws(QLIF_HOST, 30);
  test_shared_gradients(QLIF_HOST, 60);
  test_modulation_sums(QLIF_HOST, 60);
  test_shared_state(QLIF_HOST, 60);
  test_lent_memory(QLIF_HOST, 40);
  test_keys(QLIF_HOST, 60);
  test_lif(QLIF_HOST, 40);
  test_float_environment();
  test_many_kernels();
  puts("all passed");
  return 0;
}
