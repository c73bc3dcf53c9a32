/* reply_format.c -- the grammars in which families write their calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/reply/reply_format.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct reply_rule thinking[] = {
    /* A prompt's <think> is now and then repeated by the model. */
    {PLACE_THINK_START, "<think>", PLACE_THINK, 0, DEED_CLOSE},
    {PLACE_THINK_START, "</think>", PLACE_START, 0, DEED_CLOSE},
    {PLACE_THINK, "</think>", PLACE_START, 0, DEED_CLOSE},
    {PLACE_START, "<think>", PLACE_THINK, 0, DEED_CLOSE},
};

const struct reply_format reply_thinking = {
    "thinking", thinking, N_OF(thinking), false};

/* <tool_call>{...}</tool_call>, or a list of objects inside. */
static const struct reply_rule hermes[] = {
    {PLACE_TEXT, "<tool_call>", PLACE_BODY, 0, 0},
    {PLACE_BODY, "{", PLACE_OBJECT, PLACE_CLOSE, 0},
    {PLACE_BODY, "[", PLACE_ITEM, 0, 0},
    {PLACE_ITEM, "{", PLACE_OBJECT, PLACE_COMMA, 0},
    {PLACE_COMMA, ",", PLACE_ITEM, 0, 0},
    {PLACE_COMMA, "]", PLACE_CLOSE, 0, DEED_CLOSE},
    {PLACE_CLOSE, "{", PLACE_OBJECT, PLACE_CLOSE, 0},
    {PLACE_CLOSE, "</tool_call>", PLACE_TEXT, 0, DEED_CLOSE},
};

/* {...}; {...} as the whole answer, or behind <|python_tag|>. */
static const struct reply_rule llama3[] = {
    {PLACE_START, "{", PLACE_OBJECT, PLACE_SEMICOLON, 0},
    {PLACE_TEXT, "<|python_tag|>", PLACE_BODY, 0, 0},
    {PLACE_BODY, "{", PLACE_OBJECT, PLACE_SEMICOLON, 0},
    {PLACE_SEMICOLON, ";", PLACE_BODY, 0, 0},
};

/* [TOOL_CALLS] [{...}, ...], or [TOOL_CALLS]name[CALL_ID]id[ARGS]{...}. */
static const struct reply_rule mistral[] = {
    {PLACE_TEXT, "[TOOL_CALLS]", PLACE_LIST_OR_NAME, 0, 0},
    {PLACE_LIST_OR_NAME, "[", PLACE_ITEM, 0, 0},
    {PLACE_ITEM, "{", PLACE_OBJECT, PLACE_COMMA, 0},
    {PLACE_COMMA, ",", PLACE_ITEM, 0, 0},
    {PLACE_COMMA, "]", PLACE_TEXT, 0, DEED_CLOSE},
    {PLACE_NAME, "[CALL_ID]", PLACE_ID, 0, DEED_NAME},
    {PLACE_NAME, "[ARGS]", PLACE_BRACE, 0, DEED_NAME},
    {PLACE_NAME, "{", PLACE_ARGUMENTS, PLACE_TEXT, DEED_NAME},
    {PLACE_ID, "[ARGS]", PLACE_BRACE, 0, DEED_ID},
    {PLACE_BRACE, "{", PLACE_ARGUMENTS, PLACE_TEXT, 0},
};

/* <|tool_call|>[{...}]<|/tool_call|>, or functools[{...}]. */
static const struct reply_rule phi[] = {
    {PLACE_TEXT, "<|tool_call|>", PLACE_BODY, 0, 0},
    {PLACE_TEXT, "functools[", PLACE_ITEM, 0, 0},
    {PLACE_BODY, "{", PLACE_OBJECT, PLACE_CLOSE, 0},
    {PLACE_BODY, "[", PLACE_ITEM, 0, 0},
    {PLACE_ITEM, "{", PLACE_OBJECT, PLACE_COMMA, 0},
    {PLACE_COMMA, ",", PLACE_ITEM, 0, 0},
    {PLACE_COMMA, "]", PLACE_CLOSE, 0, DEED_CLOSE},
    {PLACE_CLOSE, "{", PLACE_OBJECT, PLACE_CLOSE, 0},
    {PLACE_CLOSE, "<|/tool_call|>", PLACE_TEXT, 0, DEED_CLOSE},
};

#define CALLS_BEGIN "<｜tool▁calls▁begin｜>"
#define CALLS_END "<｜tool▁calls▁end｜>"
#define CALL_BEGIN "<｜tool▁call▁begin｜>"
#define CALL_END "<｜tool▁call▁end｜>"
#define CALL_SEP "<｜tool▁sep｜>"

/*
 * R1 and V3: begin, `function`, sep, name, newline, fenced arguments, end. V3.1
 * has begin, name, sep, arguments, end. Distilled models leave out the outer
 * marks, or the fence.
 */
static const struct reply_rule deepseek[] = {
    {PLACE_TEXT, CALLS_BEGIN, PLACE_FIRST_CALL, 0, 0},
    {PLACE_TEXT, CALL_BEGIN, PLACE_HEAD, 0, 0},
    {PLACE_FIRST_CALL, CALL_BEGIN, PLACE_HEAD, 0, 0},
    {PLACE_HEAD, CALL_SEP, PLACE_NAME_OR_BRACE, 0, DEED_NAME},
    {PLACE_NAME_OR_BRACE, "{", PLACE_ARGUMENTS, PLACE_CALL_CLOSE, 0},
    {PLACE_TITLE, "\n", PLACE_FENCE, 0, DEED_NAME},
    {PLACE_FENCE, "```json", PLACE_BRACE, 0, 0},
    {PLACE_FENCE, "{", PLACE_ARGUMENTS, PLACE_CALL_CLOSE, 0},
    {PLACE_BRACE, "{", PLACE_ARGUMENTS, PLACE_FENCED, 0},
    {PLACE_FENCED, "```", PLACE_CALL_CLOSE, 0, DEED_CLOSE},
    {PLACE_FENCED, CALL_END, PLACE_NEXT_CALL, 0, DEED_CLOSE},
    {PLACE_CALL_CLOSE, CALL_END, PLACE_NEXT_CALL, 0, DEED_CLOSE},
    {PLACE_NEXT_CALL, CALL_BEGIN, PLACE_HEAD, 0, 0},
    {PLACE_NEXT_CALL, CALLS_END, PLACE_TEXT, 0, DEED_CLOSE},
};

