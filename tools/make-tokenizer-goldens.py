#!/usr/bin/env python3
"""Makes small tokenizers of every kind and what HF tokenizers answers.

    pip install tokenizers==0.23.3 sentencepiece protobuf
    tools/make-tokenizer-goldens.py train DIR      # tokenizers, from a seed
    tools/make-tokenizer-goldens.py goldens DIR    # answers for the unit test
    tools/make-tokenizer-goldens.py compare DIR ECHO [--count N] [--kind K]

`compare` runs tests/tokenizer_echo (ECHO) on N strings (10000) a kind, with and
without special tokens, plain, as pairs, decoded whole and as a stream, and
prints every difference. DIR is tests/data/tokenizers for the committed ones.
The training text is pseudo-words of many scripts, so nothing is downloaded.
"""
import argparse
import glob
import io
import json
import os
import random
import subprocess
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + TAIL)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
          r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + TAIL)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = ("[^\\r\\n\\p{L}\\p{N}]?%s*%s+%s?|[^\\r\\n\\p{L}\\p{N}]?%s+%s*%s?"
         "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|%s"
         % (UPPER, LOWER, CONTRACTIONS, UPPER, LOWER, CONTRACTIONS, TAIL))
TEKKEN = ("[^\\r\\n\\p{L}\\p{N}]?%s*%s+|[^\\r\\n\\p{L}\\p{N}]?%s+%s*"
          "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|%s"
          % (UPPER, LOWER, UPPER, LOWER, TAIL))
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
            "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")

SCRIPTS = [(0x61, 0x7a), (0x41, 0x5a), (0xc0, 0x17f), (0x3b1, 0x3c9),
           (0x410, 0x44f), (0x531, 0x556), (0x5d0, 0x5ea), (0x621, 0x64a),
           (0x904, 0x94d), (0x985, 0x9cd), (0xb85, 0xbcd), (0xe01, 0xe4e),
           (0x10a0, 0x10ff), (0x1100, 0x11ff), (0x1780, 0x17d3),
           (0x1ea0, 0x1ef9), (0x3041, 0x309f), (0x30a0, 0x30ff),
           (0x4e00, 0x9fa5), (0xac00, 0xd7a3), (0x1e00, 0x1e9f)]
EMOJI = ["\U0001f600", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea",
         "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u26a1", "\U0001fae0"]
ODD = ["\r\n", "\n\n", "\t", "  ", "   ", " \n", "\n ", "\r", "\u00a0", "\u3000",
       "\u200b", "\u2028", "\ufeff", "\x00", "\x07", "\x7f", "\u00ad", "\ufffd",
       "'s", "'S", "'\u017f", "'LL", "'re", "'Ve", "\u2019s", "'d", "don't",
       "I'M", "e\u0301", "\u0301", "a\u0316\u0301", "\u0301\u0316", "\ufb01",
       "\u1e9e", "\u0130", "\u03a3", "\u00c5", "\u212b", "\u2460", "\u00bd",
       "\u0663\u0664", "\u0967", "\uff11", "\u2163", "\u0e33", "\uac00\u11a8",
       "\u1100\u1161", "\u2581", "_", "http://a.b/c?d=e&f", "x = {1: 'a'};",
       "//", "/*", "...", "!!", "\u3002", "\u00bf", "\u20ac5", "#include <a>",
       "3.14", "12345678", "1,000", "007", "\u0958", "\u0cc6\u0cc2\u0cd5"]


def words(rng):
    """Pseudo-words with a few frequent ones, so that merges form."""
    stock = []
    for low, high in SCRIPTS:
        letters = [chr(c) for c in range(low, high + 1) if chr(c).isprintable()]
        letters = rng.sample(letters, min(14, len(letters)))
        stock += ["".join(rng.choice(letters) for _ in range(rng.randint(1, 6)))
                  for _ in range(40)]
    stock += ("the of and to in is that for it was on with as his he be at by "
              "return static const struct if else while int size_t def self "
              "Hello World Data HTTP JSON sluice token model").split() * 3
    return stock


def sentence(rng, stock, specials):
    out = []
    for _ in range(rng.randint(1, 24)):
        kind = rng.random()
        if kind < 0.62:
            word = rng.choice(stock)
            out.append(rng.choice([word, word.upper(), word.title(), word]))
        elif kind < 0.72:
            out.append(rng.choice(ODD))
        elif kind < 0.78:
            out.append(rng.choice(EMOJI))
        elif kind < 0.85:
            out.append(str(rng.randint(0, 10 ** rng.randint(1, 9))))
        elif kind < 0.92:
            out.append(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
                       * rng.randint(1, 3))
        elif kind < 0.96 and specials:
            out.append(rng.choice(specials))
        else:
            c = rng.choice([rng.randrange(0x80), rng.randrange(0x3000),
                            rng.randrange(0x20000), rng.randrange(0x110000)])
            out.append(chr(c) if not 0xd800 <= c < 0xe000 else "?")
        if rng.random() < 0.7:
            out.append(rng.choice([" "] * 8 + ["  ", "\n", "\r\n", "\t", ""]))
    return "".join(out)


