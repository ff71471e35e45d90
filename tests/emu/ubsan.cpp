/* ubsan.cpp - what the compiler's checks in the kernels' objects call (-fsanitize=alignment,
 * bounds,shift-exponent,integer-divide-by-zero without a runtime): a vector load that is not
 * aligned, an index outside a fixed array, a shift by too much, a division by zero. The first word
 * of their data is the place in the source. Left out where a sanitizer brings its own.
 */
#include "tests/emu/weir_emu.h"

struct place {
    const char *file;
    uint32_t line, column;
};

static weir_emu_here here_of(const void *data)
{
    const place *p = static_cast<const place *>(data);
    return {p->file, (int)p->line};
}

extern "C" {
[[noreturn]] void __ubsan_handle_type_mismatch_v1_abort(const void *data, uintptr_t p);
[[noreturn]] void __ubsan_handle_out_of_bounds_abort(const void *data, uintptr_t index);
[[noreturn]] void __ubsan_handle_shift_out_of_bounds_abort(const void *data, uintptr_t,
                                                           uintptr_t by);
[[noreturn]] void __ubsan_handle_divrem_overflow_abort(const void *data, uintptr_t, uintptr_t);

void __ubsan_handle_type_mismatch_v1_abort(const void *data, uintptr_t p)
{
    weir_emu_fail(here_of(data), "an access to %p, which is not aligned for its type,", (void *)p);
}

void __ubsan_handle_out_of_bounds_abort(const void *data, uintptr_t index)
{
    weir_emu_fail(here_of(data), "index %td is outside the array", (ptrdiff_t)index);
}

void __ubsan_handle_shift_out_of_bounds_abort(const void *data, uintptr_t, uintptr_t by)
{
    weir_emu_fail(here_of(data), "a shift by %td", (ptrdiff_t)by);
}

void __ubsan_handle_divrem_overflow_abort(const void *data, uintptr_t, uintptr_t)
{
    weir_emu_fail(here_of(data), "a division by zero, or one whose result does not fit,");
}
}
