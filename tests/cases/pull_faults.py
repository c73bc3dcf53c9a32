#!/usr/bin/env python3
# pull_faults.py -- sluice pull from hubs that cut, lie, stall and refuse.
# SPDX-License-Identifier: Apache-2.0
import resource

from harness import *  # noqa: F403
from pull_bench import *  # noqa: F403


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
def a_write_that_fails_is_said_and_its_bytes_are_kept(bench):
    def allow_little():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    done = subprocess.run(
        [SLUICE, "pull", "hf:acme/tiny"], capture_output=True, timeout=60,
        env=environment(**bench.environment()), preexec_fn=allow_little)
    check_equal((done.returncode, done.stdout), (1, b""), done.stderr)
    check(b"write " in done.stderr and b"too large" in done.stderr,
          done.stderr)
    check_equal(len(bench.hub.asked("cdn")), 1)
    check_whole(bench.pulled())
    check_equal(bench.hub.ranges("model.safetensors")[-1], "bytes=200000-")


@case
def wrong_names_are_wrong_usage_or_refused(bench):
    for name in ("acme/tiny", "", "hf"):
        check_equal(bench.pull(name)[0], 2, name)
    for flags in (("--to", ""), ("--tries", "0"), ("--timeout", "x"),
                  ("--fast",), ("hf:acme/more",)):
        check_equal(bench.pull("hf:acme/tiny", *flags)[0], 2, flags)
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
    bench.hub.add("acme/tiny", bench.hub.repos["acme/tiny"]["main"], "v1.0")
    bench.hub.add("acme/other", Repo({}))
    bench.refused('no revision "v1.1"', "it has hf:acme/tiny@v1.0, ",
                  name="hf:acme/tiny@v1.1")
    bench.refused("no model acme/tinny", "it has hf:acme/tiny, ",
                  name="hf:acme/tinny")
    bench.refused("no model acne/tiny", "it has hf:acme/tiny\n",
                  name="hf:acne/tiny")
    err = bench.refused("no model a/b", name="hf:a/b")
    check("it has" not in err, err)
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


if __name__ == "__main__":
    if not shutil.which("openssl"):
        skip("no openssl command here")
    run_cases(Bench)
