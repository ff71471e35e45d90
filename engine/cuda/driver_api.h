/* driver_api.h - the part of NVIDIA's driver API that Weir calls, so that no toolkit is needed to
 * build the host side: types and constants as cuda.h has them, under names of our own where that
 * header has a macro. tests/emu/abi.c holds them against cuda.h wherever that is installed; the
 * emulator (tests/emu/) implements the same list.
 */
#ifndef ENG_CUDA_DRIVER_API_H
#define ENG_CUDA_DRIVER_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned eng_cu_result; /* CUresult */
typedef int eng_cu_device;      /* CUdevice */
typedef unsigned long long eng_cu_ptr;
typedef struct CUctx_st *eng_cu_context;
typedef struct CUmod_st *eng_cu_module;
typedef struct CUfunc_st *eng_cu_function;
typedef struct CUstream_st *eng_cu_stream;
typedef struct CUevent_st *eng_cu_event;
typedef struct CUgraph_st *eng_cu_graph;
typedef struct CUgraphExec_st *eng_cu_graph_exec;

enum {
    ENG_CU_OK = 0,
    ENG_CU_INVALID_VALUE = 1,
    ENG_CU_OUT_OF_MEMORY = 2,
    ENG_CU_NOT_INITIALIZED = 3,
    ENG_CU_NO_DEVICE = 100,
    ENG_CU_INVALID_IMAGE = 200,
    ENG_CU_NO_BINARY_FOR_GPU = 209,
    ENG_CU_UNSUPPORTED_PTX = 222,
    ENG_CU_NOT_FOUND = 500,
    ENG_CU_NOT_READY = 600,
    ENG_CU_PEER_ALREADY = 704, /* peer access is on */
    ENG_CU_LAUNCH_FAILED = 719,
    ENG_CU_CAPTURE_UNSUPPORTED = 900
};

enum { /* CUdevice_attribute */
       ENG_CU_ATTR_MAX_THREADS = 1,
       ENG_CU_ATTR_SHARED_BLOCK = 8,
       ENG_CU_ATTR_CLOCK_KHZ = 13,
       ENG_CU_ATTR_N_SM = 16,
       ENG_CU_ATTR_INTEGRATED = 18,
       ENG_CU_ATTR_PCI_BUS = 33,
       ENG_CU_ATTR_PCI_DEVICE = 34,
       ENG_CU_ATTR_MEMORY_CLOCK_KHZ = 36,
       ENG_CU_ATTR_MEMORY_BUS_BITS = 37,
       ENG_CU_ATTR_L2_BYTES = 38,
       ENG_CU_ATTR_PCI_DOMAIN = 50,
       ENG_CU_ATTR_MAJOR = 75,
       ENG_CU_ATTR_MINOR = 76,
       ENG_CU_ATTR_SHARED_OPTIN = 97
};

enum { /* CUfunction_attribute */
       ENG_CU_FUNC_SHARED_BYTES = 1,
       ENG_CU_FUNC_LOCAL_BYTES = 3,
       ENG_CU_FUNC_N_REGS = 4,
       ENG_CU_FUNC_MAX_DYNAMIC = 8
};

enum {
    ENG_CU_STREAM_NON_BLOCKING = 1,
    ENG_CU_EVENT_NO_TIMING = 2,
    ENG_CU_CAPTURE_THREAD_LOCAL = 1,
    ENG_CU_HOST_PORTABLE = 1
};

