/* family.c -- what each family of models does: one table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/family.h"

static const char *const decoder_prefixes[] = {
    "model.", "language_model.model.", "model.language_model.", "", NULL};

/* Llama's names, which most decoders took over. */
static const struct scheme llama_names = {
    .prefixes = decoder_prefixes,
    .layers = "layers.",
    .names =
	{
	    [ROLE_EMBED] = "embed_tokens",
	    [ROLE_FINAL_NORM] = "norm",
	    [ROLE_HEAD] = "/lm_head",
	    [ROLE_ATTN_NORM] = "layers.#.input_layernorm",
	    [ROLE_Q] = "layers.#.self_attn.q_proj",
	    [ROLE_K] = "layers.#.self_attn.k_proj",
	    [ROLE_V] = "layers.#.self_attn.v_proj",
	    [ROLE_QKV] = "layers.#.self_attn.qkv_proj",
	    [ROLE_Q_NORM] = "layers.#.self_attn.q_norm",
	    [ROLE_K_NORM] = "layers.#.self_attn.k_norm",
	    [ROLE_O] = "layers.#.self_attn.o_proj",
	    [ROLE_MLP_NORM] = "layers.#.post_attention_layernorm",
	    [ROLE_GATE] = "layers.#.mlp.gate_proj",
	    [ROLE_UP] = "layers.#.mlp.up_proj",
	    [ROLE_GATE_UP] = "layers.#.mlp.gate_up_proj",
	    [ROLE_DOWN] = "layers.#.mlp.down_proj",
	},
};

/* Gemma has four norms a layer, and one of Llama's names means another. */
static const struct scheme gemma_names = {
    .prefixes = decoder_prefixes,
    .layers = "layers.",
    .names =
	{
	    [ROLE_EMBED] = "embed_tokens",
	    [ROLE_FINAL_NORM] = "norm",
	    [ROLE_HEAD] = "/lm_head",
	    [ROLE_ATTN_NORM] = "layers.#.input_layernorm",
	    [ROLE_ATTN_POST_NORM] = "layers.#.post_attention_layernorm",
	    [ROLE_Q] = "layers.#.self_attn.q_proj",
	    [ROLE_K] = "layers.#.self_attn.k_proj",
	    [ROLE_V] = "layers.#.self_attn.v_proj",
	    [ROLE_Q_NORM] = "layers.#.self_attn.q_norm",
	    [ROLE_K_NORM] = "layers.#.self_attn.k_norm",
	    [ROLE_O] = "layers.#.self_attn.o_proj",
	    [ROLE_MLP_NORM] = "layers.#.pre_feedforward_layernorm",
	    [ROLE_MLP_POST_NORM] = "layers.#.post_feedforward_layernorm",
	    [ROLE_GATE] = "layers.#.mlp.gate_proj",
	    [ROLE_UP] = "layers.#.mlp.up_proj",
	    [ROLE_DOWN] = "layers.#.mlp.down_proj",
	},
};

static const char *const no_prefix[] = {"", NULL};

static const struct scheme gguf_names = {
    .prefixes = no_prefix,
    .layers = "blk.",
    .names =
	{
	    [ROLE_EMBED] = "token_embd",
	    [ROLE_FINAL_NORM] = "output_norm",
	    [ROLE_HEAD] = "output",
	    [ROLE_ATTN_NORM] = "blk.#.attn_norm",
	    [ROLE_ATTN_POST_NORM] = "blk.#.post_attention_norm",
	    [ROLE_Q] = "blk.#.attn_q",
	    [ROLE_K] = "blk.#.attn_k",
	    [ROLE_V] = "blk.#.attn_v",
	    [ROLE_QKV] = "blk.#.attn_qkv",
	    [ROLE_Q_NORM] = "blk.#.attn_q_norm",
	    [ROLE_K_NORM] = "blk.#.attn_k_norm",
	    [ROLE_O] = "blk.#.attn_output",
	    [ROLE_MLP_NORM] = "blk.#.ffn_norm",
	    [ROLE_MLP_POST_NORM] = "blk.#.post_ffw_norm",
	    [ROLE_GATE] = "blk.#.ffn_gate",
	    [ROLE_UP] = "blk.#.ffn_up",
	    [ROLE_GATE_UP] = "blk.#.ffn_up",
	    [ROLE_DOWN] = "blk.#.ffn_down",
	},
};

static const struct scheme gguf_bert_names = {
    .prefixes = no_prefix,
    .layers = "blk.",
    .names =
	{
	    [ROLE_EMBED] = "token_embd",
	    [ROLE_POSITIONS] = "position_embd",
	    [ROLE_TYPES] = "token_types",
	    [ROLE_EMBED_NORM] = "token_embd_norm",
	    [ROLE_Q] = "blk.#.attn_q",
	    [ROLE_K] = "blk.#.attn_k",
	    [ROLE_V] = "blk.#.attn_v",
	    [ROLE_O] = "blk.#.attn_output",
	    [ROLE_ATTN_POST_NORM] = "blk.#.attn_output_norm",
	    [ROLE_UP] = "blk.#.ffn_up",
	    [ROLE_DOWN] = "blk.#.ffn_down",
	    [ROLE_MLP_POST_NORM] = "blk.#.layer_output_norm",
	    [ROLE_POOLER] = "cls",
	    [ROLE_CLASSIFIER] = "cls.output",
	},
};