def texts(seed, count, specials):
    rng = random.Random(seed)
    stock = words(random.Random(7))
    fixed = ["", " ", "\n", "a", " a", "  a  ", "\u0301", "'", "''s", "\r\n\r\n"]
    fixed += specials + [" " + s + " " for s in specials]
    return (fixed + [sentence(rng, stock, specials) for _ in range(count)])[:count]


def corpus():
    rng, stock = random.Random(11), words(random.Random(7))
    return [" ".join(rng.choice(stock) + rng.choice(["", "", ",", ".", "'s"])
                     for _ in range(12)) for _ in range(4000)]


# --- training ---------------------------------------------------------------

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def isolated(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def train_bytes(splitter, size=1500):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def chat_tokens(tokenizer):
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False),
                          AddedToken("  \t", normalized=False)])


def bytes_kind(splitters, **more):
    steps = [isolated(s) if isinstance(s, str) else s for s in splitters]
    tokenizer = train_bytes(pre_tokenizers.Sequence(steps + [BYTES])
                            if steps else pre_tokenizers.ByteLevel(False))
    if more.get("nfc"):
        tokenizer.normalizer = normalizers.NFC()
    chat_tokens(tokenizer)
    if more.get("bos"):
        bos = "<|endoftext|>"
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=bos + " $A", pair="%s $A %s:1 $B:1" % (bos, bos),
                special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    parts = json.loads(tokenizer.to_str())
    parts["model"]["ignore_merges"] = bool(more.get("whole"))
    return parts


