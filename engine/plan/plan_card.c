/* plan_card.c - cards by name.
 *
 * Memory is what the driver reports as usable in all (MiB; less than the box says where error
 * correction takes a part); bandwidth, PCIe and arithmetic are what the maker's data sheets state:
 * f16 products with f32 sums, dense, which for GeForce cards is half of what the sheet puts first.
 * PCIe: 32 GB/s (4.0) or 64 GB/s (5.0) for sixteen lanes, one way.
 */
#include "engine/plan/plan.h"

#define MIB(n) ((uint64_t)(n) << 20)

static const struct eng_card cards[] = {
    {"h100", "H100 SXM 80 GB", MIB(81559), 3.35e12, 64e9, 989e12},
    {"h100-94", "H100 NVL 94 GB", MIB(95830), 3.938e12, 64e9, 835e12},
    {"h100-pcie", "H100 PCIe 80 GB", MIB(81559), 2.0e12, 64e9, 756e12},
    {"h200", "H200 SXM 141 GB", MIB(143771), 4.8e12, 64e9, 989e12},
    {"b200", "B200 SXM 180 GB", MIB(183359), 7.7e12, 64e9, 2250e12},
    {"a100", "A100 SXM 80 GB", MIB(81920), 2.039e12, 32e9, 312e12},
    {"a100-40", "A100 40 GB", MIB(40960), 1.555e12, 32e9, 312e12},
    {"l40s", "L40S 48 GB", MIB(46068), 864e9, 32e9, 362e12},
    {"l4", "L4 24 GB", MIB(23034), 300e9, 32e9, 121e12},
    {"a10", "A10 24 GB", MIB(23028), 600e9, 32e9, 125e12},
    {"rtxa6000", "RTX A6000 48 GB", MIB(49140), 768e9, 32e9, 155e12},
    {"rtx6000-ada", "RTX 6000 Ada 48 GB", MIB(49140), 960e9, 32e9, 364e12},
    {"rtx-pro-6000", "RTX PRO 6000 Blackwell 96 GB", MIB(97887), 1.792e12, 64e9, 504e12},
    {"rtx3090", "RTX 3090 24 GB", MIB(24576), 936e9, 32e9, 71e12},
    {"rtx4090", "RTX 4090 24 GB", MIB(24564), 1.008e12, 32e9, 165e12},
    {"rtx5090", "RTX 5090 32 GB", MIB(32607), 1.792e12, 64e9, 210e12},
};
#define N_CARDS (sizeof(cards) / sizeof(cards[0]))

/* Names that say the usual one of a family. */
static const char *const also[][2] = {
    {"h100-80", "h100"}, {"h100-nvl", "h100-94"}, {"a100-80", "a100"}, {"h200-141", "h200"}};

const struct eng_card *eng_card_find(struct base_str name)
{
    for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++)
        if (base_str_is(name, also[i][0]))
            name = base_str_c(also[i][1]);
    for (size_t i = 0; i < N_CARDS; i++)
        if (base_str_is(name, cards[i].name))
            return &cards[i];
    return NULL;
}

const struct eng_card *eng_card_at(size_t i)
{
    return i < N_CARDS ? &cards[i] : NULL;
}
