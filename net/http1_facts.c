/* http1_facts.c -- what header lines say together: framing, host, closing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_parts.h"

static bool refuse(
    struct http1_fault *fault, enum http1_refusal refusal, const char *reason)
{
	fault->refusal = refusal;
	fault->reason = reason;
	return false;
}

/* Without spaces and tabs at either end (OWS, RFC 9110 5.6.3). */
static struct span trim_blanks(struct span s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = span_from(s, 1);
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* The next member of a comma-separated list; false past the last. */
static bool next_member(struct span *rest, struct span *member)
{
	const char *comma;

	if (!rest->ptr)
		return false;
	comma = rest->len ? memchr(rest->ptr, ',', rest->len) : NULL;
	if (comma) {
		size_t end = (size_t)(comma - rest->ptr);

		*member = trim_blanks(span_head(*rest, end));
		*rest = span_from(*rest, end + 1);
	} else {
		*member = trim_blanks(*rest);
		*rest = span_make(NULL, 0);
	}
	return true;
}

static void note_connection(struct http1_facts *facts, struct span rest)
{
	struct span member;

	while (next_member(&rest, &member)) {
		if (span_eq_nocase(member, SPAN("close")))
			facts->says_close = true;
		else if (span_eq_nocase(member, SPAN("keep-alive")))
			facts->says_keep_alive = true;
	}
}

/* Empty members are skipped in other lists, but not where a body's end is. */
static void note_coding(struct http1_facts *facts, struct span rest)
{
	struct span member;

	facts->n_coding_lines++;
	while (next_member(&rest, &member)) {
		const char *semicolon =
		    member.len ? memchr(member.ptr, ';', member.len) : NULL;
		struct span name = member;
		bool is_chunked;

		if (semicolon)
			name = trim_blanks(span_head(
			    member, (size_t)(semicolon - member.ptr)));
		is_chunked = span_eq_nocase(name, SPAN("chunked"));
		/* chunked has no parameters */
		if (!http1_is_token(name) || (is_chunked && semicolon))
			facts->has_bad_coding = true;
		else if (is_chunked)
			facts->n_chunked++;
		else
			facts->n_unknown++;
	}
}

static void note_expect(struct http1_facts *facts, struct span value)
{
	if (span_eq_nocase(value, SPAN("100-continue")))
		facts->says_continue = true;
	else
		facts->has_other_expectation = true;
}

void http1_note_header(
    struct http1_facts *facts, const struct http1_header *header)
{
	struct span name = header->name, value = header->value;

	switch (name.len) { /* all but a few are told apart by this alone */
	case 4:
		if (span_eq_nocase(name, SPAN("Host")) && !facts->n_hosts++)
			facts->host = value;
		break;
	case 6:
		if (span_eq_nocase(name, SPAN("Expect")))
			note_expect(facts, value);
		break;
	case 10:
		if (span_eq_nocase(name, SPAN("Connection")))
			note_connection(facts, value);
		break;
	case 14:
		if (span_eq_nocase(name, SPAN("Content-Length")) &&
		    !facts->n_lengths++)
			facts->length = value;
		break;
	case 17:
		if (span_eq_nocase(name, SPAN("Transfer-Encoding")))
			note_coding(facts, value);
		break;
	default:
		break;
	}
}

/*
 * The rules of RFC 9112 6.3 that hold on both sides, in the strict reading: a
 * length stands once or not at all, never beside a coding, and the one coding
 * is chunked.
 */
static bool check_framing(struct http1_head *head,
    const struct http1_facts *facts, struct http1_fault *fault)
{
	head->content_length = 0;
	if (facts->n_lengths > 1)
		return refuse(fault, HTTP1_BAD_REQUEST, "two Content-Length");
	if (facts->n_lengths == 1 &&
	    (!span_to_u64(facts->length, &head->content_length) ||
		head->content_length > INT64_MAX))
		return refuse(
		    fault, HTTP1_BAD_REQUEST, "ill-formed Content-Length");
	if (facts->n_coding_lines == 0)
		return true;
	if (facts->n_lengths)
		return refuse(fault, HTTP1_BAD_REQUEST,
		    "Content-Length beside Transfer-Encoding");
	if (head->minor == 0)
		return refuse(
		    fault, HTTP1_BAD_REQUEST, "Transfer-Encoding in HTTP/1.0");
	if (facts->has_bad_coding || facts->n_chunked > 1)
		return refuse(
		    fault, HTTP1_BAD_REQUEST, "ill-formed Transfer-Encoding");
	if (facts->n_unknown)
		return refuse(fault, HTTP1_UNKNOWN_CODING,
		    "a transfer coding other than chunked");
	return true;
}

static bool check_host(struct http1_head *head, const struct http1_facts *facts,
    const struct http1_target *target, struct http1_fault *fault)
{
	struct http1_authority host;

	if (facts->n_hosts > 1)
		return refuse(fault, HTTP1_BAD_REQUEST, "two Host");
	if (facts->n_hosts == 0) {
		/* RFC 9112 3.2 asks it of HTTP/1.1; health checks speak 1.0. */
		if (head->minor == 0)
			return true;
		return refuse(fault, HTTP1_BAD_REQUEST, "no Host");
	}
	if (!http1_parse_authority(facts->host, &host))
		return refuse(fault, HTTP1_BAD_REQUEST, "ill-formed Host");
	if (!target->has_authority)
		head->host = facts->host;
	else if (!http1_same_authority(target, &host))
		return refuse(
		    fault, HTTP1_BAD_REQUEST, "Host contradicts the target");
	return true;
}

static bool persists(
    const struct http1_head *head, const struct http1_facts *facts)
{
	if (facts->says_close)
		return false;
	return head->minor == 1 || facts->says_keep_alive;
}

bool http1_decide_request(struct http1_head *head,
    const struct http1_facts *facts, const struct http1_target *target,
    struct http1_fault *fault)
{
	if (!check_host(head, facts, target, fault) ||
	    !check_framing(head, facts, fault))
		return false;
	if (facts->has_other_expectation)
		return refuse(fault, HTTP1_EXPECTATION,
		    "an Expect other than 100-continue");
	/* RFC 9110 10.1.1: of an older client it means nothing. */
	head->expects_continue = facts->says_continue && head->minor == 1;
	head->keeps_alive = persists(head, facts);
	if (span_eq(head->method, SPAN("CONNECT"))) {
		head->framing = HTTP1_TUNNEL;
		head->keeps_alive = false;
	} else if (facts->n_coding_lines) {
		head->framing = HTTP1_CHUNKED;
	} else if (facts->n_lengths) {
		head->framing = HTTP1_LENGTH;
	} else {
		head->framing = HTTP1_NO_BODY;
	}
	if (head->framing != HTTP1_LENGTH)
		head->content_length = 0;
	return true;
}

static enum http1_framing response_framing(const struct http1_head *head,
    const struct http1_facts *facts, const struct http1_reader *reader)
{
	int status = head->status;

	if (status == 101 ||
	    (reader->is_connect_answer && status >= 200 && status <= 299))
		return HTTP1_TUNNEL;
	/* These end with the head, whatever their fields say. */
	if (status <= 199 || status == 204 || status == 304 ||
	    reader->is_head_answer)
		return HTTP1_NO_BODY;
	if (facts->n_coding_lines)
		return HTTP1_CHUNKED;
	return facts->n_lengths ? HTTP1_LENGTH : HTTP1_UNTIL_CLOSE;
}

bool http1_decide_response(struct http1_head *head,
    const struct http1_facts *facts, const struct http1_reader *reader,
    struct http1_fault *fault)
{
	if (!check_framing(head, facts, fault))
		return false;
	head->framing = response_framing(head, facts, reader);
	head->keeps_alive = persists(head, facts) &&
			    head->framing != HTTP1_UNTIL_CLOSE &&
			    head->framing != HTTP1_TUNNEL;
	if (head->framing != HTTP1_LENGTH)
		head->content_length = 0;
	return true;
}
