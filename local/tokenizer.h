/* tokenizer.h -- text to token ids and back, as Hugging Face does it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_H
#define LOCAL_TOKENIZER_H

#include "base/error.h"
#include "base/span.h"

/*
 * A tokenizer is read once, from a checkpoint's tokenizer.json or from the
 * arrays of a GGUF file, and never changes after: any number of threads may
 * use one at the same time, each with a tokenizer_work of its own. Its answers
 * are those of HF tokenizers 0.23 to the last id (but for text that a Replace
 * puts before the first character, which that library doubles). What it cannot
 * do exactly is refused when it is read, naming the place in the file. The
 * sections "truncation" and "padding" are ignored: they tell how a model was
 * trained, and the engine knows its own limits.
 *
 * Texts are UTF-8 and are refused where they are not. Memory is bounded by a
 * small multiple of the file and of the text. Nothing recurses on
 * what a file or a text holds.
 */
struct tokenizer;
struct tokenizer_work;

#define TOKENIZER_NO_ID UINT32_MAX /* "there is no such token" */

/* Bytes of text that one call takes, before and after normalisation. */
#define TOKENIZER_TEXT_MAX ((size_t)1 << 28)

/*
 * Ids, owned by the caller. Start with token_buf_init; calls append at the
 * end and never past <max> ids.
 */
struct token_buf {
	uint32_t *ids; /* (len) */
	size_t len;
	size_t cap;
	size_t max;
	bool is_full; /* more was to be appended than fits */
};

void token_buf_init(struct token_buf *buf, size_t max);
void token_buf_free(struct token_buf *buf);

/* Appends <n> ids; false, and nothing appended, past the maximum. */
bool token_buf_append(
    struct token_buf *buf, const uint32_t *ids, size_t n) must_check;

enum tokenizer_flags {
	/* Leaves out what the post-processor adds: BOS, EOS, CLS, SEP. */
	TOKENIZER_NO_SPECIAL = 1,
	/*
	 * Reads control tokens (the "special" ones) in the text as text, so
	 * that nothing a user writes becomes one, whatever the vocabulary
	 * holds. Other added tokens, such as runs of blanks, still count.
	 */
	TOKENIZER_PLAIN = 2,
};

/* What a GGUF file says of a token: the values of tokenizer.ggml.token_type. */
enum tokenizer_token_type {
	TOKEN_NORMAL = 1,
	TOKEN_UNKNOWN = 2,
	TOKEN_CONTROL = 3,
	TOKEN_USER_DEFINED = 4,
	TOKEN_UNUSED = 5,
	TOKEN_BYTE = 6,
};

/*
 * The tokenizer.ggml.* keys of a GGUF file. Spans are borrowed for the call
 * only. An id that the file lacks is TOKENIZER_NO_ID.
 */
struct tokenizer_arrays {
	struct span model;         /* "gpt2", "llama", "bert", "t5" */
	struct span pre;           /* "llama-bpe", "qwen2" ...; may be empty */
	const struct span *tokens; /* (n_tokens) */
	const float *scores;       /* (n_tokens) or NULL */
	const int32_t *types;      /* (n_tokens) or NULL: all normal */
	size_t n_tokens;
	const struct span *merges; /* (n_merges), "left right"; or NULL */
	size_t n_merges;
	uint32_t bos_id, eos_id, unk_id, sep_id, cls_id, pad_id;
	bool add_bos, add_eos;
	bool add_space_prefix;
	bool remove_extra_whitespaces;    /* t5 */
	struct span precompiled_charsmap; /* t5: raw bytes; may be empty */
};

/*
 * Reads a tokenizer.json. <config> is the text of tokenizer_config.json, or
 * empty; of it the names of the BOS, EOS, UNK and padding tokens count, and
 * add_bos_token and add_eos_token, which replace the post-processor when they
 * are there, as transformers does. Both texts may be dropped after the call.
 * NULL with <err> when a part is ill-formed or not supported, as in
 * `tokenizer.json: pre_tokenizer.pretokenizers[1]: type "X" is not supported`.
 */
struct tokenizer *tokenizer_from_json(
    struct span json, struct span config, struct error *err) must_check;

/* The same from GGUF's arrays: `tokenizer.ggml.pre: "x" is not supported`. */
struct tokenizer *tokenizer_from_arrays(
    const struct tokenizer_arrays *arrays, struct error *err) must_check;

/* Drops the tokenizer, NULL is fine; no work of it may be used after. */
void tokenizer_free(struct tokenizer **tokenizer);

/*
 * Room for one caller's encodes: buffers that grow to what the longest text
 * took and a cache of words. Belongs to the caller and to one thread at a
 * time, and only to the tokenizer it was made for, which must outlive it.
 */
