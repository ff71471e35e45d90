/* driver.h - a CUDA device, as the rest of the engine sees it: memory, copies, launches, one stream
 * of work, what went wrong; and how several devices of a machine work together.
 *
 * The driver (libcuda.so.1) is looked for when a device is opened and never before; a build needs
 * no toolkit for any of this, and a machine needs no driver to run Weir. The same functions drive
 * the emulator of tests/emu, which is a libcuda of Weir's own.
 *
 * Work is asked for in order and done later: launches and copies return at once. The first error
 * sticks; everything asked for after it is dropped, and eng_cuda_sync tells it. An error that
 * happened on the device (eng_cuda_lost) cannot be undone in this process.
 *
 * Threads: one at a time per device.
 */
#ifndef ENG_CUDA_DRIVER_H
#define ENG_CUDA_DRIVER_H

#include "base/err.h"
#include "engine/cuda/driver_api.h"
#include "engine/cuda/kernels.h"

#include <stdbool.h>

struct eng_cuda;

enum eng_cuda_kind {
    ENG_CUDA_HARDWARE, /* libcuda.so.1 */
    ENG_CUDA_EMULATED  /* WEIR_CUDA_LIBRARY, or libweir-emu.so in tests/ beside the program */
};

/* What the device is. */
struct eng_cuda_info {
    char name[128];
    uint32_t arch;       /* 90 for compute capability 9.0 */
    uint32_t n_sm;       /* multiprocessors */
    size_t memory;       /* bytes in all */
    size_t memory_free;  /* when it was opened */
    uint32_t shared_max; /* bytes a block may have, static and dynamic */
    uint32_t driver;     /* CUDA version that the driver speaks: 13000 for 13.0 */
    uint32_t ordinal;    /* which of the machine's devices */
    /* Bytes a second: of its memory, from the clock and width that the driver states; of its PCIe
     * link one way, from what the system says of it. 0: not told. */
    double memory_bytes_s, pcie_bytes_s;
    bool emulated;
};

#define ENG_CUDA_DEVICES 16 /* of one machine, at most */

/* Opens the machine's device number `ordinal`, as the driver counts them (CUDA_VISIBLE_DEVICES
 * picks and orders), below ENG_CUDA_DEVICES, and loads all kernels. *out is owned by the caller;
 * NULL on failure, and err says in one sentence what is missing: BASE_ENOENT no driver, no device,
 * no images in this build; BASE_EINVAL a driver too old, an architecture without an image, a device
 * that fails its self test; BASE_ENOMEM; BASE_EIO any other answer of the driver. Blocks for up to
 * seconds. */
enum base_status eng_cuda_open(enum eng_cuda_kind kind, uint32_t ordinal, struct eng_cuda **out,
                               struct base_err *err) BASE_MUST_CHECK;
/* How many devices the machine has, up to ENG_CUDA_DEVICES; 0: none, or no driver. */
uint32_t eng_cuda_count(enum eng_cuda_kind kind);
/* Waits for work under way. NULL is fine. */
void eng_cuda_close(struct eng_cuda *d);
const struct eng_cuda_info *eng_cuda_get_info(const struct eng_cuda *d);

/* ---- memory (driver_arena.c) ---- */

/* Takes n bytes of the driver, once; all memory comes out of them from then on. Before: every piece
 * is asked of the driver. BASE_ENOMEM tells in one sentence what is free and what is needed. */
enum base_status eng_cuda_reserve(struct eng_cuda *d, size_t n,
                                  struct base_err *err) BASE_MUST_CHECK;
#define ENG_CUDA_USES 4 /* as enum eng_memory_use (model.h) */
struct eng_cuda_memory {
    size_t reserved;          /* bytes of the reservation; 0: there is none */
    size_t used, peak;        /* of them, in pieces: now, and the most so far */
    size_t spans;             /* what the pieces take of it now, with what must be between them */
    size_t by[ENG_CUDA_USES]; /* of used, as eng_cuda_alloc_as was told */
};
void eng_cuda_memory(const struct eng_cuda *d, struct eng_cuda_memory *out);
/* Whether p is of its reservation. */
bool eng_cuda_owns(const struct eng_cuda *d, const void *p);
/* What a piece of n bytes takes of a reservation. */
size_t eng_cuda_span(const struct eng_cuda *d, size_t n);
/* A device on paper, like that one: memory is counted, nothing is done, nothing fails. NULL: out of
 * memory. For eng_cuda_close. */
