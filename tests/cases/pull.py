#!/usr/bin/env python3
# pull.py -- sluice pull against a hub on loopback, with the faults of hubs.
# SPDX-License-Identifier: Apache-2.0
import pty
import random
import select

from engine import Place, ask_one, golden
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


# --- what is fetched -----------------------------------------------------------

@case
def what_the_engine_reads_comes_and_nothing_else(bench):
    status, path, err = bench.pull()
    check_equal((status, path), (0, bench.folder()), err)
    check_whole(path)
    check_equal(read(bench.cache, "models/hf/acme/tiny/refs/main"),
                COMMIT.encode() + b"\n")
    check("licence: apache-2.0" in err and COMMIT[:12] in err, err)
    # All by the commit, and each file once.
    targets = [one.target for one in bench.hub.asked()]
    check_equal(targets[0], "/api/models/acme/tiny/revision/main?blobs=true")
    check_equal(sorted(targets[1:]),
                [f"/acme/tiny/resolve/{COMMIT}/{name}" for name in WANTED])
    check_equal(len(bench.hub.asked("cdn")), 1)


@case
def a_second_pull_of_the_same_commit_fetches_nothing(bench):
    path = bench.pulled()
    bench.hub.hub.clear()
    status, again, err = bench.pull()
    check_equal((status, again), (0, path), err)
    check("nothing to do" in err, err)
    check_equal(len(bench.hub.asked()), 1)
    # By the commit's own name nobody needs to be asked.
    status, again, err = bench.pull(f"hf:acme/tiny@{COMMIT}")
    check_equal((status, again), (0, path), err)
    check_equal(len(bench.hub.asked()), 1)


@case
def a_new_commit_lies_beside_the_old_one(bench):
    bench.pulled()
    bench.hub.add("acme/tiny", Repo({"config.json": b"2",
                                     "model.safetensors": b"new"}, NEXT))
    check_equal(bench.pulled(), bench.folder(NEXT))
    check_equal(read(bench.folder(NEXT), "model.safetensors"), b"new")
    check_whole(bench.folder())
    check_equal(read(bench.cache, "models/hf/acme/tiny/refs/main"),
                NEXT.encode() + b"\n")


@case
def without_the_hub_what_was_pulled_is_used(bench):
    path = bench.pulled()
    dead = DeadPort()
    more = {"HF_ENDPOINT": f"https://localhost:{dead.port}"}
    status, again, err = bench.pull(**more)
    check_equal((status, again), (0, path), err)
    check("cannot be reached" in err, err)
    os.unlink(os.path.join(path, ".complete"))
    bench.refused("refused", flags=("--tries", "1"), **more)
    dead.close()


@case
def a_revision_with_slashes_and_one_named_file(bench):
    bench.hub.add("acme/tiny", Repo(
        {"a b/tiny-q4.gguf": b"GGUF", "config.json": b"{}"}, NEXT),
        "refs/pr/7")
    path = bench.pulled("hf:acme/tiny@refs/pr/7:a b/tiny-q4.gguf")
    check_equal(path, os.path.join(bench.folder(NEXT), "a b/tiny-q4.gguf"))
    check_equal(files_in(bench.folder(NEXT)), ["a b/tiny-q4.gguf"])
    check_equal([one.target for one in bench.hub.asked()],
                ["/api/models/acme/tiny/revision/refs%2Fpr%2F7?blobs=true",
                 f"/acme/tiny/resolve/{NEXT}/a%20b/tiny-q4.gguf"])
    # One file is not the model.
    done = sluice("tokenize", "--model", "hf:acme/tiny@refs/pr/7",
                  env=bench.environment())
    check_equal(done.returncode, 1)
    check(b"sluice pull hf:acme/tiny@refs/pr/7" in done.stderr, done.stderr)