def sentencepiece_kind(metaspace):
    """A vocabulary with byte tokens, as converters write it."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=1500, show_progress=False, limit_alphabet=400))
    model = json.loads(trained.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    pieces += [p for p in model["vocab"] if p not in pieces]
    vocab = {p: i for i, p in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(
        vocab=vocab, merges=[tuple(m) for m in model["merges"]],
        unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(),
         decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True)
                                  for t in pieces[:3]])
    tokenizer.add_tokens([
        AddedToken("<turn>", normalized=False, rstrip=True),
        AddedToken("<pad>", normalized=True, lstrip=True, special=True),
        AddedToken("word", single_word=True, normalized=not metaspace)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return json.loads(tokenizer.to_str())


def wordpiece_kind():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=2000, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    parts = json.loads(tokenizer.to_str())
    parts["added_tokens"][4]["lstrip"] = True
    return parts


def charsmap():
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()[:500]), model_writer=model,
        vocab_size=700, hard_vocab_limit=False, character_coverage=0.98,
        normalization_rule_name="nmt_nfkc", minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def unigram_kind():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap()),
        normalizers.Strip(left=False, right=True),
        normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(corpus(), trainers.UnigramTrainer(
        vocab_size=1500, show_progress=False, unk_token="<unk>",
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return json.loads(tokenizer.to_str())


KINDS = {
    "gpt2": lambda: bytes_kind([]),
    "llama3": lambda: bytes_kind([LLAMA3], whole=True, bos=True),
    "qwen2": lambda: bytes_kind([QWEN2], nfc=True),
    "o200k": lambda: bytes_kind([O200K]),
    "deepseek": lambda: bytes_kind(
        [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", DEEPSEEK],
        bos=True),
    "spm-prepend": lambda: sentencepiece_kind(False),
    "spm-metaspace": lambda: sentencepiece_kind(True),
    "wordpiece": wordpiece_kind,
    "unigram": unigram_kind,
}


# --- other steps, put into the trained ones ---------------------------------

def variants(directory):
    """Name and parts for each step that no kind above has."""
    def load(kind):
        with open(os.path.join(directory, kind + ".json")) as file:
            return json.load(file)

    def made(step):
        # Each step is asked to write itself.
        holder = Tokenizer(models.BPE())
        if isinstance(step, normalizers.Normalizer):
            holder.normalizer = step
            return "normalizer", json.loads(holder.to_str())["normalizer"]
        holder.pre_tokenizer = step
        return "pre_tokenizer", json.loads(holder.to_str())["pre_tokenizer"]

    sequence = pre_tokenizers.Sequence
    steps = {
        "nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(),
        "nfkd": normalizers.NFKD(), "lower": normalizers.Lowercase(),
        "strip-accents": normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents()]),
        "strip": normalizers.Strip(), "lstrip": normalizers.Strip(True, False),
        "nmt": normalizers.Nmt(), "prepend": normalizers.Prepend("ab"),
        # Not where it is empty at the front: the library repeats that text.
        "replace": normalizers.Replace(Regex(r"\s+|a*(?=b)(?<!^)"), "<->"),
        "bert-cased": normalizers.BertNormalizer(lowercase=False),
        "bert-accents": normalizers.BertNormalizer(
            lowercase=False, strip_accents=True, clean_text=False),
        "byte-normalizer": normalizers.ByteLevel(),
        "smollm": sequence([pre_tokenizers.Digits(True),
                            pre_tokenizers.ByteLevel(False)]),
        "prefix-space": pre_tokenizers.ByteLevel(True),
        "digits": sequence([pre_tokenizers.Digits(False), BYTES]),
        "whitespace": sequence([pre_tokenizers.Whitespace(), BYTES]),
        "whitespace-split": sequence([pre_tokenizers.WhitespaceSplit(), BYTES]),
        "delimiter": sequence([pre_tokenizers.CharDelimiterSplit("e"), BYTES]),
        "bert-split": sequence([pre_tokenizers.BertPreTokenizer(), BYTES]),
        "tekken": sequence([isolated(TEKKEN), BYTES]),
        "qwen35": sequence([isolated(QWEN35), BYTES]),
        "cl100k": sequence([isolated(CL100K), BYTES]),
        "commas": sequence([isolated(r"\d{1,3}(?=(?:\d{3})*\b)"), BYTES]),
        "empty-matches": sequence([isolated(r"x*"), BYTES]),
        "metaspace-bytes": sequence([pre_tokenizers.Metaspace("_"), BYTES]),
        "metaspace-first": sequence(
            [pre_tokenizers.Metaspace("_", "first"), BYTES]),
        "bytes-then-split": sequence([BYTES, isolated("\u0120")]),
    }
    for behavior in ("removed", "isolated", "merged_with_previous",
                     "merged_with_next", "contiguous"):
        steps["punctuation-" + behavior] = sequence(
            [pre_tokenizers.Punctuation(behavior), BYTES])
        for invert in (False, True):
            steps["text-%s-%d" % (behavior, invert)] = sequence(
                [pre_tokenizers.Split(" ", behavior, invert), BYTES])
            steps["regex-%s-%d" % (behavior, invert)] = sequence(
                [pre_tokenizers.Split(Regex("[aeiou]"), behavior, invert), BYTES])
    for name, step in steps.items():
        parts = load("gpt2")
        key, value = made(step)
        parts[key] = value
        yield name, parts
    for name, processor in {
            "bert-processor": processors.BertProcessing(("a", 5), ("b", 6)),
            "roberta-processor": processors.RobertaProcessing(("a", 5), ("b", 6)),
            "no-processor": None}.items():
        parts = load("gpt2")
        holder = Tokenizer(models.BPE())
        if processor:
            holder.post_processor = processor
        parts["post_processor"] = json.loads(holder.to_str())["post_processor"]
        yield name, parts
    for name, changes in {
            "suffix": dict(end_of_word_suffix="</w>", unk_token="Q"),
            "prefix": dict(continuing_subword_prefix="", unk_token="Q"),
            "unknown": dict(unk_token="Q"),
            "fused": dict(unk_token="Q", fuse_unk=True)}.items():
        parts = load("gpt2")
        parts["pre_tokenizer"] = {"type": "Whitespace"}
        parts["model"].update(changes)
        parts["decoder"] = {"type": "BPEDecoder", "suffix": "e"}
        yield name, parts
    parts = load("wordpiece")
    parts["model"] = {"type": "WordLevel", "unk_token": "[UNK]",
                      "vocab": parts["model"]["vocab"]}
    parts["decoder"] = None
    yield "wordlevel", parts
    parts = load("unigram")
    parts["model"]["byte_fallback"] = True
    parts["model"]["vocab"] += [["<0x%02X>" % b, 0.0] for b in range(256)]
    parts["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "ByteFallback"}, parts["decoder"]]}
    yield "unigram-bytes", parts


# --- goldens and comparisons ------------------------------------------------

def specials_of(tokenizer):
    return sorted(t.content for t in tokenizer.get_added_tokens_decoder().values())


def random_ids(tokenizer, seed, count):
    rng, size = random.Random(seed), tokenizer.get_vocab_size()
    return [[rng.randrange(size + 3) for _ in range(rng.randint(1, 20))]
            for _ in range(count)]


def train(directory):
    os.makedirs(directory, exist_ok=True)
    for kind, make in KINDS.items():
        with open(os.path.join(directory, kind + ".json"), "w") as file:
            json.dump(make(), file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")


def goldens(directory):
    for kind in KINDS:
        tokenizer = Tokenizer.from_file(os.path.join(directory, kind + ".json"))
        path = os.path.join(directory, kind + ".goldens")
        with open(path, "w") as file:
            for text in texts(1, 200, specials_of(tokenizer)):
                tokenizer.encode_special_tokens = False
                ids = tokenizer.encode(text).ids
                row = {"text": text, "ids": ids,
                       "bare": tokenizer.encode(text, add_special_tokens=False).ids,
                       "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                       "skipped": tokenizer.decode(ids)}
                tokenizer.encode_special_tokens = True
                if can_compare_plain(tokenizer, text):
                    row["plain"] = tokenizer.encode(
                        text, add_special_tokens=False).ids
                file.write(json.dumps(row, separators=(",", ":")) + "\n")


def ask(echo, path, flags, rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([echo, path] + flags, input=lines.encode(),
                          stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def report(what, rows, ours, theirs):
    wrong = [t for t in zip(rows, ours, theirs) if t[1] != t[2]]
    print("%-40s %6d rows, %d differ" % (what, len(rows), len(wrong)))
    for row, mine, his in wrong[:3]:
        print("   %s\n   ours   %s\n   theirs %s"
              % (json.dumps(row)[:300], json.dumps(mine)[:300],
                 json.dumps(his)[:300]))
    return len(wrong)


def can_compare_plain(tokenizer, text):
    """The library's Unigram finds special tokens in plain text; ours may not."""
    return (not isinstance(tokenizer.model, models.Unigram)
            or not any(s in text for s in specials_of(tokenizer)))


