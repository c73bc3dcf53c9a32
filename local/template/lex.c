/* lex.c -- a template's text into tokens, white space trimmed as HF has it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/text.h"
#include "local/template/tree.h"

/*
 * Jinja's lexer with trim_blocks and lstrip_blocks: the newline after a block
 * or comment tag goes, and so does white space between the start of a line and
 * such a tag; `-` at either end of a tag takes all white space there, `+` at
 * its beginning keeps it. Source: jinja.palletsprojects.com, "Whitespace
 * Control".
 */
static const struct {
	struct span text;
	enum token_kind kind;
} operators[] = {
    /* longer ones first */
    {{"//", 2}, TOKEN_FLOOR},
    {{"**", 2}, TOKEN_POWER},
    {{"==", 2}, TOKEN_EQ},
    {{"!=", 2}, TOKEN_NE},
    {{"<=", 2}, TOKEN_LE},
    {{">=", 2}, TOKEN_GE},
    {{"+", 1}, TOKEN_ADD},
    {{"-", 1}, TOKEN_SUB},
    {{"*", 1}, TOKEN_MUL},
    {{"/", 1}, TOKEN_DIV},
    {{"%", 1}, TOKEN_MOD},
    {{"~", 1}, TOKEN_TILDE},
    {{"<", 1}, TOKEN_LT},
    {{">", 1}, TOKEN_GT},
    {{"=", 1}, TOKEN_ASSIGN},
    {{".", 1}, TOKEN_DOT},
    {{":", 1}, TOKEN_COLON},
    {{",", 1}, TOKEN_COMMA},
    {{"|", 1}, TOKEN_PIPE},
    {{";", 1}, TOKEN_SEMICOLON},
    {{"(", 1}, TOKEN_OPEN},
    {{")", 1}, TOKEN_CLOSE},
    {{"[", 1}, TOKEN_OPEN_LIST},
    {{"]", 1}, TOKEN_CLOSE_LIST},
    {{"{", 1}, TOKEN_OPEN_DICT},
    {{"}", 1}, TOKEN_CLOSE_DICT},
};
#define N_OPERATORS (sizeof(operators) / sizeof(operators[0]))

const char *jinja_token_name(enum token_kind kind)
{
	for (size_t i = 0; i < N_OPERATORS; i++) {
		if (operators[i].kind == kind)
			return operators[i].text.ptr;
	}
	switch (kind) {
	case TOKEN_END:
		return "end of template";
	case TOKEN_DATA:
		return "text";
	case TOKEN_BLOCK_BEGIN:
		return "{%";
	case TOKEN_BLOCK_END:
		return "%}";
	case TOKEN_VARIABLE_BEGIN:
		return "{{";
	case TOKEN_VARIABLE_END:
		return "}}";
	case TOKEN_NAME:
		return "a name";
	case TOKEN_STRING:
		return "a string";
	default:
		return "a number";
	}
}

bool jinja_lex_start(struct lexer *lexer, struct span source,
    struct arena *arena, struct error *err)
{
	char *copy = arena_alloc(arena, source.len + 1);
	size_t len = 0;

	*lexer = (struct lexer){
	    .line = 1, .is_line_start = true, .arena = arena, .err = err};
	if (!copy || source.len > TEMPLATE_SOURCE_MAX) {
		error_set(err, "the template is larger than %zu bytes",
		    TEMPLATE_SOURCE_MAX);
		return false;
	}
	for (size_t i = 0; i < source.len; i++) {
		char byte = source.ptr[i];

		if (byte == '\r') {
			byte = '\n';
			if (i + 1 < source.len && source.ptr[i + 1] == '\n')
				i++;
		}
		copy[len++] = byte;
	}
	if (len > 0 && copy[len - 1] == '\n')
		len--;
	lexer->source = span_make(copy, len);
	if (utf8_valid_len(lexer->source) < len) {
		error_set(err, "the template is not UTF-8");
		return false;
	}
	return true;
}