static const struct reply_format formats[] = {
    {"hermes", hermes, N_OF(hermes), false},
    {"llama3", llama3, N_OF(llama3), false},
    {"mistral", mistral, N_OF(mistral), true},
    {"phi", phi, N_OF(phi), false},
    {"deepseek", deepseek, N_OF(deepseek), false},
};

/* The first row whose texts are in the template, and whose family it is. */
static const struct {
	const char *mark, *also; /* also: may be NULL */
	const char *family;      /* NULL: any */
	const char *format;
} signs[] = {
    {"<｜tool▁calls▁begin｜>", NULL, NULL, "deepseek"},
    {"<｜tool▁call▁begin｜>", NULL, NULL, "deepseek"},
    {"[TOOL_CALLS]", NULL, NULL, "mistral"},
    /* Qwen3-Coder's and GLM's arguments are tags inside the same marks. */
    {"<tool_call>", "<function=", NULL, "none"},
    {"<tool_call>", "<arg_key>", NULL, "none"},
    {"<tool_call>", NULL, NULL, "hermes"},
    {"<|tool_call|>", NULL, NULL, "phi"},
    {"functools[", NULL, NULL, "phi"},
    {"<|tool|>", NULL, "phi3", "phi"},
    {"<|python_tag|>", NULL, NULL, "llama3"},
    {"<|start_header_id|>", "\"parameters\": ", NULL, "llama3"},
};

static bool contains(struct span text, const char *part)
{
	return span_find(text, span_of(part), 0) != SIZE_MAX;
}

const struct reply_format *reply_format_named(struct span name)
{
	for (size_t i = 0; i < N_OF(formats); i++)
		if (span_eq(name, span_of(formats[i].name)))
			return &formats[i];
	return NULL;
}

bool reply_format_is_known(struct span name)
{
	return span_eq(name, SPAN("none")) || reply_format_named(name) != NULL;
}

const char *reply_format_name(const struct reply_format *format)
{
	return format ? format->name : "none";
}

const struct reply_format *reply_format_detect(
    struct span template, struct span family)
{
	for (size_t i = 0; i < N_OF(signs); i++) {
		if (!contains(template, signs[i].mark))
			continue;
		if (signs[i].also && !contains(template, signs[i].also))
			continue;
		if (signs[i].family &&
		    !span_eq(family, span_of(signs[i].family)))
			continue;
		return reply_format_named(span_of(signs[i].format));
	}
	return NULL;
}

/* Marks in angles or brackets are tokens of their own in most checkpoints. */
static bool is_marker(const char *word)
{
	return strlen(word) > 2 && (word[0] == '<' || word[0] == '[');
}

static bool is_first(const struct reply_format *format, size_t rule)
{
	for (size_t i = 0; i < rule; i++)
		if (!strcmp(format->rules[i].word, format->rules[rule].word))
			return false;
	return true;
}

const char *reply_marker(const struct reply_format *format, size_t i)
{
	if (i < 2)
		return i == 0 ? "<think>" : "</think>";
	i -= 2;
	for (size_t rule = 0; format && rule < format->n_rules; rule++) {
		const char *word = format->rules[rule].word;

		if (is_marker(word) && is_first(format, rule) && i-- == 0)
			return word;
	}
	return NULL;
}

bool reply_template_thinks(struct span template)
{
	return contains(template, "<think>") || contains(template, "</think>");
}

bool reply_prompt_thinks(struct span prompt)
{
	return span_ends_with(span_trim(prompt), SPAN("<think>"));
}

enum reply_match reply_format_match(const struct reply_format *format,
    enum reply_place place, struct span text, const struct reply_rule **rule)
{
	const struct reply_rule *rules = format->rules;
	enum reply_match match = MATCH_NONE;

	for (size_t i = 0; i < format->n_rules; i++) {
		struct span word;

		if (rules[i].word[0] != text.ptr[0] ||
		    (rules[i].place != place &&
			(place != PLACE_START || rules[i].place != PLACE_TEXT)))
			continue;
		word = span_of(rules[i].word);
		if (!span_starts_with(word, text))
			continue;
		match = MATCH_PREFIX;
		if (word.len == text.len) {
			*rule = &rules[i];
			return MATCH_WHOLE;
		}
	}
	return match;
}

bool reply_place_skips_blanks(enum reply_place place)
{
	return place != PLACE_NAME && place != PLACE_ID &&
	       place != PLACE_HEAD && place != PLACE_TITLE;
}

enum reply_place reply_place_after_letter(enum reply_place place)
{
	switch (place) {
	case PLACE_LIST_OR_NAME:
		return PLACE_NAME;
	case PLACE_NAME_OR_BRACE:
		return PLACE_TITLE;
	case PLACE_NAME:
	case PLACE_ID:
	case PLACE_HEAD:
	case PLACE_TITLE:
		return place;
	default:
		return PLACE_NONE;
	}
}