@case
def shards_are_those_that_the_index_names(bench):
    index = {"weight_map": {"a": "model-1.safetensors",
                            "b": "part/model-2.safetensors",
                            "c": "model-1.safetensors"}}
    files = {"config.json": b"{}", "model-1.safetensors": b"one",
             "part/model-2.safetensors": b"two",
             "consolidated-00001-of-00002.safetensors": b"no",
             "model.safetensors.index.json": json.dumps(index).encode()}
    bench.hub.add("acme/tiny", Repo(files))
    path = bench.pulled()
    check_equal(files_in(path), [
        ".complete", "config.json", "model-1.safetensors",
        "model.safetensors.index.json", "part/model-2.safetensors"])
    index["weight_map"]["d"] = "../../../etc/passwd"
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    bench.hub.add("acme/tiny", Repo(files, NEXT))
    bench.refused("../../../etc/passwd", "no .safetensors file")


@case
def of_several_gguf_files_one_must_be_named(bench):
    files = {"tiny-Q4.gguf": b"GGUF4", "tiny-Q8.GGUF": b"GGUF8" * 300,
             "README.md": b"x"}
    bench.hub.add("acme/tiny", Repo(files))
    bench.refused("2 .gguf files: name one", "hf:acme/tiny:tiny-Q4.gguf  "
                  "5 bytes", "hf:acme/tiny:tiny-Q8.GGUF  1.5 kB")
    del files["tiny-Q8.GGUF"]
    bench.hub.add("acme/tiny", Repo(files))
    path = bench.pulled()
    check_equal(path, os.path.join(bench.folder(), "tiny-Q4.gguf"))
    check_equal(bench.pulled(), path)
    bench.refused("no file tiny-Q5.gguf", "did you mean tiny-Q4.gguf?",
                  name="hf:acme/tiny:tiny-Q5.gguf")


@case
def pickled_weights_are_never_fetched(bench):
    bench.hub.add("acme/tiny", Repo({"config.json": b"{}",
                                     "pytorch_model.bin": b"pickle"}))
    bench.refused("pickled (pytorch_model.bin)")
    bench.hub.add("acme/tiny", Repo({"config.json": b"{}"}))
    bench.refused("no model.safetensors and no .gguf")


@case
def a_folder_of_ones_own_is_filled_and_renewed(bench):
    folder = bench.place.path("own")
    check_equal(bench.pulled("hf:acme/tiny", "--to", folder), folder)
    os.unlink(os.path.join(folder, ".lock"))
    check_whole(folder)
    check(not os.path.exists(bench.cache), "the cache was used too")
    # What is right by its hash is not fetched again; what is not, is.
    bench.hub.hub.clear()
    bench.hub.cdn.clear()
    bench.pulled("hf:acme/tiny", "--to", folder)
    check_equal(bench.hub.asked("cdn"), [])
    with open(os.path.join(folder, "model.safetensors"), "r+b") as file:
        file.write(b"?")
    bench.pulled("hf:acme/tiny", "--to", folder)
    check_equal(len(bench.hub.asked("cdn")), 1)
    check(read(folder, "model.safetensors") == BIG, "was not renewed")


# --- cuts ----------------------------------------------------------------------

@case
def a_cut_file_goes_on_where_it_ended(bench):
    bench.hub.fault["cdn", "model.safetensors"] = once(cut_after(300_000))
    status, path, err = bench.pull()
    check_equal(status, 0, err)
    check_whole(path)
    ranges = bench.hub.ranges("model.safetensors")
    # The hub and the CDN, each without and then with a range.
    check_equal(sorted(ranges, key=str)[2:], ["bytes=300000-"] * 2, err)
    check_equal(ranges.count(None), 2)
    check("again in" in err, err)


@case
def what_a_killed_pull_left_is_taken_up_and_hashed(bench):
    sha = hashlib.sha256(BIG).hexdigest()
    bench.part(BIG[:400_000], sha)
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges("model.safetensors"), ["bytes=400000-"] * 2)


@case
def bytes_that_were_spoilt_meanwhile_are_found_by_the_hash(bench):
    sha = hashlib.sha256(BIG).hexdigest()
    bench.part(b"?" + BIG[1:400_000], sha)
    bench.refused("SHA-256 " + sha[:16], "deleted")
    check_equal([name for name in files_in(bench.folder())
                 if name.startswith("model.")], [])
    check_whole(bench.pulled())


