/* bad.h - the faults that bad.cu can be asked for. */
#ifndef EMU_BAD_H
#define EMU_BAD_H

#include <stdint.h>

enum {
    BAD_NOTHING,
    BAD_TWO_BARRIERS,
    BAD_BARRIER_AFTER_EXIT,
    BAD_EXIT_BEFORE_BARRIER,
    BAD_MASKS_DIFFER,
    BAD_OPS_DIFFER,
    BAD_LANE_OUTSIDE_MASK,
    BAD_MASK_WITHOUT_SELF,
    BAD_MASK_OF_EXITED,
    BAD_BARRIER_IN_COLLECTIVE,
    BAD_SHARED_BEHIND,
    BAD_SHARED_INDEX,
    BAD_SHARED_DYNAMIC,
    BAD_READ_BEHIND,
    BAD_WRITE_BEFORE,
    BAD_MISALIGNED,
    BAD_ASYNC_NO_WAIT,
    BAD_ASYNC_MISALIGNED,
    BAD_SHIFT,
    BAD_NULL,
    BAD_COUNT,
    GOOD_SUMS /* none: out = what five shuffles make of x, and what the emulator does at once */
};

struct weir_bad_args {
    float *x; /* [64] */
    float *out;
    uint32_t what;
};

#endif
