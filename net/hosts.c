/* hosts.c -- the hosts file, and sets of addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool address_parse(const char *text, uint16_t port, struct address *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->u.v4.sin_addr) == 1) {
		out->u.v4.sin_family = AF_INET;
		out->u.v4.sin_port = htons(port);
		out->len = sizeof(out->u.v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->u.v6.sin6_addr) == 1) {
		out->u.v6.sin6_family = AF_INET6;
		out->u.v6.sin6_port = htons(port);
		out->len = sizeof(out->u.v6);
		return true;
	}
	return false;
}

void address_set_add_v4(struct address_set *set, const struct in_addr *address)
{
	if (set->n_v4 < RESOLVE_FAMILY_MAX)
		set->v4[set->n_v4++] = *address;
}

void address_set_add_v6(struct address_set *set, const struct in6_addr *address)
{
	if (set->n_v6 < RESOLVE_FAMILY_MAX)
		set->v6[set->n_v6++] = *address;
}

void address_set_order(const struct address_set *set, uint16_t port,
    unsigned turn, struct addresses *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < RESOLVE_FAMILY_MAX; i++) {
		if (i < set->n_v4) {
			struct address *a = &out->list[out->n++];

			a->u.v4.sin_family = AF_INET;
			a->u.v4.sin_port = htons(port);
			a->u.v4.sin_addr = set->v4[(i + turn) % set->n_v4];
			a->len = sizeof(a->u.v4);
		}
		if (i < set->n_v6) {
			struct address *a = &out->list[out->n++];

			a->u.v6.sin6_family = AF_INET6;
			a->u.v6.sin6_port = htons(port);
			a->u.v6.sin6_addr = set->v6[(i + turn) % set->n_v6];
			a->len = sizeof(a->u.v6);
		}
	}
}

bool file_mark_changed(struct file_mark *mark, const char *path)
{
	struct file_mark now = {0};
	struct stat st;
	bool has_changed;

	if (stat(path, &st) == 0) {
		now.mtime_ns =
		    (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
		now.size = st.st_size;
		now.inode = st.st_ino;
	}
	has_changed = now.mtime_ns != mark->mtime_ns ||
		      now.size != mark->size || now.inode != mark->inode;
	*mark = now;
	return has_changed;
}

void hosts_clear(struct hosts *hosts)
{
	free(hosts->text);
	hosts->text = NULL;
	hosts->len = 0;
}

void hosts_load(struct hosts *hosts, const char *path)
{
	struct stat st;
	ssize_t n = 1;
	size_t size;
	int fd;

	hosts_clear(hosts);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(fd);
		return;
	}
	size =
	    st.st_size < HOSTS_BYTES_MAX ? (size_t)st.st_size : HOSTS_BYTES_MAX;
	hosts->text = mem_alloc(size);
	while (hosts->len < size && n > 0) {
		n = read(fd, hosts->text + hosts->len, size - hosts->len);
		if (n > 0)
			hosts->len += (size_t)n;
	}
	close(fd);
}

/* The next word of <line>, taken off its front; empty at its end. */
static struct span take_word(struct span *line)
{
	struct span word;
	size_t len = 0;

	*line = span_trim(*line);
	while (
	    len < line->len && line->ptr[len] != ' ' && line->ptr[len] != '\t')
		len++;
	word = span_head(*line, len);
	*line = span_from(*line, len);
	return word;
}

static void add_text(struct address_set *set, struct span text)
{
	char copy[INET6_ADDRSTRLEN];
	struct address address;

	if (text.len >= sizeof(copy))
		return;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (!address_parse(copy, 0, &address))
		return;
	if (address.u.any.sa_family == AF_INET)
		address_set_add_v4(set, &address.u.v4.sin_addr);
	else
		address_set_add_v6(set, &address.u.v6.sin6_addr);
}

static void read_line(
    struct span line, struct span name, struct address_set *out)
{
	struct span text, address, word;

	if (!span_split(&line, '#', &text))
		return;
	address = take_word(&text);
	for (word = take_word(&text); word.len > 0; word = take_word(&text)) {
		if (span_eq_nocase(word, name)) {
			add_text(out, address);
			return;
		}
	}
}

static bool is_localhost(struct span name)
{
	static const struct span suffix = {".localhost", 10};
	size_t from = name.len < suffix.len ? 0 : name.len - suffix.len;

	return span_eq_nocase(name, SPAN("localhost")) ||
	       span_eq_nocase(span_from(name, from), suffix);
}

bool hosts_find(
    const struct hosts *hosts, struct span name, struct address_set *out)
{
	struct span rest = span_make(hosts->text, hosts->len);
	struct span line;

	memset(out, 0, sizeof(*out));
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	while (span_split(&rest, '\n', &line))
		read_line(line, name, out);
	if (out->n_v4 + out->n_v6 == 0 && is_localhost(name)) {
		add_text(out, SPAN("127.0.0.1"));
		add_text(out, SPAN("::1"));
	}
	return out->n_v4 + out->n_v6 > 0;
}
