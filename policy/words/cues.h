/* cues.h - words that say what stands beside them. Internal to policy/.
 *
 * A cue has a meaning (CUE_*) and, where the word belongs to one language or country, the countries
 * (IN_*) whose numbers it announces; 0 means any.
 */
#ifndef POLICY_CUES_H
#define POLICY_CUES_H

#include <stddef.h>
#include <stdint.h>

enum {
    CUE_NATID = 1u << 0,    /* personal number, identity number */
    CUE_TAX = 1u << 1,      /* tax number */
    CUE_VAT = 1u << 2,      /* VAT number */
    CUE_HEALTH = 1u << 3,   /* insurance or patient number */
    CUE_PHONE = 1u << 4,    /* telephone */
    CUE_CARD = 1u << 5,     /* payment card */
    CUE_ACCOUNT = 1u << 6,  /* bank account */
    CUE_DOB = 1u << 7,      /* born on */
    CUE_PASSPORT = 1u << 8, /* passport */
    CUE_IDCARD = 1u << 9,   /* identity card */
    CUE_DRIVER = 1u << 10,  /* driving licence */
    CUE_PLATE = 1u << 11,   /* number plate */
    CUE_VIN = 1u << 12,     /* chassis number */
    CUE_EMPLOYEE = 1u << 13,
    CUE_USER = 1u << 14,   /* login name */
    CUE_DEVICE = 1u << 15, /* IMEI, serial of a device that belongs to a person */
    CUE_BIC = 1u << 16,
    CUE_GENERIC = 1u << 17, /* "number", "id": a number follows, nothing more */
    CUE_NAME = 1u << 18,    /* a person's name follows or stands here */
    CUE_ORDER = 1u << 19,   /* order, ticket, serial: a number of a thing follows */
    CUE_VERSION = 1u << 20, /* software version follows */
    CUE_PERSON = 1u << 21,  /* the sentence is about a person */
    CUE_FAX = 1u << 22,
    CUE_PATIENT = 1u << 23,     /* words of medical files */
    CUE_STREET_PRE = 1u << 24,  /* a street's name follows: rue, via, ul. */
    CUE_STREET_END = 1u << 25,  /* the end of a street's name, its number follows: -strasse */
    CUE_STREET_POST = 1u << 26, /* a street's name precedes: Street, Road */
    CUE_POSTAL = 1u << 27,      /* a postal code follows */
    CUE_UNIT = 1u << 29,        /* a flat's number follows, its street precedes */
    CUE_LIVES = 1u << 28        /* a town or country follows: where somebody lives or comes from */
};

enum {
    IN_AT = 1u << 0,
    IN_BE = 1u << 1,
    IN_BG = 1u << 2,
    IN_CH = 1u << 3,
    IN_CY = 1u << 4,
    IN_CZ = 1u << 5,
    IN_DE = 1u << 6,
    IN_DK = 1u << 7,
    IN_EE = 1u << 8,
    IN_ES = 1u << 9,
    IN_FI = 1u << 10,
    IN_FR = 1u << 11,
    IN_GB = 1u << 12,
    IN_GR = 1u << 13,
    IN_HR = 1u << 14,
    IN_HU = 1u << 15,
    IN_IE = 1u << 16,
    IN_IS = 1u << 17,
    IN_IT = 1u << 18,
    IN_LT = 1u << 19,
    IN_LU = 1u << 20,
    IN_LV = 1u << 21,
    IN_MT = 1u << 22,
    IN_NL = 1u << 23,
    IN_NO = 1u << 24,
    IN_PL = 1u << 25,
    IN_PT = 1u << 26,
    IN_RO = 1u << 27,
    IN_SE = 1u << 28,
    IN_SI = 1u << 29,
    IN_SK = 1u << 30,
    IN_US = 1u << 31
};

/* Countries that share a language. */
#define DACH (IN_DE | IN_AT | IN_CH)
#define FRAN (IN_FR | IN_BE | IN_LU | IN_CH)
#define ITAL (IN_IT | IN_CH)
#define NETH (IN_NL | IN_BE)
#define ENGL (IN_GB | IN_IE | IN_MT | IN_US)
#define HELL (IN_GR | IN_CY)
#define CSSK (IN_CZ | IN_SK)
#define SCAN (IN_SE | IN_NO | IN_DK)

struct pol_cue {
    const char *word; /* as written; folded like all text when compiled; "x*" begins a word, "*x"
                         ends one */
    uint32_t what, where;
};

/* The words of one subject: cues_*.c. */
struct pol_cue_list {
    const struct pol_cue *v;
    const size_t *n;
};

extern const struct pol_cue pol_cues_ids[];
extern const size_t pol_cues_ids_n;
extern const struct pol_cue pol_cues_places[];
extern const size_t pol_cues_places_n;
extern const struct pol_cue pol_cues_contact[];
extern const size_t pol_cues_contact_n;
extern const struct pol_cue pol_cues_papers[];
extern const size_t pol_cues_papers_n;
extern const struct pol_cue pol_cues_people[];
extern const size_t pol_cues_people_n;

extern const struct pol_cue_list pol_cue_lists[];
extern const size_t pol_cue_lists_n;

#endif