/* X(field of the table, symbol of the library, arguments) */
#define ENG_CU_API(X)                                                                              \
    X(init, cuInit, (unsigned flags))                                                              \
    X(driver_version, cuDriverGetVersion, (int *version))                                          \
    X(error_name, cuGetErrorName, (eng_cu_result e, const char **out))                             \
    X(error_string, cuGetErrorString, (eng_cu_result e, const char **out))                         \
    X(device_count, cuDeviceGetCount, (int *n))                                                    \
    X(device_get, cuDeviceGet, (eng_cu_device * d, int ordinal))                                   \
    X(device_name, cuDeviceGetName, (char *name, int n, eng_cu_device d))                          \
    X(device_attr, cuDeviceGetAttribute, (int *value, unsigned attr, eng_cu_device d))             \
    X(device_memory, cuDeviceTotalMem_v2, (size_t * n, eng_cu_device d))                           \
    X(ctx_retain, cuDevicePrimaryCtxRetain, (eng_cu_context * c, eng_cu_device d))                 \
    X(ctx_release, cuDevicePrimaryCtxRelease_v2, (eng_cu_device d))                                \
    X(ctx_set, cuCtxSetCurrent, (eng_cu_context c))                                                \
    X(ctx_sync, cuCtxSynchronize, (void))                                                          \
    X(peer_can, cuDeviceCanAccessPeer, (int *can, eng_cu_device d, eng_cu_device peer))            \
    X(peer_enable, cuCtxEnablePeerAccess, (eng_cu_context peer, unsigned flags))                   \
    X(peer_disable, cuCtxDisablePeerAccess, (eng_cu_context peer))                                 \
    X(peer_copy, cuMemcpyPeerAsync,                                                                \
      (eng_cu_ptr dst, eng_cu_context to, eng_cu_ptr src, eng_cu_context from, size_t n,           \
       eng_cu_stream s))                                                                           \
    X(mem_info, cuMemGetInfo_v2, (size_t * free, size_t * total))                                  \
    X(mem_alloc, cuMemAlloc_v2, (eng_cu_ptr * p, size_t n))                                        \
    X(mem_free, cuMemFree_v2, (eng_cu_ptr p))                                                      \
    X(host_alloc, cuMemHostAlloc, (void **p, size_t n, unsigned flags))                            \
    X(host_free, cuMemFreeHost, (void *p))                                                         \
    X(h2d, cuMemcpyHtoDAsync_v2, (eng_cu_ptr dst, const void *src, size_t n, eng_cu_stream s))     \
    X(d2h, cuMemcpyDtoHAsync_v2, (void *dst, eng_cu_ptr src, size_t n, eng_cu_stream s))           \
    X(d2d, cuMemcpyDtoDAsync_v2, (eng_cu_ptr dst, eng_cu_ptr src, size_t n, eng_cu_stream s))      \
    X(set_d8, cuMemsetD8Async, (eng_cu_ptr dst, unsigned char x, size_t n, eng_cu_stream s))       \
    X(set_d32, cuMemsetD32Async, (eng_cu_ptr dst, unsigned x, size_t n, eng_cu_stream s))          \
    X(stream_create, cuStreamCreate, (eng_cu_stream * s, unsigned flags))                          \
    X(stream_destroy, cuStreamDestroy_v2, (eng_cu_stream s))                                       \
    X(stream_sync, cuStreamSynchronize, (eng_cu_stream s))                                         \
    X(stream_wait, cuStreamWaitEvent, (eng_cu_stream s, eng_cu_event e, unsigned flags))           \
    X(event_create, cuEventCreate, (eng_cu_event * e, unsigned flags))                             \
    X(event_destroy, cuEventDestroy_v2, (eng_cu_event e))                                          \
    X(event_record, cuEventRecord, (eng_cu_event e, eng_cu_stream s))                              \
    X(event_sync, cuEventSynchronize, (eng_cu_event e))                                            \
    X(event_query, cuEventQuery, (eng_cu_event e))                                                 \
    X(event_ms, cuEventElapsedTime, (float *ms, eng_cu_event a, eng_cu_event b))                   \
    X(module_load, cuModuleLoadData, (eng_cu_module * m, const void *image))                       \
    X(module_unload, cuModuleUnload, (eng_cu_module m))                                            \
    X(module_function, cuModuleGetFunction,                                                        \
      (eng_cu_function * f, eng_cu_module m, const char *name))                                    \
    X(func_get, cuFuncGetAttribute, (int *value, unsigned attr, eng_cu_function f))                \
    X(func_set, cuFuncSetAttribute, (eng_cu_function f, unsigned attr, int value))                 \
    X(launch, cuLaunchKernel,                                                                      \
      (eng_cu_function f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,         \
       unsigned bz, unsigned shared, eng_cu_stream s, void **args, void **extra))                  \
    X(capture_begin, cuStreamBeginCapture_v2, (eng_cu_stream s, unsigned mode))                    \
    X(capture_end, cuStreamEndCapture, (eng_cu_stream s, eng_cu_graph * g))                        \
    X(graph_instantiate, cuGraphInstantiateWithFlags,                                              \
      (eng_cu_graph_exec * x, eng_cu_graph g, unsigned long long flags))                           \
    X(graph_launch, cuGraphLaunch, (eng_cu_graph_exec x, eng_cu_stream s))                         \
    X(graph_free, cuGraphDestroy, (eng_cu_graph g))                                                \
    X(graph_exec_free, cuGraphExecDestroy, (eng_cu_graph_exec x))

struct eng_cu_api {
#define ENG_CU_FIELD(field, symbol, args) eng_cu_result(*field) args;
    ENG_CU_API(ENG_CU_FIELD)
#undef ENG_CU_FIELD
};

#ifdef __cplusplus
}
#endif

#endif
