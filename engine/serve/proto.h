/* proto.h - what the gateway and the engine process say to each other over a socketpair.
 *
 * A frame is u32 length (of what follows, little endian, 5 to ENG_FRAME_MAX), u8 type, u32 id
 * (the request, chosen by the gateway, never 0; 0 for frames about the engine itself), payload.
 * Both sides check every frame as if the peer were hostile; a bad frame ends the connection, which
 * ends the engine (it is restarted) or fails the requests on that link (another route is taken).
 *
 *   gateway -> engine
 *     SUBMIT    JSON object (below)
 *     CANCEL    empty: the client has gone; no more frames with this id follow the engine's FINISH
 *   engine -> gateway
 *     STATUS    JSON, on connect, on change, and at least once a second while busy: {"models":[
 *               {"name","ready","slots","active","queued","context","expected_wait_ms",
 *               "cache_tokens","cache_used","cache_kept","prefix_asked","prefix_hit","evicted",
 *               "preempted","experts_on_device","pairs_on_device","pairs_on_cpu","pairs_sent",
 *               "expert_moves","moved_bytes","sent_bytes","gpus":[{"gpu","planned","weights",
 *               "experts","cache","scratch","from_host","to_host","from_gpus"}]}]}; scheduler.h
 * says what they are
 *
 *     START     JSON: {"model","prompt_tokens","dropped"}: prompt accepted, prefill begins; dropped
 *               names what the model's template has no use for ("tools"), or is missing
 *
 *     TEXT      UTF-8, whole sequences, never empty: a piece of the answer
 *
 *     REASONING the same: a piece of the model's thoughts
 *
 *     CALL      JSON: {"index","id","name"}: a tool call opens; index counts from 0 without gaps,
 *               and the call before it is complete
 *
 *     ARGS      u32 index (of the call that is open), then as TEXT: a piece of its arguments
 *
 *     FINISH    JSON: {"reason":"stop|length|stop_sequence|tool_calls|cancelled","stop":"...",
 *               "prompt_tokens","completion_tokens","reasoning_tokens" (of them),
 *               "cached_tokens","prompt_ms","generate_ms"}
 *
 *     EXPERTS   JSON: {"model","experts":N,"used":K,"layers":[{"layer":L,"counts":[N]}...]}: how
 *               often each expert of a model was chosen since the engine started, layers without
 *               experts left out. Id 0. After work, at most every ENG_EXPERTS_EVERY_MS
 *
 *     ERROR     JSON: {"status","type","message"}: instead of FINISH. Types: 400
 *               invalid_request_error, context_length_exceeded; 404 model_not_found; 429
 *               queue_full; 500 engine_error; 503 model_not_ready, engine_stopping
 *
 * SUBMIT: {"model":NAME,"messages":[{"role","content"}...] (content is a string; tool calls,
 * results and reasoning_content in OpenAI's form),"tools":[...],"parallel_tool_calls":BOOL,
 * "calls":[...] (as "tools": what is read as a call though the model is not told of it),
 * "template":{...} (variables for the model's template),"max_tokens","temperature","top_k","top_p",
 * "min_p","presence_penalty","frequency_penalty","repeat_penalty","seed","stop":[...],
 * "tenant":STRING,"watermark":BOOL,"count":BOOL}. Absent numbers take the model's recommended or
 * our default values. Instead of messages "prompt":STRING, which is tokenized as it is, without the
 * model's template, and answered with text alone; "parse_special":BOOL: tokens spelled in it are
 * tokens. With count the prompt is made and its tokens are counted, nothing runs: FINISH follows
 * START at once, whatever the queue.
 * Stop strings end an answer where they stand in its text; thoughts and arguments are not
 * searched.
 */
#ifndef ENG_PROTO_H
#define ENG_PROTO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define ENG_FRAME_MAX  (16u << 20) /* payload and header of one frame */
#define ENG_FRAME_HEAD 9           /* length, type, id */

#define ENG_EXPERTS_EVERY_MS 2000

enum eng_frame_type {
    ENG_FRAME_SUBMIT = 1,
    ENG_FRAME_CANCEL = 2,
    ENG_FRAME_STATUS = 16,
    ENG_FRAME_START = 17,
    ENG_FRAME_TEXT = 18,
    ENG_FRAME_FINISH = 19,
    ENG_FRAME_ERROR = 20,
    ENG_FRAME_EXPERTS = 21,
    ENG_FRAME_REASONING = 22,
    ENG_FRAME_CALL = 23,
    ENG_FRAME_ARGS = 24
};

struct eng_frame {
    enum eng_frame_type type;
    uint32_t id;
    struct base_str payload; /* borrows the input */
};

/* Takes one frame from the front of in. BASE_OK: *out is it and *used how many bytes it took;
 * BASE_AGAIN: not whole yet; BASE_EPROTO: bad length or type. Pure. */
enum base_status eng_frame_parse(struct base_str in, struct eng_frame *out, size_t *used,
                                 struct base_err *err) BASE_MUST_CHECK;
/* Appends a frame; false when out's maximum would be passed. */
bool eng_frame_put(struct base_buf *out, enum eng_frame_type type, uint32_t id,
                   struct base_str payload);

#endif
