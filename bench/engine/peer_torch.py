# peer_torch.py -- MiniLM as torch computes it, driven by lines.
# SPDX-License-Identifier: Apache-2.0
"""usage: peer_torch.py MODEL_DIR THREADS

Reads "embed TEXTS TOKENS", answers "WALL_NS CPU_NS" of the whole process.
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
for line in sys.stdin:
    _, texts, tokens = line.split()
    count = int(texts) * int(tokens)
    ids = torch.tensor([100 + i * 7919 % 20000 for i in range(count)])
    ids = ids.reshape(int(texts), int(tokens))
    wall, cpu = time.monotonic_ns(), time.process_time_ns()
    with torch.inference_mode():
        states = model(input_ids=ids).last_hidden_state.mean(1)
        torch.nn.functional.normalize(states)
    print(time.monotonic_ns() - wall, time.process_time_ns() - cpu, flush=True)
