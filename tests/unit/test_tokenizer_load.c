/* test_tokenizer_load.c -- what is refused when a tokenizer is read, and how.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tokenizer_fixture.h"

#define MODEL                                                                  \
	"\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},"    \
	"\"merges\":[\"a b\"]}"

static void assert_refused(const char *json, const char *message)
{
	struct error err = {{0}};
	struct tokenizer *t =
	    tokenizer_from_json(span_of(json), SPAN(""), &err);

	assert_null(t);
	assert_string_equal(err.text, message);
}

static void names_the_place_of_what_it_does_not_support(void **state)
{
	(void)state;
	assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"Magic\"}}",
	    "tokenizer.json: normalizer: type \"Magic\" is not supported");
	assert_refused("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Sequence\","
		       "\"pretokenizers\":[{\"type\":\"Whitespace\"},"
		       "{\"type\":\"Sequence\",\"pretokenizers\":["
		       "{\"type\":\"UnicodeScripts\"}]}]}}",
	    "tokenizer.json: pre_tokenizer.pretokenizers[1].pretokenizers[0]:"
	    " type \"UnicodeScripts\" is not supported");
	assert_refused("{" MODEL ",\"decoder\":{\"type\":\"CTC\"}}",
	    "tokenizer.json: decoder: type \"CTC\" is not supported");
	assert_refused(
	    "{" MODEL ",\"post_processor\":{\"type\":\"Sequence\","
	    "\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":\"X\"}]}}",
	    "tokenizer.json: post_processor.processors[1]: type \"X\" is not "
	    "supported");
	assert_refused("{" MODEL ",\"normalizer\":{}}",
	    "tokenizer.json: normalizer.type: is missing");
}

static void refuses_models_that_do_not_add_up(void **state)
{
	(void)state;
	assert_refused("{}", "tokenizer.json: model: must be an object");
	assert_refused("[]", "tokenizer.json: : must be an object");
	assert_refused("{\"model\":{\"type\":\"X\"}}",
	    "tokenizer.json: model.type: must be BPE, WordPiece, Unigram or "
	    "WordLevel");
	assert_refused(
	    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0}}}",
	    "tokenizer.json: model.vocab: two tokens have the id 0");
	assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1}}}",
	    "tokenizer.json: model.vocab: the id -1 is not from 0 to 65552");
	assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
		       "\"merges\":[\"a b\"]}}",
	    "tokenizer.json: model.merges: merge 0, \"a b\": the vocabulary "
	    "lacks its parts");
	assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
		       "\"merges\":[[\"a\",\"a\"]]}}",
	    "tokenizer.json: model.merges: merge 0, \"a a\": the vocabulary "
	    "lacks its result");
	assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
		       "\"merges\":[\"a b c\"]}}",
	    "tokenizer.json: model.merges: merge 0 is not a pair");
	assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{},"
		       "\"merges\":[],\"dropout\":0.1}}",
	    "tokenizer.json: model.dropout: random merges are not supported, "
	    "set it to null");
	assert_refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,"
		       "\"vocab\":[[\"a\",0]]}}",
	    "tokenizer.json: model.unk_id: is not in the vocabulary");
	assert_refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,"
		       "\"vocab\":[[\"a\"]]}}",
	    "tokenizer.json: model.vocab: entry 0 must be [token, score]");
}

static void refuses_steps_that_are_ill_formed(void **state)
{
	(void)state;
	assert_refused("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Split\","
		       "\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":"
		       "\"(\"}}}",
	    "tokenizer.json: pre_tokenizer.pattern: not a regular expression:"
	    " end pattern with unmatched parenthesis");
	assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"Replace\","
		       "\"content\":\"\",\"pattern\":{\"String\":\"\"}}}",
	    "tokenizer.json: normalizer.pattern: is empty");
	assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\","
		       "\"precompiled_charsmap\":\"////fw==\"}}",
	    "tokenizer.json: normalizer.precompiled_charsmap: a character map "
	    "whose trie does not fit");
	assert_refused("{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\","
		       "\"precompiled_charsmap\":\"?\"}}",
	    "tokenizer.json: normalizer.precompiled_charsmap: is not base64");
	assert_refused("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Metaspace\","
		       "\"replacement\":\"ab\"}}",
	    "tokenizer.json: pre_tokenizer.replacement: must be one character");
	assert_refused("{" MODEL ",\"post_processor\":{\"type\":"
		       "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
		       "{\"id\":\"x\"}}],\"pair\":[],\"special_tokens\":{}}}",
	    "tokenizer.json: post_processor.special_tokens: \"x\" is missing");
	assert_refused("{" MODEL ",\"added_tokens\":[{\"content\":\"a\","
		       "\"special\":1}]}",
	    "tokenizer.json: added_tokens[0].special: must be true or false");
	assert_refused("{\"a\":}", "tokenizer.json: byte 5: expected a value");
}

static void refuses_more_steps_than_it_has_place_for(void **state)
{
	struct error err = {{0}};
	struct buf json;

	(void)state;
	buf_init(&json, 1 << 16);
	assert_true(buf_append(
	    &json, SPAN("{" MODEL ",\"normalizer\":{\"type\":\"Sequence\","
			"\"normalizers\":[{\"type\":\"NFC\"}")));
	for (int i = 1; i < 40; i++)
		assert_true(buf_append(&json, SPAN(",{\"type\":\"NFC\"}")));
	assert_true(buf_append(&json, SPAN("]}}")));
	assert_null(tokenizer_from_json(buf_span(&json), SPAN(""), &err));
	assert_string_equal(err.text, "tokenizer.json: "
				      "normalizer.normalizers[32]: more than "
				      "32 steps");
	buf_free(&json);
}

static void takes_sequences_flat(void **state)
{
	struct tokenizer *t = load_text(
	    "{" MODEL ",\"normalizer\":{\"type\":\"Sequence\","
	    "\"normalizers\":[{\"type\":\"Sequence\",\"normalizers\":[]},"
	    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Strip\","
	    "\"strip_left\":true,\"strip_right\":true},"
	    "{\"type\":\"Lowercase\"}]},{\"type\":\"NFC\"}]}}");
	struct tokenizer_work *work = tokenizer_work_new(t);
	struct token_buf ids;
	struct error err;

	(void)state;
	token_buf_init(&ids, 8);
	assert_int_equal(
	    OK, tokenizer_encode(work, SPAN(" ABa "), 0, &ids, &err));
	assert_int_equal(ids.len, 2);
	assert_int_equal(ids.ids[0], 2);
	assert_int_equal(ids.ids[1], 0);
	token_buf_free(&ids);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void numbers_added_tokens_on_from_the_model(void **state)
{
	struct tokenizer *t =
	    load_text("{" MODEL ",\"added_tokens\":["
		      "{\"id\":77,\"content\":\"<x>\",\"special\":true},"
		      "{\"id\":9,\"content\":\"b\",\"special\":false}]}");

	(void)state;
	assert_int_equal(tokenizer_token_id(t, SPAN("<x>")), 3);
	assert_int_equal(tokenizer_token_id(t, SPAN("b")), 1);
	assert_int_equal(tokenizer_vocab_size(t), 4);
	assert_true(tokenizer_is_special(t, 3));
	assert_false(tokenizer_is_special(t, 1));
	tokenizer_free(&t);
}

static void takes_bos_and_eos_from_the_configuration(void **state)
{
	struct error err;
	struct tokenizer *t = tokenizer_from_json(SPAN("{" MODEL "}"),
	    SPAN("{\"bos_token\":{\"content\":\"b\"},\"eos_token\":\"ab\","
		 "\"pad_token\":null,\"add_bos_token\":true,"
		 "\"add_eos_token\":null}"),
	    &err);
	struct tokenizer_work *work;
	struct tokenizer_ids ids;
	struct token_buf out;

	(void)state;
	assert_non_null(t);
	ids = tokenizer_named_ids(t);
	assert_int_equal(ids.bos, 1);
	assert_int_equal(ids.eos, 2);
	assert_int_equal(ids.pad, TOKENIZER_NO_ID);
	work = tokenizer_work_new(t);
	token_buf_init(&out, 8);
	assert_int_equal(OK, tokenizer_encode(work, SPAN("a"), 0, &out, &err));
	assert_int_equal(out.len, 2);
	assert_int_equal(out.ids[0], 1);
	assert_int_equal(out.ids[1], 0);
	token_buf_free(&out);
	tokenizer_work_free(&work);
	tokenizer_free(&t);
}

static void stops_texts_that_grow_without_end(void **state)
{
	struct buf json;
	struct error err;
	struct tokenizer *t;
	struct tokenizer_work *work;
	struct token_buf ids;

	(void)state;
	buf_init(&json, 1 << 16);
	assert_true(buf_append(
	    &json, SPAN("{" MODEL ",\"normalizer\":{\"type\":\"Sequence\","
			"\"normalizers\":[{\"type\":\"NFC\"}")));
	for (int i = 0; i < 30; i++)
		assert_true(buf_append(
		    &json, SPAN(",{\"type\":\"Replace\",\"content\":\"aaaa\","
				"\"pattern\":{\"String\":\"a\"}}")));
	assert_true(buf_append(&json, SPAN("]}}")));
	t = tokenizer_from_json(buf_span(&json), SPAN(""), &err);
	assert_non_null(t);
	work = tokenizer_work_new(t);
	token_buf_init(&ids, 8);
	assert_int_equal(
	    FAILED, tokenizer_encode(work, SPAN("a"), 0, &ids, &err));
	assert_string_equal(err.text, "the text is too long");
	tokenizer_work_free(&work);
	tokenizer_free(&t);
	buf_free(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_the_place_of_what_it_does_not_support),
	    cmocka_unit_test(refuses_models_that_do_not_add_up),
	    cmocka_unit_test(refuses_steps_that_are_ill_formed),
	    cmocka_unit_test(refuses_more_steps_than_it_has_place_for),
	    cmocka_unit_test(takes_sequences_flat),
	    cmocka_unit_test(numbers_added_tokens_on_from_the_model),
	    cmocka_unit_test(takes_bos_and_eos_from_the_configuration),
	    cmocka_unit_test(stops_texts_that_grow_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
