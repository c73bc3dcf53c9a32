/* format.c -- the values of "format", each as a pattern. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/format.h"

/* A month with its days in any year but 29 February, and that in leap years. */
#define YEAR "[1-9]\\d{3}"
#define DAY                                                                    \
	"(" YEAR "-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|"                  \
	"(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))|"            \
	"([1-9]\\d(0[48]|[2468][048]|[13579][26])|"                            \
	"([2468][048]|[13579][26])00)-02-29)"
#define HOUR "([01]\\d|2[0-3]):[0-5]\\d"
#define TIME HOUR ":[0-5]\\d(\\.\\d{1,6})?(Z|[+-]" HOUR ")"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define LETTERS "[A-Za-z0-9_%+]"
#define OCTET "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define HEX4 "[0-9A-Fa-f]{4}"

static const struct {
	struct span name, pattern;
} formats[] = {
    /* RFC 3339, section 5.6, the years that every reader takes. */
    {SPAN("date"), SPAN("^" DAY "$")},
    {SPAN("time"), SPAN("^" TIME "$")},
    {SPAN("date-time"), SPAN("^" DAY "T" TIME "$")},
    /* The plain ones of RFC 5321: words of letters and dots, then a host. */
    {SPAN("email"), SPAN("^" LETTERS "+([.-]" LETTERS "+)*@[A-Za-z0-9]+"
			 "(-[A-Za-z0-9]+)*(\\.[A-Za-z0-9]+(-[A-Za-z0-9]+)*)*"
			 "\\.[A-Za-z]{2,10}$")},
    {SPAN("hostname"), SPAN("^" LABEL "(\\." LABEL "){0,3}$")},
    {SPAN("ipv4"), SPAN("^(" OCTET "\\.){3}" OCTET "$")},
    /* Without the :: that leaves groups out. */
    {SPAN("ipv6"), SPAN("^([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}$")},
    {SPAN("uuid"),
	SPAN("^" HEX4 HEX4 "-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4 "$")},
    /* RFC 3339, appendix A. */
    {SPAN("duration"),
	SPAN("^P(\\d{1,6}W|(\\d{1,6}Y(\\d{1,6}M(\\d{1,6}D)?)?|"
	     "\\d{1,6}M(\\d{1,6}D)?|\\d{1,6}D)(T(\\d{1,6}H(\\d{1,6}M"
	     "(\\d{1,6}S)?)?|\\d{1,6}M(\\d{1,6}S)?|\\d{1,6}S))?|"
	     "T(\\d{1,6}H(\\d{1,6}M(\\d{1,6}S)?)?|\\d{1,6}M(\\d{1,6}S)?|"
	     "\\d{1,6}S))$")},
};

struct span format_pattern(struct span name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		if (span_eq(name, formats[i].name))
			return formats[i].pattern;
	}
	return span_make(NULL, 0);
}
