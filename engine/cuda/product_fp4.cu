/* product_fp4.cu - products for 4-bit floats; product.cuh says how. */
#include "engine/cuda/product.cuh"

WEIR_PRODUCT(mxfp4)
WEIR_PRODUCT(nvfp4)