static const char *const bert_prefixes[] = {
    "", "bert.", "roberta.", "model.", NULL};

#define BERT_BODY                                                              \
	[ROLE_EMBED] = "embeddings.word_embeddings",                           \
	[ROLE_POSITIONS] = "embeddings.position_embeddings",                   \
	[ROLE_TYPES] = "embeddings.token_type_embeddings",                     \
	[ROLE_EMBED_NORM] = "embeddings.LayerNorm",                            \
	[ROLE_Q] = "encoder.layer.#.attention.self.query",                     \
	[ROLE_K] = "encoder.layer.#.attention.self.key",                       \
	[ROLE_V] = "encoder.layer.#.attention.self.value",                     \
	[ROLE_O] = "encoder.layer.#.attention.output.dense",                   \
	[ROLE_ATTN_POST_NORM] = "encoder.layer.#.attention.output.LayerNorm",  \
	[ROLE_UP] = "encoder.layer.#.intermediate.dense",                      \
	[ROLE_DOWN] = "encoder.layer.#.output.dense",                          \
	[ROLE_MLP_POST_NORM] = "encoder.layer.#.output.LayerNorm"

static const struct scheme bert_names = {
    .prefixes = bert_prefixes,
    .layers = "encoder.layer.",
    .names = {BERT_BODY, [ROLE_POOLER] = "pooler.dense",
	[ROLE_CLASSIFIER] = "/classifier"},
};

/* RoBERTa's head works on the first token as it is, without the pooler. */
static const struct scheme roberta_names = {
    .prefixes = bert_prefixes,
    .layers = "encoder.layer.",
    .names = {BERT_BODY, [ROLE_POOLER] = "/classifier.dense",
	[ROLE_CLASSIFIER] = "/classifier.out_proj"},
};

static const char *const distilbert_prefixes[] = {"", "distilbert.", NULL};

static const struct scheme distilbert_names = {
    .prefixes = distilbert_prefixes,
    .layers = "transformer.layer.",
    .names =
	{
	    [ROLE_EMBED] = "embeddings.word_embeddings",
	    [ROLE_POSITIONS] = "embeddings.position_embeddings",
	    [ROLE_EMBED_NORM] = "embeddings.LayerNorm",
	    [ROLE_Q] = "transformer.layer.#.attention.q_lin",
	    [ROLE_K] = "transformer.layer.#.attention.k_lin",
	    [ROLE_V] = "transformer.layer.#.attention.v_lin",
	    [ROLE_O] = "transformer.layer.#.attention.out_lin",
	    [ROLE_ATTN_POST_NORM] = "transformer.layer.#.sa_layer_norm",
	    [ROLE_UP] = "transformer.layer.#.ffn.lin1",
	    [ROLE_DOWN] = "transformer.layer.#.ffn.lin2",
	    [ROLE_MLP_POST_NORM] = "transformer.layer.#.output_layer_norm",
	    [ROLE_POOLER] = "/pre_classifier",
	    [ROLE_CLASSIFIER] = "/classifier",
	},
};

static const char *const modernbert_prefixes[] = {"model.", "", NULL};

static const struct scheme modernbert_names = {
    .prefixes = modernbert_prefixes,
    .layers = "layers.",
    .names =
	{
	    [ROLE_EMBED] = "embeddings.tok_embeddings",
	    [ROLE_EMBED_NORM] = "embeddings.norm",
	    [ROLE_FINAL_NORM] = "final_norm",
	    [ROLE_ATTN_NORM] = "layers.#.attn_norm",
	    [ROLE_QKV] = "layers.#.attn.Wqkv",
	    [ROLE_O] = "layers.#.attn.Wo",
	    [ROLE_MLP_NORM] = "layers.#.mlp_norm",
	    [ROLE_GATE_UP] = "layers.#.mlp.Wi",
	    [ROLE_DOWN] = "layers.#.mlp.Wo",
	    [ROLE_POOLER] = "/head.dense",
	    [ROLE_POOLER_NORM] = "/head.norm",
	    [ROLE_CLASSIFIER] = "/classifier",
	},
};

#define BERT_TRAITS                                                            \
	(TRAIT_ENCODER | TRAIT_POST_NORM | TRAIT_LAYER_NORM | TRAIT_ALL_BIAS | \
	    TRAIT_PLAIN_MLP | TRAIT_POSITIONS)