@case
def another_entity_tag_makes_it_begin_anew(bench):
    bench.part(b"?" * 400_000, "another")
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges("model.safetensors"),
                ["bytes=400000-", None, None])
    # The same for a file that the hub itself sends.
    bench.fresh()
    bench.part(b"{", "another", "config.json")
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges(f"{COMMIT}/config.json"),
                ["bytes=1-", None])
    bench.fresh()
    tag = hashlib.sha256(PLAIN["config.json"]).hexdigest()[:40]
    bench.part(PLAIN["config.json"][:3], tag, "config.json")
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges(f"{COMMIT}/config.json"), ["bytes=3-"])


@case
def a_server_without_ranges_is_read_from_the_start(bench):
    def ignore(peer, incoming, data):
        peer.send(response(200, data, [("etag", '"x"')], None))
        return True
    bench.part(BIG[:400_000], hashlib.sha256(BIG).hexdigest())
    bench.hub.fault["cdn", "model.safetensors"] = ignore
    check_whole(bench.pulled())
    # And one that knows no such range.
    bench.fresh()
    bench.part(BIG[:400_000], hashlib.sha256(BIG).hexdigest())

    def refuse(peer, incoming, data):
        if not incoming.header("range"):
            return None
        peer.send(response(416, b"", kind=None))
        return True
    bench.hub.fault["cdn", "model.safetensors"] = refuse
    check_whole(bench.pulled())


@case
def a_range_that_was_not_asked_for_is_refused(bench):
    bench.part(BIG[:400_000], hashlib.sha256(BIG).hexdigest())

    def other(peer, incoming, data):
        peer.send(response(206, data[300_000:], [
            ("content-range", f"bytes 300000-{len(data) - 1}/{len(data)}")]))
        return True
    bench.hub.fault["cdn", "model.safetensors"] = other
    bench.refused("model.safetensors", "range that was not asked for")


@case
def a_body_that_ends_with_its_connection_is_not_taken_for_whole(bench):
    def close(peer, incoming, data):
        peer.send(b"HTTP/1.1 200 OK\r\netag: \"x\"\r\n\r\n" + data[:1000])
        return False
    bench.plain.fault["cdn", "model.safetensors"] = once(close)
    check_whole(bench.pulled(hub=bench.plain))
    bench.fresh()
    for hub, word in ((bench.plain, "closed too early"),
                      (bench.hub, "broke off the connection")):
        hub.fault["cdn", "model.safetensors"] = close
        bench.refused(word, "given up after 1 try", hub=hub,
                      flags=("--tries", "1"))


@case
def it_is_given_up_after_some_tries_without_progress(bench):
    bench.hub.fault["cdn", "model.safetensors"] = cut_after(10)
    bench.refused("model.safetensors: given up after 2 tries",
                  "before the answer was whole", flags=("--tries", "2"))
    check_equal(len(bench.hub.asked("cdn")), 2)
    # Its bytes are kept, and the next pull goes on from them.
    del bench.hub.fault["cdn", "model.safetensors"]
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges("model.safetensors")[-1], "bytes=20-")


@case
def progress_makes_the_tries_count_from_the_start(bench):
    bench.hub.fault["cdn", "model.safetensors"] = cut_after(100_000)
    check_whole(bench.pulled("hf:acme/tiny", "--tries", "2"))
    check_equal(len(bench.hub.asked("cdn")), 8)


# --- what is wrong -------------------------------------------------------------

def check_deleted(bench):
    check_equal([name for name in files_in(bench.folder())
                 if name.startswith("model.safetensors")], [])
    check(not os.path.exists(os.path.join(bench.folder(), ".complete")),
          "it is sealed")


