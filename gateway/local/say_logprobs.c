/* say_logprobs.c -- how likely each token was, in the API's two shapes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "gateway/local/say_parts.h"

/* What the API says of a token that is all but impossible. */
#define LOGPROB_LEAST (-9999.0f)

static bool put_logprob(struct buf *out, float logprob)
{
	if (!isfinite(logprob) || logprob < LOGPROB_LEAST)
		logprob = LOGPROB_LEAST;
	return buf_printf(out, "%.8g", (double)logprob);
}

static bool put_bytes(struct buf *out, struct span bytes)
{
	if (!say_put(out, SPAN("[")))
		return false;
	for (size_t i = 0; i < bytes.len; i++) {
		if (!buf_printf(out, "%s%u", i > 0 ? "," : "",
			(unsigned)(unsigned char)bytes.ptr[i]))
			return false;
	}
	return say_put(out, SPAN("]"));
}

/* --- chat --------------------------------------------------------------------
 */

static bool put_token(struct buf *out, const struct say_token *token)
{
	return say_put(out, SPAN("{\"token\":")) &&
	       json_write_string(out, token->bytes) &&
	       say_put(out, SPAN(",\"logprob\":")) &&
	       put_logprob(out, token->logprob) &&
	       say_put(out, SPAN(",\"bytes\":")) &&
	       put_bytes(out, token->bytes);
}

static bool put_entry(struct buf *out, const struct say_token *token)
{
	if ((buf_len(out) > 0 && !say_put(out, SPAN(","))) ||
	    !put_token(out, token) ||
	    !say_put(out, SPAN(",\"top_logprobs\":[")))
		return false;
	for (uint32_t i = 0; i < token->n_tops; i++) {
		if ((i > 0 && !say_put(out, SPAN(","))) ||
		    !put_token(out, &token->tops[i]) ||
		    !say_put(out, SPAN("}")))
			return false;
	}
	return say_put(out, SPAN("]}"));
}

/* --- completions
 * ---------------------------------------------------------------
 */

static size_t count_points(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return n;
}

static bool put_tops(struct buf *out, const struct say_token *token)
{
	if (!say_put(out, SPAN("{")))
		return false;
	for (uint32_t i = 0; i < token->n_tops; i++) {
		if ((i > 0 && !say_put(out, SPAN(","))) ||
		    !json_write_string(out, token->tops[i].bytes) ||
		    !say_put(out, SPAN(":")) ||
		    !put_logprob(out, token->tops[i].logprob))
			return false;
	}
	return say_put(out, SPAN("}"));
}

static bool put_columns(
    struct say_choice *choice, const struct say_token *token)
{
	struct span comma = buf_len(&choice->tokens) > 0 ? SPAN(",") : SPAN("");
	size_t at = choice->text_len;

	choice->text_len += count_points(token->bytes);
	return say_put(&choice->tokens, comma) &&
	       json_write_string(&choice->tokens, token->bytes) &&
	       say_put(&choice->logprobs, comma) &&
	       put_logprob(&choice->logprobs, token->logprob) &&
	       say_put(&choice->tops, comma) &&
	       put_tops(&choice->tops, token) &&
	       buf_printf(
		   &choice->offsets, "%s%zu", comma.len > 0 ? "," : "", at);
}

bool say_logprobs(struct say *say, uint32_t choice,
    const struct say_token *tokens, uint32_t n)
{
	struct say_choice *c = &say->choices[choice];
	bool ok = true;

	if (!say->options.has_logprobs)
		return true;
	for (uint32_t i = 0; ok && i < n; i++)
		ok = say->options.endpoint == ENDPOINT_CHAT
			 ? put_entry(&c->entries, &tokens[i])
			 : put_columns(c, &tokens[i]);
	return ok;
}

/* --- what was told, into an event or the object
 * -------------------------------
 */

static bool move_list(struct buf *out, const char *name, struct buf *list)
{
	bool ok = buf_printf(out, "\"%s\":[", name) &&
		  say_put(out, buf_span(list)) && say_put(out, SPAN("]"));

	buf_consume(list, SIZE_MAX);
	return ok;
}

bool say_put_logprobs(
    struct say *say, struct say_choice *choice, struct buf *out)
{
	bool is_chat = say->options.endpoint == ENDPOINT_CHAT;
	bool is_empty = is_chat ? buf_len(&choice->entries) == 0
				: buf_len(&choice->tokens) == 0;

	if (!say->options.has_logprobs || is_empty)
		return say_put(out, SPAN(",\"logprobs\":null"));
	if (!say_put(out, SPAN(",\"logprobs\":{")))
		return false;
	if (is_chat)
		return move_list(out, "content", &choice->entries) &&
		       say_put(out, SPAN(",\"refusal\":null}"));
	return move_list(out, "tokens", &choice->tokens) &&
	       say_put(out, SPAN(",")) &&
	       move_list(out, "token_logprobs", &choice->logprobs) &&
	       say_put(out, SPAN(",")) &&
	       move_list(out, "top_logprobs", &choice->tops) &&
	       say_put(out, SPAN(",")) &&
	       move_list(out, "text_offset", &choice->offsets) &&
	       say_put(out, SPAN("}"));
}
