# local_bench.py -- the usual bench with tiny models inside.
# SPDX-License-Identifier: Apache-2.0
from engine import Place
from harness import *  # noqa: F403
from local_api import TINY

CHAT = ("{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}"
        "<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}")
TOOLS = ("{% for t in tools or [] %}{{ t.function.name }}<tool_call>"
         "{% endfor %}{% for m in messages %}<|im_start|>{{ m.role }}"
         "{% if m.content %} {{ m.content }}{% endif %}"
         "{% for c in m.tool_calls or [] %}<tool_call>"
         "{{ c.function.arguments.items() | list }}</tool_call>{% endfor %}"
         "<|im_end|>{% endfor %}<|im_start|>assistant ")

ENDLESS = {"2": -100, "4": -100}  # the ends of a text
PRICE = {"input": 1, "cached_input": 0.5, "output": 2}
POLICY_LOCAL = {
    "name": "local-first", "baseline": "up/large", "cache": "auto",
    "use": [TINY, "up/large"],
    "rules": [
        {"name": "unsure", "when": "request.text.startsWith('unsure')",
         "use": [TINY, "up/small"],
         "escalate": {"below": 1.0, "hold": 6, "to": "up/large"}},
        {"name": "sure", "when": "request.text.startsWith('sure')",
         "use": [TINY, "up/large"],
         "escalate": {"below": 0.000001, "hold": 6}},
        {"name": "samples", "when": "request.text.startsWith('agree')",
         "use": [TINY, "up/large"],
         "escalate": {"hold": 20, "sample": {"n": 3, "agree": 3}}},
        {"name": "alone", "when": "request.text.startsWith('alone')",
         "use": [TINY], "escalate": {"below": 1.0, "hold": 6}},
    ]}


class Local(Bench):
    """The usual bench, with models inside."""

    def __init__(self):
        self.place = Place()
        local = [
            {"name": TINY, "price": PRICE, "context": 256, "batch": 4,
             "path": self.place.checkpoint("llama", chat=CHAT)},
            {"name": "local/tools", "price": PRICE,
             "path": self.place.checkpoint("qwen3", chat=TOOLS)},
            {"name": "local/thinks", "price": PRICE,
             "path": self.place.checkpoint(
                 "mistral", chat=CHAT + "<think>\n")},
            {"name": "local/power", "path": self.place.checkpoint(
                "llama3", chat=CHAT),
             "power": {"watts": 65, "tariff": "0.30", "hour": "3600"}},
            {"name": "local/bert", "price": PRICE,
             "path": self.place.checkpoint("bert")},
        ]
        super().__init__(POLICY_LOCAL, local=local, keys=[
            {"name": "team-a", "key": KEY, "tags": ["internal"]}],
            engine={"queue": 10}, cache={"store": "memory", "size": "16MiB"})
        eventually(lambda: get(self.gateway.admin, "/readyz").count(
            b'"ready"') == 5, "the models are loaded", 30)

    def close(self):
        problem = super().close()
        self.place.close()
        return problem
