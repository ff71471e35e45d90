/* images.h - the kernels' machine code, as the build found it: images.c of the build directory,
 * which the Makefile writes, has one fat binary for each .cu, or none and why.
 */
#ifndef ENG_CUDA_IMAGES_H
#define ENG_CUDA_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#define ENG_CUDA_ARCH_MIN 80

struct eng_cuda_image {
    const char *name; /* product.cu */
    const void *data;
};
extern const struct eng_cuda_image eng_cuda_images[];
extern const size_t eng_cuda_n_images;
extern const uint32_t eng_cuda_images_version; /* of the toolkit: 13000 for 13.0; 0 = no images */
extern const char eng_cuda_images_why[];       /* why there are none: "nvcc was not found" */

#endif
