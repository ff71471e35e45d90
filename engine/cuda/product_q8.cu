/* product_q8.cu - products for codes of 5 and 8 bits in blocks of 32; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(q8_0)
WEIR_PRODUCT(q5_0)
WEIR_PRODUCT(q5_1)
