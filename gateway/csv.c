/* csv.c -- tables for spreadsheets (RFC 4180). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/csv.h"

void csv_init(struct csv *csv, struct buf *out)
{
	*csv = (struct csv){.out = out, .is_first = true};
}

static void append(struct csv *csv, struct span text)
{
	csv->is_full = csv->is_full || !buf_append(csv->out, text);
}

static void begin(struct csv *csv)
{
	if (!csv->is_first)
		append(csv, SPAN(","));
	csv->is_first = false;
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool needs_quotes(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_one_of(text.ptr[i], "\",\r\n"))
			return true;
	return false;
}

void csv_text(struct csv *csv, struct span text)
{
	bool is_quoted = needs_quotes(text);

	begin(csv);
	if (is_quoted)
		append(csv, SPAN("\""));
	if (text.len > 0 && is_one_of(text.ptr[0], "=+-@\t\r"))
		append(csv, SPAN("'"));
	for (size_t i = 0; i < text.len; i++)
		append(csv, text.ptr[i] == '"' ? SPAN("\"\"")
					       : span_make(text.ptr + i, 1));
	if (is_quoted)
		append(csv, SPAN("\""));
}

void csv_int(struct csv *csv, int64_t value)
{
	begin(csv);
	csv->is_full =
	    csv->is_full || !buf_printf(csv->out, "%lld", (long long)value);
}

void csv_amount(struct csv *csv, int64_t nano)
{
	if (nano == MONEY_UNPRICED)
		csv_text(csv, SPAN(""));
	else
		csv_int(csv, nano);
}

void csv_ms(struct csv *csv, int64_t ns)
{
	begin(csv);
	if (ns >= 0)
		csv->is_full =
		    csv->is_full || !buf_printf(csv->out, "%lld.%03lld",
					(long long)(ns / NS_PER_MS),
					(long long)(ns / 1000 % 1000));
}

void csv_end_row(struct csv *csv)
{
	append(csv, SPAN("\r\n"));
	csv->is_first = true;
}

void csv_row(struct csv *csv, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		csv_text(csv, span_of(words[i]));
	csv_end_row(csv);
}
