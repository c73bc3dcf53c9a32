/* http1_echo.c -- prints what the codec understood of the bytes on stdin. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "net/http1.h"

/*
 * A server's or a client's side of one connection, as a script sees it: the
 * pipelined messages in order, each ended by "message complete", then one line
 * that says why reading stopped. Bytes that are not plain are written \xHH.
 * Exit 0, also for a refusal; 2 for wrong usage.
 */
#define INPUT_MAX ((size_t)16 << 20)

static const char usage[] =
    "usage: http1_echo request|response|response-to-head < bytes\n"
    "Prints each message that the HTTP/1.1 codec reads and then one of:\n"
    "  end                    the bytes ended between two messages\n"
    "  refused STATUS REASON  the connection would be closed here\n"
    "  closed N               not kept alive; N bytes were left unread\n"
    "  tunnel N               no longer HTTP; N bytes were left unread\n"
    "  cut head | cut body    the bytes ended inside a message\n"
    "example: printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | "
    "http1_echo request\n";

static void print_bytes(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c >= 0x7f || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

static void print_field(const char *name, struct span value)
{
	printf("%s ", name);
	print_bytes(value);
	putchar('\n');
}

static void print_framing(const struct http1_head *head)
{
	switch (head->framing) {
	case HTTP1_NO_BODY:
		puts("framing none");
		break;
	case HTTP1_LENGTH:
		printf("framing length %llu\n",
		    (unsigned long long)head->content_length);
		break;
	case HTTP1_CHUNKED:
		puts("framing chunked");
		break;
	case HTTP1_UNTIL_CLOSE:
		puts("framing until-close");
		break;
	case HTTP1_TUNNEL:
		puts("framing tunnel");
		break;
	}
}

static void print_head(const struct http1_head *head, bool is_request)
{
	if (is_request) {
		print_field("method", head->method);
		print_field("target", head->target);
		print_field("path", head->path);
		print_field("query", head->query);
		print_field("host", head->host);
	} else {
		printf("status %d\n", head->status);
		print_field("reason", head->reason);
	}
	printf("version 1.%d\n", head->minor);
	for (size_t i = 0; i < head->n_headers; i++) {
		printf("header ");
		print_bytes(head->headers[i].name);
		print_field(":", head->headers[i].value);
	}
	print_framing(head);
	printf("keep-alive %s\n", head->keeps_alive ? "yes" : "no");
	if (head->expects_continue)
		puts("expects continue");
}

/* Takes the body off *in and prints it; false when it is not complete. */
static bool print_body(const struct http1_head *head, struct span *in)
{
	struct http1_body body;
	enum http1_progress progress;
	struct span data;
	size_t used;

	http1_body_start(&body, head);
	printf("body ");
	do {
		progress = http1_body_read(&body, *in, &used, &data);
		*in = span_from(*in, used);
		print_bytes(data);
	} while (progress == HTTP1_DATA);
	putchar('\n');
	if (progress == HTTP1_BAD)
		printf("refused 400 %s\n", body.reason);
	else if (progress == HTTP1_MORE && !http1_body_may_end(&body))
		puts("cut body");
	else
		return true;
	return false;
}

/* One message off the front; false when it is the last one, and says why. */
static bool print_message(struct span *in, bool is_request, bool is_to_head)
{
	static struct http1_head head;
	struct http1_reader reader = {.is_head_answer = is_to_head};
	ptrdiff_t len = is_request ? http1_read_request(&reader, *in, &head)
				   : http1_read_response(&reader, *in, &head);

	if (len < 0) {
		printf("refused %d %s\n", http1_refusal_status(&reader.fault),
		    reader.fault.reason);
		return false;
	}
	if (len == 0) {
		puts(in->len ? "cut head" : "end");
		return false;
	}
	*in = span_from(*in, (size_t)len);
	print_head(&head, is_request);
	if (!print_body(&head, in))
		return false;
	puts("message complete");
	if (head.framing == HTTP1_TUNNEL)
		printf("tunnel %zu\n", in->len);
	else if (!head.keeps_alive)
		printf("closed %zu\n", in->len);
	return head.keeps_alive;
}

int main(int argc, char **argv)
{
	bool is_request, is_to_head;
	struct span in;
	char *bytes;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	is_request = argc == 2 && !strcmp(argv[1], "request");
	is_to_head = argc == 2 && !strcmp(argv[1], "response-to-head");
	if (argc != 2 ||
	    (!is_request && !is_to_head && strcmp(argv[1], "response") != 0)) {
		fputs(usage, stderr);
		return 2;
	}
	bytes = mem_alloc(INPUT_MAX);
	in = span_make(bytes, fread(bytes, 1, INPUT_MAX, stdin));
	while (print_message(&in, is_request, is_to_head))
		continue;
	free(bytes);
	return 0;
}
