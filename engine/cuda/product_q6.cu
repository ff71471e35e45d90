/* product_q6.cu - products for blocks of 256 with a scale every 16 values; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(q6_k)
WEIR_PRODUCT(q3_k)
WEIR_PRODUCT(q2_k)
