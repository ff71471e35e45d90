/* template.h - from a chat to the model's prompt, by the template in the model's file.
 */
#ifndef ENG_TEMPLATE_H
#define ENG_TEMPLATE_H

#include "engine/text/jinja.h"
#include "engine/text/parse.h"

struct eng_gguf;
struct eng_template;

/* Stand-ins for files without a template: ChatML where the vocabulary has its tokens, else a plain
 * transcript. */
extern const char ENG_TEMPLATE_CHATML[];
extern const char ENG_TEMPLATE_PLAIN[];

/* *out is owned by the caller; never changes; any number of threads may render with it. */
enum base_status eng_template_new(struct base_str source, struct base_str bos, struct base_str eos,
                                  struct eng_template **out, struct base_err *err) BASE_MUST_CHECK;
/* The file's tokenizer.chat_template with tok's BOS and EOS. Without one a stand-in, and *own is
 * false so that the caller can say so. */
enum base_status eng_template_from_gguf(const struct eng_gguf *g, const struct eng_tok *tok,
                                        struct eng_template **out, bool *own,
                                        struct base_err *err) BASE_MUST_CHECK;
void eng_template_free(struct eng_template *t); /* NULL is fine */
/* How the template's model writes thoughts and calls, by the marks in its source. */
struct eng_dialect eng_template_dialect(const struct eng_template *t);
bool eng_template_takes_tools(const struct eng_template *t); /* does it speak of tools at all? */

/* Renders request: an object with "messages" (OpenAI's form) and any of "tools",
 * "add_generation_prompt" and template variables; it is borrowed and left as it is. Changes made
 * on the way, as the models' own tools do: a tool call's "arguments" that are JSON text become an
 * object, a null "content" becomes "", ids of calls get the length that the template insists on,
 * an earlier thought ("reasoning_content") the name that it knows, enable_thinking is true unless
 * given, and where the template refuses a system message, its text goes in front of the first user
 * message if that helps. *out is to be released in any case. Errors: see eng_jinja_render. */
enum base_status eng_template_render(const struct eng_template *t, json_t *request, int64_t now_s,
                                     struct eng_rendered *out,
                                     struct base_err *err) BASE_MUST_CHECK;

/* Renders and tokenizes: appends the prompt's ids, with BOS in front where the file asks for it and
 * the template has not written it. *in_thought (may be NULL): the template has opened a thought
 * that the answer goes on with. Errors as above, and BASE_LIMIT with *too_long (may be NULL) set if
 * they are more than ids->max. */
enum base_status eng_template_tokens(const struct eng_template *t, const struct eng_tok *tok,
                                     json_t *request, int64_t now_s, struct eng_ids *ids,
                                     bool *in_thought, bool *too_long,
                                     struct base_err *err) BASE_MUST_CHECK;

#endif
