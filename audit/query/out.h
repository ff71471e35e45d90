/* out.h - tables for people and programs: text, JSON lines, CSV, HTML. Private to audit/ and the
 * command line. One thread; blocks on the stream.
 */
#ifndef AUD_OUT_H
#define AUD_OUT_H

#include "audit/query/index.h"

#include <stdio.h>

enum aud_format { AUD_TEXT, AUD_JSONL, AUD_CSV, AUD_HTML };

/* False: no such format. */
bool aud_format_find(const char *word, enum aud_format *out);

struct aud_out {
    FILE *f;
    enum aud_format format;
    bool many; /* several tables: each says which it is */
    unsigned tables;
};

/* Begins a document (HTML: head and title; else nothing). */
void aud_out_begin(struct aud_out *o, FILE *f, enum aud_format format, const char *title,
                   bool many);
/* Prose between tables: HTML and text only. */
void aud_out_prose(struct aud_out *o, const char *text);
/* All rows of s (prepared, bound, not stepped) as a table. *rows (may be NULL) is how many. */
enum base_status aud_out_table(struct aud_out *o, sqlite3 *db, sqlite3_stmt *s, const char *title,
                               uint64_t *rows, struct base_err *err) BASE_MUST_CHECK;
/* Ends it with the statement of completeness: HTML and JSON lines hold it themselves; for text and
 * CSV it goes to standard error, so that the data stays data. question: a JSON object. */
enum base_status aud_out_end(struct aud_out *o, struct base_str statement,
                             struct base_err *err) BASE_MUST_CHECK;

/* s for the inside of HTML text and attributes. */
void aud_html(FILE *f, struct base_str s);
/* One CSV cell (RFC 4180). A text that a spreadsheet would take for a formula is preceded by an
 * apostrophe: its first character is = + - @ tab or carriage return, also behind blanks. */
void aud_csv(FILE *f, struct base_str s);

#endif
