#!/usr/bin/env python3
# make-model-goldens.py -- tiny random checkpoints of every family, and what
# transformers computes with them.
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/models/NAME/ for each family: config.json, the weights and
golden.safetensors, which holds

  ids       (n)         a text
  logprobs  (n, vocab)  of decoders: after each token of it
  greedy    (64)        the likeliest tokens that follow the text
  hidden    (hidden)    of encoders: mean of the last states
  logits    (labels)    and of their classification head

The same weights as NAME.gguf for the architectures that GGUF has, blocks of
every quantised type in quants.safetensors and, of the real models that
tools/fetch-models gets, smollm2.safetensors and minilm.safetensors.

Needs torch, transformers, safetensors, numpy and gguf (pip, outside of the
tree). Sizes are odd on purpose: widths that are no multiple of a vector,
windows that are no multiple of a page.

usage: tools/make-model-goldens.py [NAME...]
"""
import json
import os
import shutil
import sys

import numpy as np
import torch
import transformers as t
from safetensors.torch import save_file

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(TOP, "tests", "data", "models")
VOCAB = 101
TEXT = 45
GREEDY = 64

SMALL = dict(vocab_size=VOCAB, hidden_size=36, intermediate_size=52,
             num_hidden_layers=2, num_attention_heads=6,
             num_key_value_heads=2, max_position_embeddings=256,
             bos_token_id=1, eos_token_id=2, pad_token_id=0)
ENCODER = dict(vocab_size=VOCAB, hidden_size=36, intermediate_size=52,
               num_hidden_layers=2, num_attention_heads=3,
               max_position_embeddings=80, num_labels=3)


def rope(kind, **more):
    return {"rope_type": kind, "rope_theta": 10000.0, **more}


DECODERS = {
    "llama": (t.LlamaConfig, dict(SMALL)),
    "llama3": (t.LlamaConfig, dict(
        SMALL, tie_word_embeddings=True, rope_parameters=rope(
            "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32))),
    "llama-linear": (t.LlamaConfig, dict(
        SMALL, attention_bias=True, mlp_bias=True,
        rope_parameters=rope("linear", factor=4.0))),
    "mistral": (t.MistralConfig, dict(
        SMALL, head_dim=10, sliding_window=19)),
    "qwen2": (t.Qwen2Config, dict(SMALL)),
    "qwen2-yarn": (t.Qwen2Config, dict(
        SMALL, use_sliding_window=True, sliding_window=9, max_window_layers=1,
        rope_parameters=rope("yarn", factor=4.0,
                             original_max_position_embeddings=32))),
    "qwen3": (t.Qwen3Config, dict(
        SMALL, head_dim=14, tie_word_embeddings=True)),
    "gemma3": (t.Gemma3TextConfig, dict(
        SMALL, head_dim=10, num_hidden_layers=3, sliding_window=11,
        query_pre_attn_scalar=17,
        layer_types=["sliding_attention", "full_attention",
                     "sliding_attention"],
        rope_parameters={
            "sliding_attention": rope("default"),
            "full_attention": {"rope_type": "linear", "factor": 8.0,
                               "rope_theta": 1000000.0}})),
    "phi3": (t.Phi3Config, dict(SMALL, sliding_window=23)),
    "phi3-long": (t.Phi3Config, dict(
        SMALL, hidden_size=48, num_attention_heads=3, num_key_value_heads=1,
        tie_word_embeddings=True, original_max_position_embeddings=32,
        rope_parameters=dict(rope(
            "longrope", short_factor=[1.0, 1.1, 1.3, 1.7, 2.2, 2.5],
            long_factor=[1.0, 2.2, 4.1, 7.9, 9.1, 9.9],
            partial_rotary_factor=0.75)))),
    "phi3-short": (t.Phi3Config, dict(
        SMALL, hidden_size=48, num_attention_heads=3, num_key_value_heads=1,
        tie_word_embeddings=True, original_max_position_embeddings=128,
        rope_parameters=dict(rope(
            "longrope", short_factor=[1.0, 1.1, 1.3, 1.7, 2.2, 2.5],
            long_factor=[1.0, 2.2, 4.1, 7.9, 9.1, 9.9],
            partial_rotary_factor=0.75)))),
}
ENCODERS = {
    "bert": (t.BertConfig, dict(ENCODER, type_vocab_size=2)),
    "distilbert": (t.DistilBertConfig, dict(
        vocab_size=VOCAB, dim=36, hidden_dim=52, n_layers=2, n_heads=3,
        max_position_embeddings=80, num_labels=3)),
    "xlm-roberta": (t.XLMRobertaConfig, dict(
        ENCODER, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1)),
    "modernbert": (t.ModernBertConfig, dict(
        ENCODER, num_hidden_layers=4, local_attention=14, pad_token_id=0,
        classifier_pooling="mean", bos_token_id=1, eos_token_id=2,
        cls_token_id=1, sep_token_id=2)),
}


def randomise(model, seed):
    """Weights large enough that every part shows in the answer."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() < 2:
                base = 1.0 if "norm" in name.lower() and \
                    name.endswith("weight") else 0.0
                if base and "Gemma" in type(model).__name__:
                    base = 0.0
                parameter.copy_(base + 0.2 * noise)
            else:
                parameter.copy_(noise * 0.9 / parameter.shape[1] ** 0.5)


