/* places.c - the words that `location` may hold: ISO 3166-1 alpha-2 codes, EU, EEA, on_premises.
 *
 * The officially assigned codes of ISO 3166-1 as of 2025, in alphabetical order, two letters each.
 * Constant data; any thread. Which places EU and EEA contain is policy's matter.
 */
#include "conf/conf.h"

static const char countries[] =
    "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZ"
    "CACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFR"
    "GAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJP"
    "KEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZ"
    "NANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURW"
    "SASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZ"
    "UAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

bool conf_place_known(struct base_str place)
{
    if (base_str_is(place, "EU") || base_str_is(place, "EEA") || base_str_is(place, "on_premises"))
        return true;
    if (place.n != 2)
        return false;
    for (size_t i = 0; i + 2 < sizeof(countries); i += 2)
        if (memcmp(countries + i, place.p, 2) == 0)
            return true;
    return false;
}

const char *conf_place_meant(struct base_str s)
{
    /* What people write instead: the two codes that the EU and the UK use themselves, and names. */
    static const struct {
        const char *written, *meant;
    } slips[] = {
        {"UK", "GB"},
        {"EL", "GR"},
        {"USA", "US"},
        {"europe", "EU"},
        {"on-premises", "on_premises"},
        {"on_premise", "on_premises"},
        {"on-premise", "on_premises"},
        {"onprem", "on_premises"},
        {"on-prem", "on_premises"},
        {"on_prem", "on_premises"},
        {"local", "on_premises"},
        {"home", "on_premises"},
        {"germany", "DE"},
        {"france", "FR"},
        {"ireland", "IE"},
    };
    static const char *const words[] = {"EU", "EEA", "on_premises", NULL};
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
        if (base_str_ieq(s, base_str_c(slips[i].written)))
            return slips[i].meant;
    for (size_t i = 0; words[i]; i++)
        if (base_str_ieq(s, base_str_c(words[i])))
            return words[i];
    if (s.n == 2) { /* lower case */
        static _Thread_local char code[3];
        for (size_t i = 0; i < 2; i++)
            code[i] = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
        return conf_place_known(base_str_n(code, 2)) ? code : NULL;
    }
    return s.n > 4 ? conf_nearest(s, words) : NULL;
}