struct tokenizer_work *tokenizer_work_new(const struct tokenizer *tokenizer);
void tokenizer_work_free(struct tokenizer_work **work);

/*
 * Appends the ids of <text>, with <flags> of enum tokenizer_flags. FAILED,
 * and nothing appended, when the text is not UTF-8 or too long, when <ids>
 * would pass its maximum, or when the model has no token for what it does not
 * know.
 */
enum result tokenizer_encode(struct tokenizer_work *work, struct span text,
    unsigned flags, struct token_buf *ids, struct error *err) must_check;

/*
 * The same for a pair of texts, as a cross-encoder reads them. <types>, when
 * not NULL, receives the type id (segment) of each token.
 */
struct tokenizer_pair {
	struct span first;
	struct span second;
	unsigned flags; /* of enum tokenizer_flags */
};
enum result tokenizer_encode_pair(struct tokenizer_work *work,
    const struct tokenizer_pair *texts, struct token_buf *ids,
    struct token_buf *types, struct error *err) must_check;

/*
 * A text of which some bytes are trusted, as a chat template renders it: in
 * between are the words of users. Control tokens count where one trusted range
 * holds them whole; anywhere else they are text, also where they only come
 * about at a border.
 */
struct tokenizer_range {
	size_t start, end; /* bytes start .. end - 1 */
};
struct tokenizer_marked {
	struct span text;
	const struct tokenizer_range *trusted; /* (n) ascending, apart */
	size_t n;
};

/*
 * Appends the ids of <marked>, none for BOS or EOS but those that it holds
 * itself. Without control tokens outside of trusted ranges they are those of
 * tokenizer_encode with TOKENIZER_NO_SPECIAL; only what follows a control token
 * that the file calls normalized may differ, by the blank that a normaliser
 * puts first.
 */
enum result tokenizer_encode_marked(struct tokenizer_work *work,
    const struct tokenizer_marked *marked, struct token_buf *ids,
    struct error *err) must_check;

/* --- ids to text ---------------------------------------------------------- */

struct buf;

/*
 * Appends the text of <ids> (n) to <out>; ids that the vocabulary lacks are
 * left out, and special tokens too when <skip_special>. Bytes that do not
 * form UTF-8 become U+FFFD. FAILED when <out> would pass its maximum.
 */
enum result tokenizer_decode(const struct tokenizer *tokenizer,
    const struct token_buf *ids, bool skip_special, struct buf *out,
    struct error *err) must_check;

/*
 * Text as the ids come. The pieces given out, the last one by _finish, join
 * to what tokenizer_decode makes of all ids, and each is whole UTF-8: what
 * may still change is held back. One exception: where byte tokens (<0xE2>)
 * form characters, those are given out as soon as they are whole, though
 * tokenizer_decode replaces a whole run of byte tokens when it ends badly.
 */
struct tokenizer_stream;

struct tokenizer_stream *tokenizer_stream_new(
    const struct tokenizer *tokenizer, bool skip_special);
void tokenizer_stream_free(struct tokenizer_stream **stream);

/* Appends what <id> completes, perhaps nothing. */
enum result tokenizer_stream_push(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err) must_check;

/*
 * Appends the bytes that <id> alone writes between other tokens, perhaps a part
 * of a character; none for a control token, an id that is not there, and what
 * the stream skips. The stream does not move. Joined they are the decoded text
 * but for blanks that a decoder drops at its ends.
 */
enum result tokenizer_stream_bytes(struct tokenizer_stream *stream, uint32_t id,
    struct buf *out, struct error *err) must_check;

/* Appends what was held back; the stream is then as new. */
enum result tokenizer_stream_finish(struct tokenizer_stream *stream,
    struct buf *out, struct error *err) must_check;

/* --- the vocabulary ------------------------------------------------------- */

/* One more than the greatest id. */
uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer);

/*
 * A token as the vocabulary writes it ("\u0120the"), NULL pointer for an id
 * that has none; valid as long as the tokenizer.
 */
struct span tokenizer_token_text(
    const struct tokenizer *tokenizer, uint32_t id);

/* The id of a token written so, or TOKENIZER_NO_ID. */
uint32_t tokenizer_token_id(
    const struct tokenizer *tokenizer, struct span text);

/* Whether <id> is a control token: a special added token. */
bool tokenizer_is_special(const struct tokenizer *tokenizer, uint32_t id);

/* The tokens that the configuration names, or TOKENIZER_NO_ID. */
struct tokenizer_ids {
	uint32_t bos, eos, unk, pad;
};
struct tokenizer_ids tokenizer_named_ids(const struct tokenizer *tokenizer);

#endif
