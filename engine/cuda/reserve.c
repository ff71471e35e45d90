/* reserve.c - how much memory a model will take of each device, and taking it.
 */
#include "engine/cuda/hybrid.h"
#include "engine/cuda/table.h"

#define MARGIN ((size_t)256 << 20) /* left to others, of a device whose memory is taken whole */

enum base_status eng_gpus_reserve(struct eng_model *m, struct base_err *err)
{
    struct eng_gpus *all = eng_gpus_of(m);
    enum base_status st = BASE_OK;
    for (uint32_t i = 0; i < all->n && st == BASE_OK; i++) {
        size_t n = eng_cuda_get_info(all->at[i]->d)->memory_free;
        st = eng_cuda_reserve(all->at[i]->d, n > 2 * MARGIN ? n - MARGIN : n / 2, err);
    }
    return st;
}