@case
def a_wrong_hash_is_refused_and_deleted(bench):
    wrong = bytes([BIG[0] ^ 1]) + BIG[1:]
    bench.hub.fault["cdn", "model.safetensors"] = \
        lambda peer, incoming, data: send_file(peer, incoming, wrong)
    err = bench.refused("model.safetensors: the hub says SHA-256", "deleted")
    check(hashlib.sha256(BIG).hexdigest()[:16] in err and
          hashlib.sha256(wrong).hexdigest()[:16] in err, err)
    check_deleted(bench)
    # It is not there for the engine either.
    done = sluice("model", "hf:acme/tiny", env=bench.environment())
    check_equal(done.returncode, 1)
    check(b"sluice pull hf:acme/tiny" in done.stderr, done.stderr)


@case
def a_wrong_size_is_refused_and_deleted(bench):
    size = f"{len(BIG)} bytes"
    bench.hub.fault["cdn", "model.safetensors"] = \
        lambda peer, incoming, data: send_file(peer, incoming, data + b"!")
    bench.refused(size, f"the server has {len(BIG) + 1}", "deleted")
    check_deleted(bench)

    def chunks(tail):
        def fault(peer, incoming, data):
            peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                      + chunked(data[:1000]) + chunked(tail(data))
                      + b"0\r\n\r\n")
            return True
        return fault
    for tail, word in ((lambda data: data[1000:] + b"!", "more come"),
                       (lambda data: data[1000:-1], f"{len(BIG) - 1} came")):
        bench.fresh()
        bench.hub.fault["cdn", "model.safetensors"] = chunks(tail)
        bench.refused(size, word, "deleted")
        check_deleted(bench)


@case
def a_hub_that_contradicts_its_own_list_is_refused(bench):
    bench.hub.fault["hub", "model.safetensors"] = \
        lambda peer, incoming, data: bench.hub.send_on(
            peer, "model.safetensors", data, size=5)
    bench.refused("links to 5")


@case
def hostile_paths_are_refused_before_anything_is_written(bench):
    for path in ("../evil", "/etc/evil", "a/../../evil", "a//b", "a\\b",
                 "a\x1b[2Jb", "a\nb", "", ".", "x" * 300, "a\u009bb"):
        bench.fresh()
        bench.hub.add("acme/tiny", Repo({"config.json": b"{}", path: b"x",
                                         "model.safetensors": b"y"}))
        err = bench.refused("a path that must not be written")
        check("\x1b" not in err, repr(err))
        check(not os.path.exists(bench.cache), path)


@case
def lists_that_are_no_lists_are_refused(bench):
    for body, word in ((b"<html>", "not JSON"), (b"[]", "no commit"),
                       (b'{"sha": "../../../../../../../../../../../../x"}',
                        "no commit"),
                       (b'{"sha": "' + COMMIT.encode() + b'"}', "no list"),
                       (b'{"sha": "' + COMMIT.encode() + b'", "siblings": [{'
                        b'"rfilename": "a", "size": -1}]}', "not a size")):
        bench.hub.fault["hub", "list"] = \
            lambda peer, incoming, data, body=body: \
            peer.send(response(200, body)) or True
        bench.refused(word)


@case
def a_full_disk_is_met_before_anything_is_fetched(bench):
    repo = bench.hub.repos["acme/tiny"]["main"]
    repo.says["model.safetensors"] = {"size": 10**15}
    bench.refused("needs 1.0 PB, and there is room for")
    check_equal(len(bench.hub.asked()), 1)


@case
def wrong_names_are_wrong_usage_or_refused(bench):
    for name in ("acme/tiny", "", "hf"):
        check_equal(bench.pull(name)[0], 2, name)
    for name in ("hf:tiny", "hf:acme/tiny/x", "hf:../tiny", "hf:acme/..",
                 "hf:acme/tiny@../x", "hf:acme/tiny:../x", "hf:acme/tiny:",
                 "hf:acme/tiny@", "hf:acme/tiny:.lock", "hf:acme/t?x"):
        bench.refused("hf:owner/name[@revision][:file]", name=name)
    check_equal(bench.hub.asked(), [])


# --- refusals ------------------------------------------------------------------

