/* product_iq4.cu - products for codes of unequal steps; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(iq4_nl)
WEIR_PRODUCT(iq4_xs)