static int byte_at(const struct lexer *lexer, size_t at)
{
	return at < lexer->source.len ? (unsigned char)lexer->source.ptr[at]
				      : -1;
}

/* Past the white space at <at>. */
static size_t skip_space(const struct lexer *lexer, size_t at)
{
	while (at < lexer->source.len) {
		size_t len;
		uint32_t c = jinja_code_point(lexer->source, at, &len);

		if (!jinja_is_space(c))
			break;
		at += len;
	}
	return at;
}

/* Moves to <to>, counting lines. */
static void move_to(struct lexer *lexer, size_t to)
{
	for (size_t i = lexer->at; i < to; i++)
		lexer->line += lexer->source.ptr[i] == '\n';
	if (to > lexer->at)
		lexer->is_line_start = lexer->source.ptr[to - 1] == '\n';
	lexer->at = to;
}

/*
 * Where a tag that ends at <at> with "%}" or "#}" ends in truth: with -, all
 * white space after it, else one newline (trim_blocks), with + nothing. 0 when
 * there is no such end at <at>.
 */
static size_t end_of_tag(const struct lexer *lexer, size_t at, char mark)
{
	int sign = byte_at(lexer, at);

	if (sign == '-' || sign == '+')
		at++;
	if (byte_at(lexer, at) != mark || byte_at(lexer, at + 1) != '}')
		return 0;
	at += 2;
	if (sign == '-')
		return skip_space(lexer, at);
	return sign != '+' && byte_at(lexer, at) == '\n' ? at + 1 : at;
}

/*
 * `raw` or `endraw` after "{%" and a sign at <at>: where the name ends, 0 when
 * another stands there.
 */
static size_t end_of_name(
    const struct lexer *lexer, size_t at, struct span name)
{
	at = skip_space(lexer, at);
	if (!span_starts_with(span_from(lexer->source, at), name))
		return 0;
	return skip_space(lexer, at + name.len);
}

/* Where the tag {% raw %} at <at> ends; 0 when it is none. No newline goes. */
static size_t end_of_raw(const struct lexer *lexer, size_t at)
{
	size_t end;
	int sign = byte_at(lexer, at + 2);

	end = end_of_name(
	    lexer, at + 2 + (sign == '-' || sign == '+'), SPAN("raw"));
	if (end == 0)
		return 0;
	if (byte_at(lexer, end) == '-' && byte_at(lexer, end + 1) == '%' &&
	    byte_at(lexer, end + 2) == '}')
		return skip_space(lexer, end + 3);
	return byte_at(lexer, end) == '%' && byte_at(lexer, end + 1) == '}'
		   ? end + 2
		   : 0;
}

/*
 * The text from lexer->at to the tag at <end>, trimmed as its sign at
 * <end> + 2 says.
 */
static struct span trim_before(struct lexer *lexer, size_t end, bool is_block)
{
	struct span text =
	    span_make(lexer->source.ptr + lexer->at, end - lexer->at);
	int sign = byte_at(lexer, end + 2);
	size_t from = text.len;
	struct text whole = {.ptr = text.ptr, .len = text.len};
	size_t range[2];

	if (sign == '-') {
		jinja_strip_range(&whole, NULL, STRIP_RIGHT, range);
		return span_head(text, range[1]);
	}
	if (sign == '+' || !is_block)
		return text;
	while (from > 0 && text.ptr[from - 1] != '\n')
		from--;
	if (from == 0 && !lexer->is_line_start)
		return text;
	whole = (struct text){.ptr = text.ptr + from, .len = text.len - from};
	jinja_strip_range(&whole, NULL, STRIP_LEFT, range);
	return range[0] == whole.len ? span_head(text, from) : text;
}

