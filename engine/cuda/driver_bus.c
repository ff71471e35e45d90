/* driver_bus.c - the PCIe link of a device, which the driver's attributes do not tell: from the
 * system's files about it. Any thread; reads two small files.
 */
#include "engine/cuda/driver.h"

#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>

/* The number that a file of the device begins with: "32.0 GT/s PCIe", "16". 0: none. */
static double number(const char *root, const char *where, const char *name)
{
    char path[512], z[64];
    struct base_buf b;
    struct base_err err;
    double v = 0;
    int n = snprintf(path, sizeof path, "%s/bus/pci/devices/%s/%s", root, where, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return 0;
    base_buf_init(&b, 1u << 16);
    if (base_file_read(path, &b, &err) == BASE_OK && b.n > 0) {
        n = snprintf(z, sizeof z, "%.*s", (int)(b.n < 60 ? b.n : 60), b.p);
        v = n > 0 ? strtod(z, NULL) : 0;
    }
    base_buf_release(&b);
    return v > 0 && v < 4096 ? v : 0;
}

double eng_cuda_bus(const char *root, uint32_t domain, uint32_t bus, uint32_t device)
{
    char where[64];
    snprintf(where, sizeof where, "%04x:%02x:%02x.0", domain, bus, device);
    const char *at = root ? root : "/sys";
    return number(at, where, "max_link_speed") * 1e9 / 8 * number(at, where, "current_link_width");
}
