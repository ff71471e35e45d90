/* tagger_model.c - the tagger's model, carried inside the program.
 *
 * What tools/train_tagger.py writes, byte for byte:
 *   tagger_rows_0.bin ... _3.bin   one behind the other 2^TAG_BITS rows of TAG_ROW signed
 *                     bytes: a weight for each label in the order of the enum in tagger.h, the
 *                     eighth byte 0
 *   tagger_lists.bin  2^TAG_GAZ_BITS bytes: bits TAG_GIVEN, TAG_FAMILY and so on of tagger.h;
 *                     a word is in a list if all three of its places say so
 *   tagger_sum.inc    the SHA-256 of all, one behind the other
 * The sum is checked when detectors are built: a program whose model was swapped or cut does not
 * start.
 */
#include "policy/detect/tagger.h"

#include <openssl/evp.h>
#include <string.h>

__asm__(".section .rodata\n"
        ".balign 64\n"
        "pol_tagger_rows:\n"
        ".incbin \"policy/detect/tagger_rows_0.bin\"\n"
        ".incbin \"policy/detect/tagger_rows_1.bin\"\n"
        ".incbin \"policy/detect/tagger_rows_2.bin\"\n"
        ".incbin \"policy/detect/tagger_rows_3.bin\"\n"
        "pol_tagger_rows_end:\n"
        ".balign 64\n"
        "pol_tagger_lists:\n"
        ".incbin \"policy/detect/tagger_lists.bin\"\n"
        "pol_tagger_lists_end:\n"
        ".previous\n");

extern const char pol_tagger_rows[], pol_tagger_rows_end[];
extern const char pol_tagger_lists[], pol_tagger_lists_end[];

enum base_status pol_tagger_builtin(struct pol_tagger *t, struct base_err *err)
{
    static const uint8_t want[32] = {
#include "policy/detect/tagger_sum.inc"
    };
    size_t n = (size_t)(pol_tagger_rows_end - pol_tagger_rows);
    size_t k = (size_t)(pol_tagger_lists_end - pol_tagger_lists);
    uint8_t got[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(c, pol_tagger_rows, n) == 1 &&
              EVP_DigestUpdate(c, pol_tagger_lists, k) == 1 &&
              EVP_DigestFinal_ex(c, got, NULL) == 1;

    EVP_MD_CTX_free(c);
    if (!ok || n != (size_t)TAG_ROW << TAG_BITS || k != (size_t)1 << TAG_GAZ_BITS ||
        memcmp(got, want, sizeof(want)) != 0)
        return base_err_set(err, BASE_EINVAL,
                            "detector: the tagger's model is not the one that was built in; "
                            "rebuild the program");
    t->rows = (const int8_t *)pol_tagger_rows;
    t->lists = (const uint8_t *)pol_tagger_lists;
    return BASE_OK;
}