/* Reads what stands between {% raw %}, at lexer->at, and {% endraw %}. */
static bool read_raw(struct lexer *lexer, struct span *out)
{
	size_t tag = lexer->at, end;

	for (;; tag += 2) {
		tag = span_find(lexer->source, SPAN("{%"), tag);
		if (tag == SIZE_MAX) {
			error_set(lexer->err, "line %u: missing {%% endraw %%}",
			    lexer->line);
			return false;
		}
		end = tag + 2;
		if (byte_at(lexer, end) == '-' || byte_at(lexer, end) == '+')
			end++;
		end = end_of_name(lexer, end, SPAN("endraw"));
		end = end ? end_of_tag(lexer, end, '%') : 0;
		if (end)
			break;
	}
	*out = trim_before(lexer, tag, true);
	move_to(lexer, end);
	return true;
}

/* Past the comment whose tag stands at lexer->at. */
static bool skip_comment(struct lexer *lexer)
{
	size_t at = lexer->at + 2, end = 0;

	if (byte_at(lexer, at) == '-' || byte_at(lexer, at) == '+')
		at++;
	for (; at < lexer->source.len && end == 0; at++)
		end = end_of_tag(lexer, at, '#');
	if (end == 0) {
		error_set(
		    lexer->err, "line %u: missing end of comment", lexer->line);
		return false;
	}
	move_to(lexer, end);
	return true;
}

/* The next "{%", "{{" or "{#" from lexer->at; the source's end without. */
static size_t find_tag(const struct lexer *lexer)
{
	size_t at = lexer->at;

	for (;; at++) {
		at = span_find(lexer->source, SPAN("{"), at);
		if (at == SIZE_MAX)
			return lexer->source.len;
		if (byte_at(lexer, at + 1) == '%' ||
		    byte_at(lexer, at + 1) == '{' ||
		    byte_at(lexer, at + 1) == '#')
			return at;
	}
}

/* Reads text up to the next tag, and enters that. */
static bool read_data(struct lexer *lexer, struct token *out)
{
	size_t tag = find_tag(lexer), raw;
	int mark = byte_at(lexer, tag + 1), sign = byte_at(lexer, tag + 2);

	out->kind = TOKEN_DATA;
	if (tag == lexer->source.len) {
		out->text = span_from(lexer->source, lexer->at);
		if (out->text.len == 0)
			out->kind = TOKEN_END;
		move_to(lexer, tag);
		return true;
	}
	out->text = trim_before(lexer, tag, mark != '{');
	move_to(lexer, tag);
	if (mark == '#')
		return skip_comment(lexer);
	raw = mark == '%' ? end_of_raw(lexer, tag) : 0;
	if (raw) {
		move_to(lexer, raw);
		lexer->begins = TOKEN_DATA;
		return true;
	}
	move_to(lexer, tag + 2 + (sign == '-' || sign == '+'));
	lexer->begins = mark == '%' ? TOKEN_BLOCK_BEGIN : TOKEN_VARIABLE_BEGIN;
	lexer->state = mark == '%' ? LEX_BLOCK : LEX_VARIABLE;
	return true;
}

/* Keeps the brackets paired, so that "}}" inside of one ends no tag. */
static bool count_bracket(struct lexer *lexer, struct token *token)
{
	static const char pairs[] = "()[]{}";
	const char *found = strchr(pairs, token->text.ptr[0]);
	char close;

	if (token->text.len != 1 || !found)
		return true;
	if ((found - pairs) % 2 == 0) {
		if (lexer->n_open < sizeof(lexer->open)) {
			lexer->open[lexer->n_open++] = found[1];
			return true;
		}
		error_set(lexer->err, "line %u: nested deeper than %d levels",
		    lexer->line, TEMPLATE_DEPTH_MAX);
		return false;
	}
	close = lexer->n_open > 0 ? lexer->open[--lexer->n_open] : '\0';
	if (close != found[0]) {
		error_set(lexer->err, "line %u: unexpected \"%c\"", lexer->line,
		    found[0]);
		return false;
	}
	return true;
}