def text(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(3, VOCAB, TEXT).tolist()


def save(folder, model, golden, shards=1, dtype=torch.float32):
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(
        folder, max_shard_size="40KB" if shards > 1 else "1GB")
    save_file(golden, os.path.join(folder, "golden.safetensors"))
    for name in os.listdir(folder):
        if not name.endswith((".json", ".safetensors")):
            os.remove(os.path.join(folder, name))


def decoder_golden(model, ids, n):
    out = {}
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
        out["ids"] = torch.tensor(ids, dtype=torch.int32)
        out["logprobs"] = torch.log_softmax(logits, -1).contiguous()
        # Each token from a whole forward pass: no cache's habits in it.
        greedy, now = [], list(ids)
        for _ in range(n):
            last = model(torch.tensor([now]), use_cache=False).logits[0, -1]
            greedy.append(int(last.argmax()))
            now.append(greedy[-1])
        out["greedy"] = torch.tensor(greedy, dtype=torch.int32)
    return out


def make_decoder(name, seed):
    kind, settings = DECODERS[name]
    config = kind(**settings)
    model = t.AutoModelForCausalLM.from_config(
        config, attn_implementation="eager").eval()
    randomise(model, seed)
    shards = 2 if name == "llama-linear" else 1
    dtype = torch.float32
    if name == "qwen3":
        dtype = torch.bfloat16
        with torch.no_grad():  # the weights alone, not rope's frequencies
            for parameter in model.parameters():
                parameter.copy_(parameter.to(dtype))
    golden = decoder_golden(model, text(seed), GREEDY)
    save(os.path.join(OUT, name), model, golden, shards, dtype)


def make_encoder(name, seed):
    kind, settings = ENCODERS[name]
    config = kind(**settings)
    model = t.AutoModelForSequenceClassification.from_config(
        config, attn_implementation="eager").eval()
    randomise(model, seed)
    ids = torch.tensor([text(seed)])
    with torch.no_grad():
        base = getattr(model, model.base_model_prefix)
        states = base(ids).last_hidden_state[0]
        golden = {
            "ids": ids[0].to(torch.int32),
            "hidden": states.mean(0).contiguous(),
            "logits": model(ids).logits[0].contiguous(),
        }
    save(os.path.join(OUT, name), model, golden)


def old_shape(name, source, change):
    """The same checkpoint with a config as older releases wrote it."""
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(OUT, source, "config.json")) as file:
        config = json.load(file)
    change(config)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)


def old_llama3(config):
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters.pop("rope_theta")
    config["rope_scaling"] = parameters


def old_gemma3(config):
    """Nested, as the multimodal checkpoints are."""
    text_config = dict(config)
    for key in ("rope_parameters", "layer_types", "architectures"):
        text_config.pop(key)
    text_config["sliding_window_pattern"] = 2
    text_config["rope_theta"] = 1000000.0
    text_config["rope_local_base_freq"] = 10000.0
    text_config["rope_scaling"] = {"rope_type": "linear", "factor": 8.0}
    config.clear()
    config.update(model_type="gemma3", text_config=text_config)


