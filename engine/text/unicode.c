/* unicode.c - character classes over libutf8proc's tables; see unicode.h. */
#include "engine/text/unicode.h"

#include <utf8proc.h>

static bool is_space(uint32_t cp)
{
    if (cp < 0x100)
        return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0x85 || cp == 0xA0;
    return cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

static unsigned class_of_category(utf8proc_category_t c)
{
    switch (c) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
        return ENG_UNI_LETTER | ENG_UNI_CASED | ENG_UNI_UPPER;
    case UTF8PROC_CATEGORY_LL:
        return ENG_UNI_LETTER | ENG_UNI_CASED | ENG_UNI_LOWER;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return ENG_UNI_LETTER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return ENG_UNI_MARK;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return ENG_UNI_NUMBER;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return ENG_UNI_PUNCT;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
        return ENG_UNI_SYMBOL;
    default:
        return 0;
    }
}

unsigned eng_uni_class(uint32_t cp)
{
    if (cp > 0x10FFFF)
        return 0;
    unsigned c = class_of_category(utf8proc_category((utf8proc_int32_t)cp));
    return is_space(cp) ? c | ENG_UNI_SPACE : c;
}

uint32_t eng_uni_lower(uint32_t cp)
{
    return cp > 0x10FFFF ? cp : (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
}

uint32_t eng_uni_upper(uint32_t cp)
{
    return cp > 0x10FFFF ? cp : (uint32_t)utf8proc_toupper((utf8proc_int32_t)cp);
}

bool eng_uni_is_han(uint32_t cp)
{
    static const uint32_t han[][2] = {{0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},   {0x2F00, 0x2FD5},
                                      {0x3005, 0x3005},   {0x3007, 0x3007},   {0x3021, 0x3029},
                                      {0x3038, 0x303B},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
                                      {0xF900, 0xFA6D},   {0xFA70, 0xFAD9},   {0x16FE2, 0x16FE3},
                                      {0x16FF0, 0x16FF6}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B81E},
                                      {0x2B820, 0x2CEAD}, {0x2CEB0, 0x2EBE0}, {0x2EBF0, 0x2EE5D},
                                      {0x2F800, 0x2FA1D}, {0x30000, 0x3134A}, {0x31350, 0x33479}};
    for (size_t i = 0; i < sizeof(han) / sizeof(han[0]) && cp >= han[i][0]; i++)
        if (cp <= han[i][1])
            return true;
    return false;
}
