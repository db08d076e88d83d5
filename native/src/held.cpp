// SPDX-License-Identifier: Apache-2.0
// The calls of qlif_held.h: those of qlif.h, with additional arguments that are ignored.
#include "qlif_held.h"

extern "C" {

qlif_status qlif_held_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream, ...) {
  return qlif_forward(kernel, args, stream);
}

qlif_status qlif_held_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream, ...) {
  return qlif_backward(kernel, args, stream);
}

qlif_status qlif_held_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream, ...) { return qlif_draw(kernel, args, stream); }

qlif_status qlif_held_linear_forward(qlif_linear *linear, const qlif_linear_forward_args *args, void *stream, ...) {
  return qlif_linear_forward(linear, args, stream);
}

qlif_status qlif_held_linear_backward(qlif_linear *linear, const qlif_linear_backward_args *args, void *stream, ...) {
  return qlif_linear_backward(linear, args, stream);
}

}  // extern "C"