/* Sources: transformers' configuration classes of the same names. */
static const struct family families[] = {
    {
	.model_type = "llama",
	.architecture = "llama",
	.traits = TRAIT_PAIRS_IN_GGUF,
	.scheme = &llama_names,
	.gguf_scheme = &gguf_names,
	.defaults = {.max_positions = 2048,
	    .norm_eps = 1e-6,
	    .rope_theta = 1e4},
    },
    {
	.model_type = "mistral",
	.traits = TRAIT_WINDOW,
	.scheme = &llama_names,
	.defaults = {.max_positions = 131072,
	    .norm_eps = 1e-6,
	    .rope_theta = 1e4,
	    .window = 4096},
    },
    {
	.model_type = "qwen2",
	.architecture = "qwen2",
	.traits = TRAIT_QKV_BIAS | TRAIT_WINDOW_ASKED,
	.scheme = &llama_names,
	.gguf_scheme = &gguf_names,
	.defaults = {.max_positions = 32768,
	    .norm_eps = 1e-6,
	    .rope_theta = 1e4,
	    .window = 4096},
    },
    {
	.model_type = "qwen3",
	.architecture = "qwen3",
	.traits = TRAIT_QK_NORM | TRAIT_WINDOW_ASKED,
	.scheme = &llama_names,
	.gguf_scheme = &gguf_names,
	.defaults = {.head_dim = 128,
	    .max_positions = 32768,
	    .norm_eps = 1e-6,
	    .rope_theta = 1e4,
	    .window = 4096},
    },
    {
	.model_type = "gemma3_text",
	.architecture = "gemma3",
	.traits = TRAIT_SANDWICH | TRAIT_NORM_PLUS_ONE | TRAIT_QK_NORM |
		  TRAIT_EMBED_SCALE | TRAIT_TIED | TRAIT_WINDOW_MIXED,
	.scheme = &gemma_names,
	.gguf_scheme = &gguf_names,
	.defaults = {.n_heads = 8,
	    .n_kv_heads = 4,
	    .head_dim = 256,
	    .vocab = 262208,
	    .max_positions = 131072,
	    .window = 4096,
	    .pattern = 6,
	    .norm_eps = 1e-6,
	    .rope_theta = 1e6,
	    .local_theta = 1e4,
	    .attn_scalar = 256,
	    .activation = ACTIVATION_GELU_TANH},
    },
    {
	.model_type = "phi3",
	.architecture = "phi3",
	.traits = TRAIT_FUSED_QKV | TRAIT_FUSED_MLP | TRAIT_WINDOW,
	.scheme = &llama_names,
	.gguf_scheme = &gguf_names,
	.defaults = {.max_positions = 4096,
	    .norm_eps = 1e-5,
	    .rope_theta = 1e4},
    },
    {
	.model_type = "bert",
	.architecture = "bert",
	.traits = BERT_TRAITS,
	.scheme = &bert_names,
	.gguf_scheme = &gguf_bert_names,
	.pooled = ACTIVATION_TANH,
	.defaults = {.max_positions = 512,
	    .norm_eps = 1e-12,
	    .activation = ACTIVATION_GELU},
    },
    {
	.model_type = "distilbert",
	.traits = BERT_TRAITS,
	.scheme = &distilbert_names,
	.pooled = ACTIVATION_RELU,
	.defaults = {.max_positions = 512,
	    .norm_eps = 1e-12,
	    .activation = ACTIVATION_GELU},
    },
    {
	.model_type = "xlm-roberta",
	.traits = BERT_TRAITS | TRAIT_PAST_PAD,
	.scheme = &roberta_names,
	.pooled = ACTIVATION_TANH,
	.defaults = {.max_positions = 512,
	    .norm_eps = 1e-12,
	    .activation = ACTIVATION_GELU},
    },
    {
	.model_type = "roberta",
	.traits = BERT_TRAITS | TRAIT_PAST_PAD,
	.scheme = &roberta_names,
	.pooled = ACTIVATION_TANH,
	.defaults = {.max_positions = 512,
	    .norm_eps = 1e-12,
	    .activation = ACTIVATION_GELU},
    },
    {
	.model_type = "modernbert",
	.traits = TRAIT_ENCODER | TRAIT_LAYER_NORM | TRAIT_FUSED_QKV |
		  TRAIT_FUSED_MLP | TRAIT_WINDOW_MIXED | TRAIT_NO_FIRST_NORM,
	.scheme = &modernbert_names,
	.pooled = ACTIVATION_GELU,
	.defaults = {.max_positions = 8192,
	    .window = 128,
	    .pattern = 3,
	    .norm_eps = 1e-5,
	    .rope_theta = 160000,
	    .local_theta = 1e4,
	    .activation = ACTIVATION_GELU},
    },
};

#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

const struct family *family_find(struct span model_type)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (span_eq(model_type, span_of(families[i].model_type)))
			return &families[i];
	}
	return NULL;
}

const struct family *family_find_gguf(struct span architecture)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (families[i].architecture &&
		    span_eq(architecture, span_of(families[i].architecture)))
			return &families[i];
	}
	return NULL;
}

const char *family_names(void)
{
	return "llama, mistral, qwen2, qwen3, gemma3, phi3, bert, distilbert, "
	       "xlm-roberta, roberta, modernbert";
}
