/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of qlif.h for runtimes that guard memory, such as Java's: a memory segment is kept alive during a native call only if it is an
 * argument of the call, not if its address is inside a struct that an argument points to. So each function here takes the arguments of its
 * namesake in qlif.h, followed by any number of further pointers, which it ignores. Everything else is as in qlif.h.
 */
#ifndef QLIF_HELD_H
#define QLIF_HELD_H

#include "qlif.h"

#ifdef __cplusplus
extern "C" {
#endif

QLIF_API qlif_status qlif_held_forward(qlif_kernel *kernel, const qlif_forward_args *args, void *stream, ...);

QLIF_API qlif_status qlif_held_backward(qlif_kernel *kernel, const qlif_backward_args *args, void *stream, ...);

QLIF_API qlif_status qlif_held_draw(qlif_kernel *kernel, const qlif_draw_args *args, void *stream, ...);

QLIF_API qlif_status qlif_held_linear_forward(qlif_linear *linear, const qlif_linear_forward_args *args, void *stream, ...);

QLIF_API qlif_status qlif_held_linear_backward(qlif_linear *linear, const qlif_linear_backward_args *args, void *stream, ...);

#ifdef __cplusplus
}
#endif

#endif
