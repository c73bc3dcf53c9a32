#!/usr/bin/env python3
# make_checkpoint.py -- a checkpoint of Llama-3.2-1B's shape, its weights random.
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/engine/make_checkpoint.py FOLDER

Writes config.json and model.safetensors (2.5 GB, BF16) to FOLDER: enough to time
how long a model of that size takes from its start to its first token. Needs
nothing beside Python. The numbers are a pattern of 1 MiB, small ones, over and
over: nothing that is timed depends on them.
"""
import json
import os
import random
import struct
import sys

HIDDEN, LAYERS, INNER, VOCABULARY, HEADS, KV_HEADS, SIZE = (
    2048, 16, 8192, 128256, 32, 8, 64)

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS, "head_dim": SIZE,
    "vocab_size": VOCABULARY, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
    "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    "bos_token_id": 1, "eos_token_id": 2,
}


def tensors():
    yield "model.embed_tokens.weight", [VOCABULARY, HIDDEN]
    yield "model.norm.weight", [HIDDEN]
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", [HIDDEN]
        yield layer + "post_attention_layernorm.weight", [HIDDEN]
        yield layer + "self_attn.q_proj.weight", [HEADS * SIZE, HIDDEN]
        yield layer + "self_attn.k_proj.weight", [KV_HEADS * SIZE, HIDDEN]
        yield layer + "self_attn.v_proj.weight", [KV_HEADS * SIZE, HIDDEN]
        yield layer + "self_attn.o_proj.weight", [HIDDEN, HEADS * SIZE]
        yield layer + "mlp.gate_proj.weight", [INNER, HIDDEN]
        yield layer + "mlp.up_proj.weight", [INNER, HIDDEN]
        yield layer + "mlp.down_proj.weight", [HIDDEN, INNER]


def pattern():
    """Numbers of BF16 from 2^-7 to 2^-5, of both signs."""
    source = random.Random(20261123)
    return b"".join(
        struct.pack("<H", source.randrange(0x3c00, 0x3d00) |
                    source.randrange(2) << 15) for _ in range(1 << 19))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(CONFIG, out)
    header, at = {}, 0
    for name, shape in tensors():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "BF16", "shape": shape,
                        "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = pattern()
    with open(os.path.join(folder, "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        while at > 0:
            out.write(block[:min(at, len(block))])
            at -= min(at, len(block))


if __name__ == "__main__":
    main()
