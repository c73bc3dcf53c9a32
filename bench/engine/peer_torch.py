# peer_torch.py -- MiniLM as torch computes it, driven by lines.
# SPDX-License-Identifier: Apache-2.0
"""usage: peer_torch.py MODEL_DIR THREADS

Reads "embed TEXTS TOKENS" and "mixed" (16 texts of many lengths, padded to the
longest as sentence-transformers pads them), answers "WALL_NS CPU_NS" of the
whole process.
"""
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoModel  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
model = AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
print("ready", flush=True)
LENGTHS = [7, 9, 11, 12, 14, 15, 17, 18, 21, 24, 28, 33, 39, 48, 64, 96]


def rows_of(line):
    """Token ids and the mask of what is no padding, (texts, tokens)."""
    words = line.split()
    lengths = LENGTHS
    if words[0] == "embed":
        lengths = [int(words[2])] * int(words[1])
    count = len(lengths) * max(lengths)
    ids = torch.tensor([100 + i * 7919 % 20000 for i in range(count)])
    mask = torch.tensor([[i < n for i in range(max(lengths))]
                         for n in lengths])
    return ids.reshape(mask.shape), mask.long()


for line in sys.stdin:
    ids, mask = rows_of(line)
    wall, cpu = time.monotonic_ns(), time.process_time_ns()
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).float()
        means = (states * weight).sum(1) / weight.sum(1)
        torch.nn.functional.normalize(means)
    print(time.monotonic_ns() - wall, time.process_time_ns() - cpu, flush=True)
