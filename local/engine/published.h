/* published.h -- tokenizer and chat templates, as either format has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_PUBLISHED_H
#define LOCAL_ENGINE_PUBLISHED_H

#include "local/chat.h"
#include "local/weights/gguf.h"

/*
 * A Hugging Face directory has tokenizer.json, tokenizer_config.json and the
 * template in a file of its own or in the latter; a GGUF file has keys. A
 * tokenizer that is not there at all is AGAIN, with what is missing in <err>;
 * a template that is not there leaves <chat> NULL.
 */
enum result published_hf_tokenizer(const char *folder,
    struct tokenizer **tokenizer, struct error *err) must_check;
enum result published_hf_chat(const char *folder,
    const struct tokenizer *tokenizer, struct chat **chat,
    struct error *err) must_check;

enum result published_gguf_tokenizer(const struct gguf *gguf,
    struct tokenizer **tokenizer, struct error *err) must_check;
enum result published_gguf_chat(const struct gguf *gguf,
    const struct tokenizer *tokenizer, struct chat **chat,
    struct error *err) must_check;

#endif