@case
def a_gated_model_says_what_to_do(bench):
    page = f"{bench.hub.url}/acme/tiny"
    bench.hub.fault["hub", "model.safetensors"] = \
        lambda peer, *_: bench.hub.refuse(peer, 403, "GatedRepo")
    bench.refused("gated", "accept its licence", page, "HF_TOKEN")
    bench.refused("the one that is set is not enough", HF_TOKEN=TOKEN)
    bench.hub.fault["hub", "list"] = \
        lambda peer, *_: bench.hub.refuse(peer, 401)
    bench.refused("shows no model acme/tiny", "HF_TOKEN", page)
    bench.refused("does not accept HF_TOKEN", HF_TOKEN=TOKEN)


@case
def unknown_models_and_revisions_are_said(bench):
    bench.refused("no model acme/other", name="hf:acme/other")
    bench.refused('no revision "mian"', name="hf:acme/tiny@mian")
    check(not os.path.exists(bench.cache), "folders were made for them")


@case
def too_many_requests_are_waited_for_but_not_for_long(bench):
    def busy(seconds):
        return lambda peer, *_: bench.hub.refuse(
            peer, 429, None, [("retry-after", seconds)])
    bench.hub.fault["hub", "list"] = once(busy("1"))
    bench.hub.fault["hub", "config.json"] = once(busy("1"))
    status, path, err = bench.pull()
    check_equal((status, path), (0, bench.folder()), err)
    check_equal(err.count("429"), 2, err)
    check("again in 1.0 s" in err, err)
    bench.fresh()
    bench.hub.fault["hub", "list"] = busy("3600")
    bench.refused("asked to wait 3600 s", "429")


@case
def server_errors_are_tried_again(bench):
    bench.hub.fault["hub", "tokenizer.json"] = once(
        lambda peer, *_: bench.hub.refuse(peer, 503))
    # A signed address that has run out: the hub gives another one.
    bench.hub.fault["cdn", "model.safetensors"] = once(
        lambda peer, *_: bench.hub.refuse(peer, 403))
    check_whole(bench.pulled())


@case
def silent_and_dripping_servers_are_given_up(bench):
    over = threading.Event()

    def silent(peer, incoming, data):
        over.wait(20)
        return False

    def stall(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head + body[:1000])
        over.wait(20)
        return False

    def drip(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head)
        for i in range(100):
            peer.send(body[i:i + 1])
            if over.wait(0.2):
                break
        return False
    flags = ("--tries", "1", "--timeout", "1")
    bench.hub.fault["hub", "list"] = silent
    bench.refused("no answer within 1 s", flags=flags)
    del bench.hub.fault["hub", "list"]
    for fault, word in ((silent, "no answer within 1 s"),
                        (stall, "silent for 1 s"),
                        (drip, "less than 1024 bytes a second")):
        bench.hub.fault["cdn", "model.safetensors"] = fault
        bench.refused(word, flags=flags)
    over.set()


# --- hosts and tokens ----------------------------------------------------------

@case
def the_token_goes_to_the_hub_alone(bench):
    bench.pulled(HF_TOKEN=TOKEN)
    check_equal({one.header("authorization") for one in bench.hub.asked()},
                {f"Bearer {TOKEN}"})
    check_equal([one.header("authorization")
                 for one in bench.hub.asked("cdn")], [None])
    check_equal([one.target for one in bench.hub.asked("cdn")],
                ["/blobs/model.safetensors?sig=s1gned%2F"])
    for _, _, names in os.walk(bench.cache):
        check(not any("hf_canary" in name for name in names), names)


@case
def a_way_back_to_the_hub_gets_no_token(bench):
    back = f"{bench.hub.url}/acme/tiny/resolve/{COMMIT}/tokenizer.json"
    bench.hub.fault["cdn", "model.safetensors"] = \
        lambda peer, *_: peer.send(response(302, b"", [("location", back)])) \
        or True
    repo = bench.hub.repos["acme/tiny"]["main"]
    repo.files["model.safetensors"] = repo.files["tokenizer.json"]
    bench.pulled(HF_TOKEN=TOKEN)
    tokens = [one.header("authorization") for one in bench.hub.asked()
              if one.target.endswith("/tokenizer.json")]
    check_equal(sorted(tokens, key=str), [f"Bearer {TOKEN}", None])


