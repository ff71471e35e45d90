/* product_q4.cu - products for 4-bit codes in blocks of 32; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(q4_0)
WEIR_PRODUCT(q4_1)
