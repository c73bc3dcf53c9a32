# pull_bench.py -- what the tests of sluice pull share.
# SPDX-License-Identifier: Apache-2.0
import random

from engine import Place
from harness import *  # noqa: F403
from hub import *  # noqa: F403

TOKEN = "hf_canary_3f9a17c2"
BIG = random.Random(5).randbytes(700_001)
PLAIN = {"config.json": b'{"a": 1}', "tokenizer.json": b"{}" * 500,
         "README.md": b"---\nlicense: apache-2.0\n---\n", "model.bin": b"no",
         "onnx/model.onnx": b"no", "model.fp16.safetensors": b"no",
         "pytorch_model.bin": b"no", ".gitattributes": b"no",
         "1_Pooling/config.json": b'{"b": 2}'}
WANTED = ["1_Pooling/config.json", "README.md", "config.json",
          "model.safetensors", "tokenizer.json"]


class Bench:
    """A hub with TLS, one without, and a folder for caches."""

    def __init__(self):
        self.place = Place()
        self.authority = Authority(self.place.folder, "roots")
        self.hub = Hub(self.authority.tls)
        self.plain = Hub(None)
        self.n = 0
        self.fresh()

    def fresh(self):
        """Another cache, and the usual model at the hub."""
        self.n += 1
        self.cache = self.place.path(f"cache{self.n}")
        for hub in (self.hub, self.plain):
            hub.clear()
            hub.add("acme/tiny", Repo(dict(
                PLAIN, **{"model.safetensors": BIG}),
                linked=["model.safetensors"]))

    def between_cases(self):
        self.fresh()

    def environment(self, hub=None, **more):
        return {"HF_ENDPOINT": (hub or self.hub).url, "HF_TOKEN": "",
                "SSL_CERT_FILE": self.authority.roots,
                "SLUICE_CACHE": self.cache, **more}

    def pull(self, name="hf:acme/tiny", *args, hub=None, **more):
        """The whole command: (status, path, messages)."""
        done = sluice("pull", name, *args, env=self.environment(hub, **more))
        err = done.stderr.decode()
        check(TOKEN not in err, "the token is shown:", err)
        return done.returncode, done.stdout.decode().strip(), err

    def pulled(self, *args, **more):
        """It must work; the path that it prints."""
        status, path, err = self.pull(*args, **more)
        check_equal(status, 0, err)
        return path

    def refused(self, *words, name="hf:acme/tiny", flags=(), **more):
        """It must not, saying each of the words."""
        status, path, err = self.pull(name, *flags, **more)
        check_equal((status, path), (1, ""), err)
        for word in words:
            check(word in err, f"{word!r} is not in", err)
        return err

    def folder(self, commit=COMMIT):
        return os.path.join(self.cache, "models/hf/acme/tiny", commit)

    def part(self, content, etag, name="model.safetensors"):
        """What a pull that was cut has left."""
        path = os.path.join(self.folder(), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for ending, data in ((".part", content),
                             (".part.etag", etag.encode())):
            with open(path + ending, "wb") as out:
                out.write(data)

    def close(self):
        self.hub.close()
        self.plain.close()
        self.place.close()


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def files_in(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder)
                  for path, _, names in os.walk(folder) for name in names)


def check_whole(folder):
    """What the engine reads is there, and nothing else."""
    check_equal([name for name in files_in(folder) if name != ".complete"],
                WANTED)
    check(read(folder, "model.safetensors") == BIG, "other bytes")
    for name in WANTED:
        if name in PLAIN:
            check_equal(read(folder, name), PLAIN[name], name)
