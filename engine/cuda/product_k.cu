/* product_k.cu - products for blocks of 256 with codes of 4 and 5 bits; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(q4_k)
WEIR_PRODUCT(q5_k)
