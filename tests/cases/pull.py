#!/usr/bin/env python3
# pull.py -- sluice pull: what it fetches, from whom, and where it puts it.
# SPDX-License-Identifier: Apache-2.0
import pty
import select

from engine import ask_one, golden
from harness import *  # noqa: F403
from pull_bench import *  # noqa: F403


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
    check_equal(bench.hub.asked()[0].target,
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
    told = json.loads(done.stdout)
    check_equal((told["family"], told["name"]), ("llama", "acme/tiny"))


if __name__ == "__main__":
    if not shutil.which("openssl"):
        skip("no openssl command here")
    run_cases(Bench)