struct eng_cuda *eng_cuda_paper(const struct eng_cuda *like) BASE_MUST_CHECK;
bool eng_cuda_is_paper(const struct eng_cuda *d);

/* driver_bus.c: bytes a second of a PCIe link one way, as the standard counts, from /sys under
 * `root` (NULL: the machine's): the link's width now, times the speed that the device can have (it
 * idles at less). 0: not told. */
double eng_cuda_bus(const char *root, uint32_t domain, uint32_t bus, uint32_t device);

/* n bytes of device memory, aligned to 256 bytes, with anything in them; NULL when there is not so
 * much (no error sticks) or n is 0. The pointer is for kernels and for the copies below: host code
 * must not follow it. Freed by eng_cuda_free, which waits for all work. */
void *eng_cuda_alloc(struct eng_cuda *d, size_t n) BASE_MUST_CHECK;
/* The same, counted as what it is for: below ENG_CUDA_USES; eng_cuda_alloc: 0. */
void *eng_cuda_alloc_as(struct eng_cuda *d, uint32_t use, size_t n) BASE_MUST_CHECK;
void eng_cuda_free(struct eng_cuda *d, void *p);
/* n bytes of host memory that the device can copy from and to in the background. NULL: none. */
void *eng_cuda_host_alloc(struct eng_cuda *d, size_t n) BASE_MUST_CHECK;
void eng_cuda_host_free(struct eng_cuda *d, void *p);

/* Copies in the order of the work. `from` of an upload may be any memory: unless it is pinned
 * (eng_cuda_host_alloc) it may be used again at once; pinned memory, when the work is done
 * (eng_cuda_sync). What a download wrote may be read after eng_cuda_sync. */
void eng_cuda_upload(struct eng_cuda *d, void *to, const void *from, size_t n);
void eng_cuda_download(struct eng_cuda *d, void *to, const void *from, size_t n);
void eng_cuda_copy(struct eng_cuda *d, void *to, const void *from, size_t n);
void eng_cuda_fill(struct eng_cuda *d, void *to, uint8_t byte, size_t n);

struct eng_cuda_dim {
    uint32_t x, y, z;
};
/* Runs kernel k on grid x block threads with `shared` bytes of dynamic shared memory. args is the
 * kernel's struct, copied. An empty grid does nothing. */
void eng_cuda_launch(struct eng_cuda *d, enum eng_cuda_kernel k, struct eng_cuda_dim grid,
                     struct eng_cuda_dim block, uint32_t shared, const void *args, size_t size);

/* Marks this place in the work; which < ENG_CUDA_FENCES. Waiting for a mark that was never set does
 * nothing. */
#define ENG_CUDA_FENCES 16
void eng_cuda_fence(struct eng_cuda *d, uint32_t which);
void eng_cuda_fence_wait(struct eng_cuda *d, uint32_t which);

/* A second queue for copies that go on beside the work: nothing in one queue waits for the other
 * but where follow says so, and eng_cuda_sync and eng_cuda_wait do not wait for this one. `from`
 * must be pinned and stay as it is until a fence behind the copy is passed. */
enum eng_cuda_queue { ENG_CUDA_WORK, ENG_CUDA_BESIDE, ENG_CUDA_QUEUES };
void eng_cuda_upload_beside(struct eng_cuda *d, void *to, const void *from, size_t n);
/* eng_cuda_fence in either queue. */
void eng_cuda_fence_in(struct eng_cuda *d, enum eng_cuda_queue queue, uint32_t which);
/* What this queue is asked for from now on waits for the mark (the host does not). */
void eng_cuda_follow(struct eng_cuda *d, enum eng_cuda_queue queue, uint32_t which);
/* Whether all before the mark is done; true if it was never set. Does not wait. False after an
 * error too, which eng_cuda_sync tells. */
bool eng_cuda_fence_passed(struct eng_cuda *d, uint32_t which);

