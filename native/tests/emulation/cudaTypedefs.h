// SPDX-License-Identifier: Apache-2.0
// The part of CUDA's header of this name, and of cuda.h, that src/cuda.cu uses; see cuda_runtime.h in this folder.
#ifndef QLIF_TESTS_EMULATION_CUDA_TYPEDEFS_H
#define QLIF_TESTS_EMULATION_CUDA_TYPEDEFS_H

typedef int CUdevice;
typedef struct CUctx_st *CUcontext;

enum CUresult { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_CONTEXT = 201 };

typedef CUresult (*PFN_cuDeviceGet_v2000)(CUdevice *device, int ordinal);
typedef CUresult (*PFN_cuDevicePrimaryCtxRetain_v7000)(CUcontext *context, CUdevice device);
typedef CUresult (*PFN_cuDevicePrimaryCtxRelease_v11000)(CUdevice device);
typedef CUresult (*PFN_cuCtxPushCurrent_v4000)(CUcontext context);
typedef CUresult (*PFN_cuCtxPopCurrent_v4000)(CUcontext *context);

#endif
