// SPDX-License-Identifier: Apache-2.0
// The models, and which of the compiled kernels runs a configuration.
#ifndef QLIF_MODELS_H
#define QLIF_MODELS_H

#include "lif_model.h"
#include "qlif_model.h"

namespace qlif {

/** QLIF's compiled kernels, some of which only the host has. */
enum class Variant { DEFAULT, SNAPSHOT_15, SNAPSHOT_24, PLAIN_LIF, TANH, SIGMOID, EXPECTED, MULTI_QUBIT, GENERIC };

inline Variant variantOf(QlifOptions options) {
  return options.bits == DEFAULT_OPTIONS.bits       ? Variant::DEFAULT
         : options.bits == SNAPSHOT_15_OPTIONS.bits ? Variant::SNAPSHOT_15
         : options.bits == SNAPSHOT_24_OPTIONS.bits ? Variant::SNAPSHOT_24
         : options.bits == PLAIN_LIF_OPTIONS.bits   ? Variant::PLAIN_LIF
         : options.bits == TANH_OPTIONS.bits        ? Variant::TANH
         : options.bits == SIGMOID_OPTIONS.bits     ? Variant::SIGMOID
         : options.bits == EXPECTED_OPTIONS.bits    ? Variant::EXPECTED
         : options.bits == MULTI_QUBIT_OPTIONS.bits ? Variant::MULTI_QUBIT
                                                    : Variant::GENERIC;
}

}  // namespace qlif

#endif
