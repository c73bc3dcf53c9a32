# grammar_schemas.py -- random JSON schemas, and values that satisfy them.
# SPDX-License-Identifier: Apache-2.0
"""python3 grammar_schemas.py N [SEED] prints N schemas, one a line, for the bench."""
import json
import random
import string
import sys

WORDS = ["name", "age", "city", "tags", "price", "a", "ab", "größe", "の",
         "with space", "quo\"te", "back\\slash", "tab\t", "\U0001F600", "x1"]
PATTERNS = {
    r"^[a-z]{2,8}$": lambda r: letters(r, 2, 8),
    r"^\d{3}-\d{4}$": lambda r: f"{r.randrange(1000):03}-{r.randrange(9999):04}",
    r"^(red|green|blue)?$": lambda r: r.choice(["", "red", "green", "blue"]),
    r"^[^\s\"\\@]{1,9}@\w{1,5}\.com$": lambda r: letters(r, 1, 5) + "@x_1.com",
    r"^[bc]*b+c": lambda r: "cbbc\"\\\n\u00e9",
    r"^#[0-9A-Fa-f]{6}$": lambda r: f"#{r.randrange(1 << 24):06x}",
    r"^(?:\u00e4|[\u4e00-\u9fff])*\.$": lambda r: "\u00e4\u4e2d\u6587.",
}
FORMATS = {
    "date": lambda r: f"{r.randrange(1000, 9999)}-02-28",
    "time": lambda r: f"{r.randrange(24):02}:59:0{r.randrange(9)}.5+02:00",
    "date-time": lambda r: f"20{r.randrange(10, 99)}-12-31T23:59:59Z",
    "email": lambda r: letters(r, 1, 6) + ".b@mail.example.org",
    "uuid": lambda r: "123e4567-e89b-12d3-a456-4266141740%02x" % r.randrange(256),
    "ipv4": lambda r: f"{r.randrange(256)}.0.255.{r.randrange(256)}",
    "ipv6": lambda r: f"2001:db8:0:0:0:0:0:{r.randrange(65536):x}",
    "hostname": lambda r: letters(r, 1, 9) + ".example.org",
    "duration": lambda r: f"P{r.randrange(9)}DT{r.randrange(9)}H",
}


def letters(r, least, most):
    return "".join(r.choice(string.ascii_lowercase)
                   for _ in range(r.randint(least, most)))


def any_text(r, least=0, most=12):
    marks = "abc XYZ019\"\\/\n\t\u0001éßж中文\U0001F600\u2028{}[],:"
    return "".join(r.choice(marks) for _ in range(r.randint(least, most)))


def constant(r):
    return r.choice([None, True, 0, 17, -3, 2.5, "", "one", "two words",
                     any_text(r), {"k": [1, "v"]}, [], [None, {"": {}}]])


