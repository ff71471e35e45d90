/* types.c - the words of the contract: types of findings, levels, data classes.
 *
 * Owns the one table that ties a type to its word and to the class of data it makes of a text. Pure
 * functions over static storage; any thread.
 *
 * What by itself identifies nobody (a date, a place, an organisation, a web address, a bank code)
 * has no class: it may be named in `redact`, but does not keep a request at home.
 */
#include "policy/policy.h"

#define PERSONAL POL_CLASS_PERSONAL
#define SPECIAL  (POL_CLASS_SPECIAL | POL_CLASS_PERSONAL)
#define CRIMINAL (POL_CLASS_CRIMINAL | POL_CLASS_PERSONAL)

static const struct {
    const char *name;
    unsigned classes;
} type_table[POL_TYPE_COUNT] = {
    [POL_PERSON] = {"PERSON", PERSONAL},
    [POL_ORG] = {"ORG", POL_CLASS_NONE},
    [POL_LOCATION] = {"LOCATION", POL_CLASS_NONE},
    [POL_ADDRESS] = {"ADDRESS", PERSONAL},
    [POL_POSTAL_CODE] = {"POSTAL_CODE", POL_CLASS_NONE},
    [POL_DOB] = {"DOB", PERSONAL},
    [POL_DATE] = {"DATE", POL_CLASS_NONE},
    [POL_PHONE] = {"PHONE", PERSONAL},
    [POL_EMAIL] = {"EMAIL", PERSONAL},
    [POL_URL] = {"URL", POL_CLASS_NONE},
    [POL_IP] = {"IP", PERSONAL},
    [POL_MAC] = {"MAC", PERSONAL},
    [POL_IBAN] = {"IBAN", PERSONAL},
    [POL_BIC] = {"BIC", POL_CLASS_NONE},
    [POL_BANK_ACCOUNT] = {"BANK_ACCOUNT", PERSONAL},
    [POL_CREDIT_CARD] = {"CREDIT_CARD", PERSONAL},
    [POL_NATIONAL_ID] = {"NATIONAL_ID", PERSONAL},
    [POL_NATIONAL_ID_CARD] = {"NATIONAL_ID_CARD", PERSONAL},
    [POL_TAX_ID] = {"TAX_ID", PERSONAL},
    [POL_VAT_ID] = {"VAT_ID", PERSONAL},
    [POL_PASSPORT] = {"PASSPORT", PERSONAL},
    [POL_PASSPORT_MRZ] = {"PASSPORT_MRZ", PERSONAL},
    [POL_DRIVER_LICENSE] = {"DRIVER_LICENSE", PERSONAL},
    [POL_LICENSE_PLATE] = {"LICENSE_PLATE", PERSONAL},
    [POL_VIN] = {"VIN", PERSONAL},
    [POL_HEALTH_ID] = {"HEALTH_ID", PERSONAL},
    [POL_EMPLOYEE_ID] = {"EMPLOYEE_ID", PERSONAL},
    [POL_USERNAME] = {"USERNAME", PERSONAL},
    [POL_DEVICE_ID] = {"DEVICE_ID", PERSONAL},
    [POL_GPS] = {"GPS", PERSONAL},
    [POL_CRYPTO] = {"CRYPTO", PERSONAL},
    [POL_SECRET] = {"SECRET", POL_CLASS_SECRET},
    [POL_SPECIAL_HEALTH] = {"SPECIAL_HEALTH", SPECIAL},
    [POL_SPECIAL_RELIGION] = {"SPECIAL_RELIGION", SPECIAL},
    [POL_SPECIAL_ETHNIC] = {"SPECIAL_ETHNIC", SPECIAL},
    [POL_SPECIAL_POLITICAL] = {"SPECIAL_POLITICAL", SPECIAL},
    [POL_SPECIAL_UNION] = {"SPECIAL_UNION", SPECIAL},
    [POL_SPECIAL_ORIENTATION] = {"SPECIAL_ORIENTATION", SPECIAL},
    [POL_SPECIAL_GENETIC] = {"SPECIAL_GENETIC", SPECIAL},
    [POL_SPECIAL_BIOMETRIC] = {"SPECIAL_BIOMETRIC", SPECIAL},
    [POL_SPECIAL_CRIMINAL] = {"SPECIAL_CRIMINAL", CRIMINAL},
    [POL_INJECTION] = {"INJECTION", POL_CLASS_NONE},
    [POL_PROHIBITED_USE] = {"PROHIBITED_USE", POL_CLASS_NONE},
};

const char *pol_type_name(enum pol_type t)
{
    return (unsigned)t < POL_TYPE_COUNT ? type_table[t].name : "?";
}

const char *pol_level_name(enum pol_level l)
{
    static const char *const names[] = {"shape", "check", "context"};

    return (unsigned)l < 3 ? names[l] : "?";
}

bool pol_type_find(struct base_str word, enum pol_type *out)
{
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (base_str_is(word, type_table[t].name)) {
            *out = (enum pol_type)t;
            return true;
        }
    }
    return false;
}

unsigned pol_type_class(enum pol_type t)
{
    return (unsigned)t < POL_TYPE_COUNT ? type_table[t].classes : 0;
}

void pol_classes_json(struct base_json *j, unsigned classes)
{
    base_json_arr(j);
    if (classes == POL_CLASS_NONE)
        base_json_z(j, "none");
    if (classes & POL_CLASS_PERSONAL)
        base_json_z(j, "personal");
    if (classes & POL_CLASS_SPECIAL)
        base_json_z(j, "special");
    if (classes & POL_CLASS_CRIMINAL)
        base_json_z(j, "criminal");
    if (classes & POL_CLASS_SECRET)
        base_json_z(j, "secret");
    base_json_arr_end(j);
}