@case
def redirects_on_the_hub_keep_the_token(bench):
    def moved(peer, incoming, data):
        if "/old/" not in incoming.target:
            return None
        peer.send(response(307, b"", [
            ("location", incoming.target.replace("/old/", "/acme/"))]))
        return True
    bench.hub.fault["hub", "list"] = moved
    bench.hub.repos["old/tiny"] = bench.hub.repos["acme/tiny"]
    status, path, err = bench.pull("hf:old/tiny", HF_TOKEN=TOKEN)
    check_equal(status, 0, err)
    check_whole(path)
    check("calls it acme/tiny now" in err, err)
    check_equal({one.header("authorization") for one in bench.hub.asked()},
                {f"Bearer {TOKEN}"})


@case
def bad_redirects_are_refused(bench):
    plain = f"http://127.0.0.1:{bench.plain.cdn.port}/blobs/model.safetensors"
    for where, word in ((plain, "from https to plain http"),
                        ("ftp://x/y", "not an http or https URL"),
                        ("relative", "not an http or https URL"),
                        ("https://user@x/y", "not an http or https URL"),
                        (f"/acme/tiny/resolve/{COMMIT}/model.safetensors",
                         "more than 8 redirects")):
        bench.hub.fault["hub", "model.safetensors"] = \
            lambda peer, incoming, data, where=where: bench.hub.send_on(
                peer, "model.safetensors", data, where)
        bench.refused(word)
    check_equal(bench.plain.asked("cdn"), [])


@case
def plain_http_is_for_those_who_ask_for_it(bench):
    check_whole(bench.pulled(hub=bench.plain, HF_TOKEN=TOKEN))
    check_equal({one.header("authorization") for one in bench.plain.asked()},
                {f"Bearer {TOKEN}"})
    # 0.0.0.0 is this machine, but nothing that says so by its name.
    more = {"HF_ENDPOINT": f"http://0.0.0.0:{bench.plain.hub.port}",
            "SLUICE_CACHE": bench.cache + "b", "HF_TOKEN": TOKEN}
    bench.plain.hub.clear()
    status, path, err = bench.pull(**more)
    check_equal(status, 0, err)
    check("HF_TOKEN is not sent" in err, err)
    check_equal({one.header("authorization") for one in bench.plain.asked()},
                {None})


@case
def strangers_certificates_are_refused_and_asked_nothing(bench):
    other = Authority(bench.place.folder, "strangers")
    bench.refused("certificate", SSL_CERT_FILE=other.roots, HF_TOKEN=TOKEN)
    check_equal(bench.hub.asked(), [])


@case
def an_endpoint_may_have_a_path_and_must_be_a_url(bench):
    for endpoint in ("localhost", "https://", "https://a@b", "https://a/?b"):
        bench.refused("HF_ENDPOINT must be", HF_ENDPOINT=endpoint)
    bench.refused("HF_TOKEN has characters", HF_TOKEN="a\x01b")
    bench.refused("the hub", HF_ENDPOINT=bench.hub.url + "/mirror/")
    check_equal(bench.hub.last_target(),
                "/mirror/api/models/acme/tiny/revision/main?blobs=true")


# --- several at once -------------------------------------------------------------

@case
def several_files_come_at_once(bench):
    names = ["config.json", "tokenizer.json", "model.safetensors"]
    meeting = threading.Barrier(len(names), timeout=20)

    def meet(peer, incoming, data):
        meeting.wait()
        return None
    for name in names:
        bench.hub.fault["hub", name] = meet
    check_whole(bench.pulled())