/* The end of the tag that is being read, if it stands here. */
static size_t end_here(const struct lexer *lexer)
{
	if (lexer->n_open > 0)
		return 0;
	if (lexer->state == LEX_BLOCK)
		return end_of_tag(lexer, lexer->at, '%');
	if (byte_at(lexer, lexer->at) == '-' &&
	    byte_at(lexer, lexer->at + 1) == '}' &&
	    byte_at(lexer, lexer->at + 2) == '}')
		return skip_space(lexer, lexer->at + 3);
	return byte_at(lexer, lexer->at) == '}' &&
		       byte_at(lexer, lexer->at + 1) == '}'
		   ? lexer->at + 2
		   : 0;
}

static bool is_name_byte(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_';
}

/* Where the string literal at lexer->at ends; 0 when it does not. */
static size_t end_of_string(const struct lexer *lexer)
{
	int quote = byte_at(lexer, lexer->at);
	size_t at = lexer->at + 1;

	for (; at < lexer->source.len; at++) {
		if (byte_at(lexer, at) == '\\')
			at++;
		else if (byte_at(lexer, at) == quote)
			return at + 1;
	}
	return 0;
}

/* A name, number, string or operator at lexer->at. */
static bool read_word(struct lexer *lexer, struct token *out)
{
	struct span rest = span_make(
	    lexer->source.ptr + lexer->at, lexer->source.len - lexer->at);
	int byte = (unsigned char)rest.ptr[0];
	size_t len = 0;

	if (byte == '"' || byte == '\'') {
		size_t end = end_of_string(lexer);

		if (end) {
			out->kind = TOKEN_STRING;
			out->text = span_head(rest, end - lexer->at);
			move_to(lexer, end);
			return jinja_unescape(lexer, out->text, &out->text);
		}
	} else if (byte >= '0' && byte <= '9') {
		if (!jinja_lex_number(lexer, rest, out, &len))
			return false;
	} else if (is_name_byte(byte)) {
		out->kind = TOKEN_NAME;
		while (len < rest.len &&
		       is_name_byte((unsigned char)rest.ptr[len]))
			len++;
	}
	for (size_t i = 0; i < N_OPERATORS && len == 0; i++) {
		if (span_starts_with(rest, operators[i].text)) {
			out->kind = operators[i].kind;
			len = operators[i].text.len;
		}
	}
	if (len == 0) {
		jinja_code_point(lexer->source, lexer->at, &len);
		error_set(lexer->err, "line %u: unexpected character \"%.*s\"",
		    lexer->line, (int)len, rest.ptr);
		return false;
	}
	out->text = span_head(rest, len);
	move_to(lexer, lexer->at + len);
	return true;
}

/* A token inside of a tag. */
static bool read_in_tag(struct lexer *lexer, struct token *out)
{
	size_t end = end_here(lexer);

	if (!end) {
		move_to(lexer, skip_space(lexer, lexer->at));
		end = end_here(lexer);
	}
	out->line = lexer->line;
	if (end) {
		out->kind = lexer->state == LEX_BLOCK ? TOKEN_BLOCK_END
						      : TOKEN_VARIABLE_END;
		move_to(lexer, end);
		lexer->state = LEX_DATA;
		return true;
	}
	if (lexer->at >= lexer->source.len) {
		out->kind = TOKEN_END;
		return true;
	}
	if (!read_word(lexer, out))
		return false;
	return out->kind < TOKEN_OPEN || count_bracket(lexer, out);
}

bool jinja_lex_next(struct lexer *lexer, struct token *out)
{
	*out = (struct token){.line = lexer->line};
	if (lexer->begins == TOKEN_DATA) {
		out->kind = TOKEN_DATA;
		lexer->begins = TOKEN_END;
		return read_raw(lexer, &out->text);
	}
	if (lexer->begins != TOKEN_END) {
		out->kind = lexer->begins;
		lexer->begins = TOKEN_END;
		return true;
	}
	if (lexer->state != LEX_DATA)
		return read_in_tag(lexer, out);
	return read_data(lexer, out);
}
