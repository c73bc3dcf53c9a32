/* write_docs.c -- prints the documents that are made from the code's tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "gateway/config.h"
#include "gateway/metrics.h"

#include <stdio.h>

/*
 * `make docs` writes docs/configuration.md and docs/metrics.md with it, and
 * tools/check-docs compares: a setting or a metric is described in its row of
 * its table and nowhere else.
 */
enum {
	DOCUMENT_MAX = 1 << 20
};

static const char *kind_name(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_GAUGE:
		return "gauge";
	case METRIC_HISTOGRAM:
		return "histogram";
	case METRIC_SECONDS:
		return "counter";
	case METRIC_UNTYPED:
		return "untyped";
	}
	return "";
}

static bool write_metric(const struct metric_spec *spec, struct buf *out)
{
	const size_t most = sizeof(spec->labels) / sizeof(spec->labels[0]);

	if (!buf_printf(
		out, "| `%s` | %s | ", spec->name, kind_name(spec->kind)))
		return false;
	for (size_t i = 0; i < most && spec->labels[i]; i++)
		if (!buf_printf(out, "%s`%s`", i ? ", " : "", spec->labels[i]))
			return false;
	return buf_printf(out, " | %s |\n", spec->help);
}

static bool write_buckets(struct buf *out)
{
	size_t n;
	const int64_t *bounds = metric_buckets(&n);

	if (!buf_printf(out,
		"\n## Buckets\n\nEvery histogram has these upper bounds, in "
		"seconds, and `+Inf`:\n\n    "))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!buf_printf(out, "%s%g", i ? " " : "",
			(double)bounds[i] / (double)NS_PER_S))
			return false;
	return buf_printf(out,
	    "\n\nThey go from a look-up in memory to the longest stream, two or "
	    "three to a\ndecade. A quantile is interpolated inside its bucket: "
	    "it is right to the\nbucket's width, and one past the last bound "
	    "reads as that bound.\n");
}

static bool write_metrics(struct buf *out)
{
	if (!buf_printf(out,
		"# Metrics\n\nThe admin port's `/metrics` answers in "
		"Prometheus' text format. Labels hold names\nfrom the "
		"configuration and small closed sets, never what a caller "
		"wrote; a family\nthat would pass 1,000 series counts the "
		"rest under `other`. Histograms are in\nseconds. What is "
		"`untyped` adds up like a counter, and can fall. Names that "
		"begin\nwith `process_` are those that every Prometheus "
		"client uses. This page is made\nfrom gateway/metrics.h by "
		"`make docs`.\n\n"
		"| metric | kind | labels | what it says |\n"
		"|---|---|---|---|\n"))
		return false;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		if (!write_metric(&gateway_metric_specs[i], out))
			return false;
	return write_buckets(out);
}

int main(int argc, char **argv)
{
	struct span name = span_of(argc == 2 ? argv[1] : "");
	struct buf out;
	bool is_written;
	struct span text;

	buf_init(&out, DOCUMENT_MAX);
	if (span_eq(name, SPAN("configuration"))) {
		is_written = config_write_docs(&out);
	} else if (span_eq(name, SPAN("metrics"))) {
		is_written = write_metrics(&out);
	} else {
		fputs("usage: write_docs configuration|metrics\n", stderr);
		return 2;
	}
	text = buf_span(&out);
	if (!is_written || fwrite(text.ptr, 1, text.len, stdout) != text.len ||
	    fflush(stdout) != 0) {
		fputs(
		    "write_docs: the document could not be written\n", stderr);
		return 1;
	}
	buf_free(&out);
	return 0;
}