def make_quants():
    """Blocks of random bytes of each type, in words, and their values."""
    import gguf

    def words(array):
        raw = np.frombuffer(array.tobytes(), np.int32)
        return torch.from_numpy(raw.copy())

    rng = np.random.default_rng(7)
    out = {}
    for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K",
                 "Q6_K"):
        kind = getattr(gguf.GGMLQuantizationType, name)
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (4, size), dtype=np.uint8)
        halves = rng.normal(0, 0.1, (4, 2)).astype(np.float16)
        raw = halves.view(np.uint8)
        if name == "Q6_K":
            blocks[:, -2:] = raw[:, :2]
        else:
            two = name in ("Q4_1", "Q5_1", "Q4_K", "Q5_K")
            blocks[:, :4 if two else 2] = raw[:, :4 if two else 2]
        values = gguf.quants.dequantize(blocks, kind)
        out[name + ".blocks"] = words(blocks)
        out[name + ".values"] = torch.from_numpy(
            np.ascontiguousarray(values.reshape(-1), dtype=np.float32))
    halves = np.concatenate([
        np.arange(0, 65536, 251, dtype=np.uint32).astype(np.uint16),
        np.array([1, 0x3ff, 0x400, 0x7bff, 0x8001, 0xfbff], np.uint16)])
    halves = halves[np.isfinite(halves.view(np.float16))]
    halves = halves[:len(halves) // 2 * 2]
    out["F16.blocks"] = words(halves)
    out["F16.values"] = torch.from_numpy(
        halves.view(np.float16).astype(np.float32))
    save_file(out, os.path.join(OUT, "quants.safetensors"))


DECODER_NAMES = [
    ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"), ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.o_proj", "attn_output"), ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"), ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"), ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"), ("input_layernorm", "attn_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
    ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"),
    ("lm_head", "output"), ("model.layers.", "blk."),
]
BERT_NAMES = [
    ("attention.self.query", "attn_q"), ("attention.self.key", "attn_k"),
    ("attention.self.value", "attn_v"),
    ("attention.output.dense", "attn_output"),
    ("attention.output.LayerNorm", "attn_output_norm"),
    ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"),
    ("output.LayerNorm", "layer_output_norm"),
    ("bert.encoder.layer.", "blk."),
    ("bert.embeddings.word_embeddings", "token_embd"),
    ("bert.embeddings.position_embeddings", "position_embd"),
    ("bert.embeddings.token_type_embeddings", "token_types"),
    ("bert.embeddings.LayerNorm", "token_embd_norm"),
]


def gguf_name(name, arch):
    after = "post_attention_norm" if arch == "gemma3" else "ffn_norm"
    names = BERT_NAMES if arch == "bert" else \
        [("post_attention_layernorm", after)] + DECODER_NAMES
    for old, new in names:
        name = name.replace(old, new)
    return name


def permute(weight, heads):
    """Rows as the llama architecture keeps them in GGUF files."""
    rows = weight.reshape(heads, 2, -1, *weight.shape[1:])
    return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(weight.shape))


def gguf_keys(writer, config, arch):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if arch == "bert":
        writer.add_layer_norm_eps(config.layer_norm_eps)
        return
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if getattr(config, "sliding_window", None) and arch != "qwen2":
        writer.add_sliding_window(config.sliding_window)
    writer.add_rope_freq_base(10000.0)


def gguf_peculiar(writer, name, config):
    """What a GGUF file says with tensors or otherwise than config.json."""
    import gguf
    if name == "llama3":
        scaled = t.models.llama.modeling_llama.LlamaRotaryEmbedding(config)
        plain = 10000.0 ** -(np.arange(0, 6, 2, dtype=np.float32) / 6)
        writer.add_tensor("rope_freqs.weight",
                          (plain / scaled.inv_freq.numpy()).astype("f4"))
    if name == "phi3-long":
        rope = config.rope_parameters
        for kind in ("short", "long"):
            writer.add_tensor(f"rope_factors_{kind}.weight",
                              np.array(rope[kind + "_factor"], "f4"))
        writer.add_rope_scaling_orig_ctx_len(32)
        writer.add_rope_dimension_count(12)
        writer.add_rope_scaling_attn_factors(
            float(np.sqrt(1 + np.log(256 / 32) / np.log(32))))
    if name == "gemma3":
        writer.add_rope_freq_base(1000000.0)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(8.0)
        writer.add_uint32("gemma3.attention.sliding_window_pattern", 2)