class Maker:
    """One schema, whose references point at definitions of its own."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.defs = {}

    def schema(self):
        # A list that may end, so that what refers to it has an end too.
        self.defs["list"] = {
            "type": "object",
            "properties": {"value": self.value(2),
                           "next": {"anyOf": [{"$ref": "#/$defs/list"},
                                              {"type": "null"}]}},
            "required": ["value", "next"], "additionalProperties": False}
        top = self.value(0)
        if self.random.random() < 0.7:
            top = self.object(0)
        if self.random.random() < 0.5:
            top = dict(top, title="A title", description="x")
        return dict(top, **{"$defs": self.defs})

    def value(self, depth):
        r = self.random
        kinds = [self.text, self.text, self.number, self.integer, self.word,
                 self.constants, self.types]
        if depth < 4:
            kinds += [self.object, self.object, self.array, self.array,
                      self.union]
            if "list" in self.defs:
                kinds += [lambda _: {"$ref": "#/$defs/list"},
                          lambda _: {"allOf": [{"$ref": "#/$defs/list"}]}]
        return r.choice(kinds)(depth + 1)

    def word(self, _):
        return {"type": self.random.choice(["null", "boolean"])}

    def types(self, _):
        return {"type": self.random.choice([
            ["string", "null"], ["integer", "null"], ["number", "string"],
            ["boolean", "integer", "string"]])}

    def constants(self, _):
        r = self.random
        if r.random() < 0.3:
            return {"const": constant(r)}
        if r.random() < 0.5:
            words = r.sample(WORDS, r.randint(1, 6))
            return {"type": "string", "enum": words}
        return {"enum": [constant(r) for _ in range(r.randint(1, 6))]}

    def text(self, _):
        r, schema = self.random, {"type": "string"}
        kind = r.random()
        if kind < 0.15:
            schema["pattern"] = r.choice(list(PATTERNS))
        elif kind < 0.3:
            schema["format"] = r.choice(list(FORMATS))
        elif kind < 0.5:
            schema["minLength"] = r.randrange(8)
            schema["maxLength"] = schema["minLength"] + r.randrange(40)
        elif kind < 0.55:
            schema["minLength"] = r.randrange(30)
        return schema

    def integer(self, _):
        r, schema = self.random, {"type": "integer"}
        low = r.choice([-10 ** 9, -100, -1, 0, 1, 18, 1000])
        if r.random() < 0.4:
            schema["minimum"] = low
        elif r.random() < 0.3:
            schema["exclusiveMinimum"] = low
        if r.random() < 0.4:
            high = low + r.choice([1, 2, 10, 12345, 10 ** 10])
            schema[r.choice(["maximum", "exclusiveMaximum"])] = high + 1
        if r.random() < 0.2:
            schema["multipleOf"] = r.choice([1, 2, 5])
            schema.pop("maximum", None)
            schema.pop("exclusiveMaximum", None)
        return schema

    def number(self, _):
        r, schema = self.random, {"type": "number"}
        low = r.choice([-1e6, -2.5, -0.001, 0, 0.5, 99.99])
        if r.random() < 0.5:
            schema[r.choice(["minimum", "exclusiveMinimum"])] = low
        if r.random() < 0.5:
            schema[r.choice(["maximum", "exclusiveMaximum"])] = \
                round(low + r.choice([0.25, 1, 1e5]), 5)
        return schema

    def array(self, depth):
        r = self.random
        schema = {"type": "array", "items": self.value(depth)}
        if r.random() < 0.3:
            schema["prefixItems"] = [self.value(depth)
                                     for _ in range(r.randint(1, 3))]
            schema["items"] = r.choice([False, self.value(depth)])
            if schema["items"] is False:
                schema["minItems"] = r.randint(0, len(schema["prefixItems"]))
                return schema
        if r.random() < 0.6:
            schema["minItems"] = r.randrange(4)
        if r.random() < 0.6:
            schema["maxItems"] = schema.get("minItems", 0) + r.randrange(4)
        return schema

    def object(self, depth):
        r = self.random
        names = r.sample(WORDS, r.randint(1, 6))
        schema = {"type": "object",
                  "properties": {name: self.value(depth) for name in names}}
        if r.random() < 0.5:
            schema["required"] = names
        else:
            schema["required"] = [n for n in names if r.random() < 0.5]
        schema["additionalProperties"] = False
        if r.random() < 0.2:
            schema["additionalProperties"] = r.choice(
                [True, {"type": "integer"}, self.value(depth)])
        elif r.random() < 0.2:
            del schema["additionalProperties"]
        return schema

    def union(self, depth):
        r = self.random
        if r.random() < 0.4:
            return {"oneOf": [
                {"type": "object", "additionalProperties": False,
                 "properties": {"kind": {"const": kind},
                                "value": self.value(depth)},
                 "required": ["kind", "value"]}
                for kind in ("first", "second", "third")]}
        return {"anyOf": [self.value(depth) for _ in range(r.randint(2, 3))]}


class Values:
    """Values of a schema, in the order in which a grammar writes them."""

    def __init__(self, schema, seed):
        self.random = random.Random(seed)
        self.root = schema

    def make(self, schema, depth=0):
        r = self.random
        if schema is True:
            return any_text(r)
        if "$ref" in schema:
            return self.make(self.root["$defs"]["list"], depth + 1)
        if "allOf" in schema:
            return self.make(schema["allOf"][0], depth)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                choices = schema[key]
                return self.make(choices[-1] if depth > 6
                                 else r.choice(choices), depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return r.choice(schema["enum"])
        kind = schema["type"]
        if isinstance(kind, list):
            kind = r.choice(kind)
        return getattr(self, kind)(schema, depth)

    def null(self, _schema, _depth):
        return None

    def boolean(self, _schema, _depth):
        return self.random.random() < 0.5

    def string(self, schema, _depth):
        r = self.random
        if "pattern" in schema:
            return PATTERNS[schema["pattern"]](r)
        if "format" in schema:
            return FORMATS[schema["format"]](r)
        least = schema.get("minLength", 0)
        return any_text(r, least, schema.get("maxLength", least + 9))

    def integer(self, schema, _depth):
        step = schema.get("multipleOf", 1)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        low = -999 if low is None and high is None else \
            high - 99 if low is None else low
        high = low + 99 if high is None else high
        low += "exclusiveMinimum" in schema
        high -= "exclusiveMaximum" in schema
        return -(-self.random.randint(low, high) // step) * step

    def number(self, schema, _depth):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is None and high is None:
            return self.random.choice([0, -1, 1.5e-7, 12345.678, 1e20, -0.0])
        low = high - 1 if low is None else low
        high = low + 1 if high is None else high
        value = round(low + (high - low) * self.random.random(), 4)
        return round((low + high) / 2, 4) if value in (low, high) else value

    def array(self, schema, depth):
        r, first = self.random, schema.get("prefixItems", [])
        least = schema.get("minItems", 0)
        most = schema.get("maxItems", least + 3)
        if schema["items"] is False:
            most = len(first)
        n = least if depth > 6 else r.randint(least, most)
        return [self.make(first[i] if i < len(first) else schema["items"],
                          depth + 1) for i in range(n)]

    def object(self, schema, depth):
        r, value = self.random, {}
        for name, part in schema["properties"].items():
            if name in schema["required"] or (depth < 6 and r.random() < 0.5):
                value[name] = self.make(part, depth + 1)
        rest = schema.get("additionalProperties", False)
        if rest is not False and r.random() < 0.5:
            value["other"] = self.make(rest, depth + 1)
        return value


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for i in range(int(sys.argv[1])):
        print(json.dumps(Maker(f"{seed} {i}").schema()))


if __name__ == "__main__":
    main()