/* Between begin and end launches and copies (pinned memory only) are recorded and not done; the
 * graph, which run() does again and again with the same arguments, is the caller's. NULL after a
 * failure, which sticks. */
void eng_cuda_graph_begin(struct eng_cuda *d);
eng_cu_graph_exec eng_cuda_graph_end(struct eng_cuda *d);
void eng_cuda_graph_run(struct eng_cuda *d, eng_cu_graph_exec g);
void eng_cuda_graph_free(struct eng_cuda *d, eng_cu_graph_exec g);
/* While on, launches, copies and fills are ignored: what they ask for is in a graph. */
void eng_cuda_mute(struct eng_cuda *d, bool on);

/* What this device was asked for since it was opened: calls of the driver by kind, a graph counted
 * once however much is in it; bytes of copies between host and device, and from other devices to
 * it. Of a graph the bytes count when it is recorded; who runs it again tells how many they were.
 */
struct eng_cuda_calls {
    uint64_t launches, copies, graphs, waits, fences;
    uint64_t bytes_up, bytes_down, bytes_peer;
};
void eng_cuda_get_calls(const struct eng_cuda *d, struct eng_cuda_calls *out);
void eng_cuda_count_bytes(struct eng_cuda *d, const struct eng_cuda_calls *more);

/* ---- several devices of one machine (driver_peer.c) ---- */

/* What is asked of `later` from now on begins when all that `first` was asked for so far is done.
 * Nothing waits here. Between devices that record one graph (the one that began it, and those that
 * came to wait for it) this becomes part of the graph; all of them must have been waited for by the
 * one that began it before it ends. */
void eng_cuda_after(struct eng_cuda *later, struct eng_cuda *first);
/* Pieces of `from`'s memory to `to`'s, behind all that either was asked for so far: straight from
 * device to device where `to` reaches `from`'s memory, else by way of pinned memory. `to` waits for
 * `from`, which goes on: before it writes the pieces again, or sends to `to` again, it must have
 * come behind `to` (eng_cuda_after, or a sync of both). An error sticks in one of the two. */
struct eng_cuda_piece {
    void *dst;
    const void *src;
    size_t n; /* bytes */
};
void eng_cuda_send(struct eng_cuda *to, struct eng_cuda *from, const struct eng_cuda_piece *p,
                   uint32_t n_pieces);
/* Readies sends from `from` to `to`: whether `to` reaches its memory, and if not, pinned memory for
 * sends of up to n bytes. BASE_ENOMEM, or BASE_EIO if the driver has another answer. */
enum base_status eng_cuda_link(struct eng_cuda *to, struct eng_cuda *from, size_t n,
                               struct base_err *err) BASE_MUST_CHECK;
/* Whether it does. */
bool eng_cuda_reaches(const struct eng_cuda *to, const struct eng_cuda *from);

/* For libraries that put work into the device's stream themselves (blas.h). Whether work may be
 * asked for now: the context is then the thread's. _current: only makes it the thread's. _fault: as
 * an answer of the driver would: sticks unless something does, and nothing is asked for any more;
 * lost: it happened on the device. */
bool eng_cuda_ready(struct eng_cuda *d);
bool eng_cuda_current(struct eng_cuda *d);
eng_cu_stream eng_cuda_stream(const struct eng_cuda *d);
void *eng_cuda_library(const struct eng_cuda *d); /* as dlopen gave it */
void eng_cuda_fault(struct eng_cuda *d, bool lost, enum base_status st, const char *fmt, ...)
    BASE_PRINTF(4, 5);

/* Waits until all work is done. The first error since the last call: then nothing of the work since
 * can be relied on. */
enum base_status eng_cuda_sync(struct eng_cuda *d, struct base_err *err) BASE_MUST_CHECK;
/* Waits as eng_cuda_sync does, but leaves an error where it is; false if there is one. */
bool eng_cuda_wait(struct eng_cuda *d);
/* Waits for whatever the device still does, also of graphs that another device's queue started, and
 * also after an error, which it leaves where it is. */
void eng_cuda_drain(struct eng_cuda *d);
/* Whether an error has made the device unusable for this process. */
bool eng_cuda_lost(const struct eng_cuda *d);

#endif