def compare_plain(name, path, echo, tokenizer, rows):
    ours = ask(echo, path, ["--no-special", "--plain"], rows)
    special = {i for i, t in tokenizer.get_added_tokens_decoder().items()
               if t.special and t.content not in ("<unk>", "[UNK]")}
    leaks = sum(1 for ids in ours if special & set(ids))
    if leaks:
        print("%s plain: %d rows with control tokens" % (name, leaks))
    kept = [i for i, r in enumerate(rows) if can_compare_plain(tokenizer, r)]
    rows = [rows[i] for i in kept]
    theirs = tokenizer.encode_batch(rows, add_special_tokens=False)
    return leaks + report(name + " plain", rows, [ours[i] for i in kept],
                          [e.ids for e in theirs])


def compare_one(name, path, echo, count):
    tokenizer = Tokenizer.from_file(path)
    rows = texts(2, count, specials_of(tokenizer))
    pairs = [[a, b] for a, b in zip(rows[::2], rows[1::2])]
    wrong = 0
    tokenizer.encode_special_tokens = False
    theirs = [e.ids for e in tokenizer.encode_batch(rows)]
    wrong += report(name, rows, ask(echo, path, [], rows), theirs)
    wrong += report(name + " pairs", pairs, ask(echo, path, [], pairs),
                    [[e.ids, e.type_ids] for e in tokenizer.encode_batch(
                        [tuple(p) for p in pairs])])
    bare = [e.ids for e in tokenizer.encode_batch(rows, add_special_tokens=False)]
    wrong += report(name + " bare", rows,
                    ask(echo, path, ["--no-special"], rows), bare)
    tokenizer.encode_special_tokens = True
    wrong += compare_plain(name, path, echo, tokenizer, rows)
    ids = [i for i in theirs if i]
    for flags, skip in (([], False), (["--skip-special"], True)):
        whole = tokenizer.decode_batch(ids, skip_special_tokens=skip)
        wrong += report(name + " decode " + " ".join(flags), ids,
                        ask(echo, path, flags, ids), whole)
        wrong += report(name + " stream " + " ".join(flags), ids,
                        ask(echo, path, ["--stream"] + flags, ids), whole)
    noise = random_ids(tokenizer, 3, count)
    wrong += report(name + " decode noise", noise, ask(echo, path, [], noise),
                    [tokenizer.decode(i, skip_special_tokens=False) for i in noise])
    return wrong


def compare(directory, echo, count, only):
    wrong = 0
    for kind in KINDS:
        if only in (None, kind):
            path = os.path.join(directory, kind + ".json")
            wrong += compare_one(kind, path, echo, count)
    if only in (None, "variants"):
        for name, parts in variants(directory):
            path = "/tmp/tokenizer-variant-%d.json" % os.getpid()
            with open(path, "w") as file:
                json.dump(parts, file)
            wrong += compare_one(name, path, echo, max(count // 10, 1))
            os.unlink(path)
    print("%d differences" % wrong)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["train", "goldens", "compare"])
    parser.add_argument("directory")
    parser.add_argument("echo", nargs="?")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--kind")
    args = parser.parse_args()
    if args.command == "train":
        train(args.directory)
    elif args.command == "goldens":
        goldens(args.directory)
    else:
        sys.exit(compare(args.directory, args.echo, args.count, args.kind))


if __name__ == "__main__":
    main()