def make_gguf(name, arch):
    """The checkpoint NAME, made before, as a GGUF file."""
    import gguf
    folder = os.path.join(OUT, name)
    kind = t.BertForSequenceClassification if arch == "bert" \
        else t.AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32)
    config = model.config
    writer = gguf.GGUFWriter(os.path.join(OUT, name + ".gguf"), arch)
    gguf_keys(writer, config, arch)
    gguf_peculiar(writer, name, config)
    for key, tensor in model.state_dict().items():
        if "pooler" in key or "classifier" in key or \
                key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        array = tensor.numpy()
        if arch == "llama" and ".q_proj" in key:
            array = permute(array, config.num_attention_heads)
        if arch == "llama" and ".k_proj" in key:
            array = permute(array, config.num_key_value_heads)
        if arch == "gemma3" and key.endswith("norm.weight"):
            array = array + 1
        if arch == "gemma3" and ".q_norm" in key:
            # The format has no place for query_pre_attn_scalar.
            array = array * np.float32(np.sqrt(10 / 17))
        if name == "qwen3" and array.ndim == 2:
            bf16 = gguf.GGMLQuantizationType.BF16
            writer.add_tensor(gguf_name(key, arch),
                              gguf.quants.quantize(array, bf16),
                              raw_dtype=bf16)
        else:
            writer.add_tensor(gguf_name(key, arch), array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_ggufs():
    for name, arch in (("llama", "llama"), ("llama3", "llama"),
                       ("qwen2", "qwen2"), ("qwen3", "qwen3"),
                       ("gemma3", "gemma3"), ("phi3-long", "phi3"),
                       ("bert", "bert")):
        make_gguf(name, arch)


PASSAGE = """The lighthouse keeper wrote in his log every evening, whether \
or not anything had happened. On the third of March, 1911, he noted: wind NW, \
force 6, visibility 4 miles; two steamers passed at 16:20, one of them listing \
to port. He did not write that his lamp had failed for eleven minutes.

def area(radius):
    return 3.14159 * radius ** 2

L'\u00e9t\u00e9, la mer est calme. \u4eca\u65e5\u306f\u3044\u3044\u5929\u6c17\u3067\u3059\u3002 The end."""
PROMPTS = [
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    "<|im_start|>assistant\n",
    "Once upon a time, in a village by the sea,",
]
SENTENCES = [
    "That is a happy person",
    "A quick brown fox jumps over the lazy dog near the river bank.",
    "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "Gross margins fell to 41.7% in Q3, while operating costs rose.",
]


def cache():
    base = os.environ.get("XDG_CACHE_HOME",
                          os.path.expanduser("~/.cache"))
    return os.path.join(base, "sluice", "models")


def make_smollm2():
    """The GGUF file's weights as plain F32 numbers, in transformers."""
    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    model = t.AutoModelForCausalLM.from_pretrained(
        cache(), gguf_file=name, dtype=torch.float32).eval()
    tokenizer = t.AutoTokenizer.from_pretrained(cache(), gguf_file=name)
    ids = tokenizer.encode(PASSAGE, add_special_tokens=False)
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
        logprobs = torch.log_softmax(logits, -1)
        top = logprobs.topk(16)
        out = {
            "ids": torch.tensor(ids, dtype=torch.int32),
            "next": logprobs[:-1].gather(
                1, torch.tensor(ids[1:])[:, None])[:, 0].contiguous(),
            "top.ids": top.indices.to(torch.int32).reshape(-1),
            "top.logprobs": top.values.reshape(-1).contiguous(),
        }
        for i, prompt in enumerate(PROMPTS):
            ids = tokenizer.encode(prompt, add_special_tokens=False)
            out[f"prompt{i}"] = torch.tensor(ids, dtype=torch.int32)
            greedy, past, now = [], None, ids
            for _ in range(GREEDY):
                answer = model(torch.tensor([now]), past_key_values=past,
                               use_cache=True)
                past = answer.past_key_values
                now = [int(answer.logits[0, -1].argmax())]
                greedy += now
            out[f"greedy{i}"] = torch.tensor(greedy, dtype=torch.int32)
    save_file(out, os.path.join(OUT, "smollm2.safetensors"))
    if "LOGPROBS" in os.environ:  # all of them, for a full comparison
        save_file({"logprobs": logprobs.contiguous()},
                  os.environ["LOGPROBS"])


def make_minilm():
    folder = os.path.join(cache(), "all-MiniLM-L6-v2")
    model = t.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = t.AutoTokenizer.from_pretrained(folder)
    out = {}
    for i, sentence in enumerate(SENTENCES):
        ids = tokenizer(sentence)["input_ids"]
        with torch.no_grad():
            states = model(torch.tensor([ids])).last_hidden_state[0]
        mean = states.mean(0)
        out[f"ids{i}"] = torch.tensor(ids, dtype=torch.int32)
        out[f"embedding{i}"] = mean / mean.norm()
    save_file(out, os.path.join(OUT, "minilm.safetensors"))


OTHERS = {"ggufs": make_ggufs, "quants": make_quants,
          "smollm2": make_smollm2, "minilm": make_minilm}


def main():
    all_names = [*DECODERS, *ENCODERS, *OTHERS]
    names = sys.argv[1:] or all_names
    torch.manual_seed(1)
    os.makedirs(OUT, exist_ok=True)
    for name in names:
        seed = 100 + all_names.index(name)
        if name in DECODERS:
            make_decoder(name, seed)
        elif name in ENCODERS:
            make_encoder(name, seed)
        else:
            OTHERS[name]()
        print(name)
    if not sys.argv[1:]:
        old_shape("llama3-old", "llama3", old_llama3)
        old_shape("gemma3-old", "gemma3", old_gemma3)


main()