@case
def a_second_process_waits_for_the_first(bench):
    begun, go_on = threading.Event(), threading.Event()

    def hold(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head + body[:1000])
        begun.set()
        check(go_on.wait(30), "nobody let it go on")
        peer.send(body[1000:])
        return True
    bench.hub.fault["cdn", "model.safetensors"] = once(hold)
    pulls = [Process("first", [SLUICE, "pull", "hf:acme/tiny"],
                     bench.place.folder, bench.environment())]
    check(begun.wait(30), "the first does not begin")
    pulls.append(Process("second", [SLUICE, "pull", "hf:acme/tiny"],
                         bench.place.folder, bench.environment()))
    eventually(lambda: b"waiting for another pull" in pulls[1].err(),
               "the second waits", 30)
    go_on.set()
    for one in pulls:
        check_equal(one.wait(), 0, one.err())
        check_equal(one.out().decode().strip(), bench.folder())
        check(one.judge(0) is None, one.judge(0))
    check_whole(bench.folder())
    check_equal(len(bench.hub.asked("cdn")), 1)


@case
def a_killed_pull_is_taken_up_by_the_next(bench):
    begun, over = threading.Event(), threading.Event()

    def hold(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head + body[:500_000])
        begun.set()
        over.wait(30)
        return False
    bench.hub.fault["cdn", "model.safetensors"] = once(hold)
    first = Process("killed", [SLUICE, "pull", "hf:acme/tiny"],
                    bench.place.folder, bench.environment())
    check(begun.wait(30), "it does not begin")
    part = os.path.join(bench.folder(), "model.safetensors.part")
    eventually(lambda: os.path.exists(part) and
               os.path.getsize(part) == 500_000, "its bytes are there")
    first.kill()
    over.set()
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges("model.safetensors")[-1], "bytes=500000-")


@case
def a_terminal_gets_one_line_that_is_redrawn(bench):
    begun, go_on = threading.Event(), threading.Event()

    def hold(peer, incoming, data):
        head, body = file_head(incoming, data)
        peer.send(head + body[:350_000])
        begun.set()
        go_on.wait(30)
        peer.send(body[350_000:])
        return True
    bench.hub.fault["cdn", "model.safetensors"] = hold
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SLUICE, "pull", "hf:acme/tiny"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=theirs,
        env=environment(**bench.environment()))
    os.close(theirs)
    seen = b""

    def probe():
        nonlocal seen
        if select.select([ours], [], [], 0.1)[0]:
            seen += os.read(ours, 65536)
        return b" of 701." in seen and b"4 of 5 files" in seen
    eventually(probe, "the line", 20)
    check(re.search(rb"\r\x1b\[K 50%  35\d\.\d kB of 701\.\d kB  ", seen),
          seen)
    go_on.set()
    check_equal(process.stdout.read().decode().strip(), bench.folder())
    check_equal(process.wait(30), 0)
    os.close(ours)


# --- the engine ------------------------------------------------------------------

@case
def a_pulled_model_is_run_by_its_name(bench):
    folder = bench.place.checkpoint("llama", chat="{{ messages }}")
    files = {name: read(folder, name) for name in files_in(folder)}
    bench.hub.add("acme/tiny", Repo(files, linked=["model.safetensors"]))
    row = {"prompt": list(golden("llama")["ids"][1])}
    for name, value in bench.environment().items():
        os.environ[name] = value
    done = sluice("generate", "--model", "hf:acme/tiny")
    check_equal((done.returncode, done.stdout), (1, b""), done.stderr)
    check(b"get it by sluice pull hf:acme/tiny" in done.stderr, done.stderr)
    bench.pulled()
    got = ask_one("generate", "hf:acme/tiny", row, "--exact")
    wanted = ask_one("generate", folder, row, "--exact")
    check(got["ids"] and got == wanted, got, wanted)
    done = sluice("model", "hf:acme/tiny", "--json")
    check_equal(done.returncode, 0, done.stderr)
    check_equal(json.loads(done.stdout)["family"], "llama")


if __name__ == "__main__":
    if not shutil.which("openssl"):
        skip("no openssl command here")
    run_cases(Bench)
