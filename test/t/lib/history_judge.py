"""Judges what the history's log says, by the definitions in RFC 6962 written down once more, naively.

    history_judge.py KEY        reads lines "KIND JSON" from standard input: events (their bytes, in the log's
                                order, all before what is about them), checkpoints, inclusion and consistency proofs
    history_judge.py vectors    the published test vectors, by these definitions and by the checker

Prints how many of each were right, and a line for each that is wrong. Proofs are judged by these definitions and by
the checker, tools/check_history.py, and the checker must refuse each of them once something in it was changed.
Signatures are judged by the checker, which computes them itself, and by OpenSSL.
"""

import base64
import copy
import functools
import hashlib
import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import tempfile

path = pathlib.Path(__file__).parents[3] / "tools" / "check_history.py"
spec = importlib.util.spec_from_file_location("check_history", path)
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)

leaves = []


# ---------------------------------------------------------------- section 2.1, to the letter


def split(n):
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@functools.lru_cache(maxsize=None)
def mth(first, n):
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + leaves[first]).digest()
    k = split(n)
    return hashlib.sha256(b"\x01" + mth(first, k) + mth(first + k, n - k)).digest()


def path_of(m, first, n):
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return path_of(m, first, k) + [mth(first + k, n - k)]
    return path_of(m - k, first + k, n - k) + [mth(first, k)]


def subproof(m, first, n, b):
    if m == n:
        return [] if b else [mth(first, n)]
    k = split(n)
    if m <= k:
        return subproof(m, first, k, b) + [mth(first + k, n - k)]
    return subproof(m - k, first + k, n - k, False) + [mth(first, k)]


def text(value):
    return base64.b64encode(value).decode()


# ---------------------------------------------------------------- judging


def refuses(check, *arguments):
    try:
        check(*arguments)
    except checker.Wrong:
        return True
    return False


def check_inclusion(proof, root):
    if checker.root_from_inclusion(proof["leaf_index"], proof["tree_size"], checker.hash_leaf(proof["leaf"].encode()),
                                   [checker.decode(p, 32, "") for p in proof["path"]]) != root:
        raise checker.Wrong("another root")


def check_consistency(proof, old_root, root):
    checker.check_consistency(proof["old_size"], proof["new_size"], old_root, root,
                              [checker.decode(p, 32, "") for p in proof["path"]])


def changed_paths(proof):
    """The proof with a step changed, left out, added, two exchanged."""
    steps = proof["path"]
    for i in range(len(steps)):
        other = copy.deepcopy(proof)
        other["path"][i] = text(bytes([base64.b64decode(steps[i])[0] ^ 1]) + base64.b64decode(steps[i])[1:])
        yield other
        other = copy.deepcopy(proof)
        del other["path"][i]
        yield other
    for i in range(len(steps) + 1):
        other = copy.deepcopy(proof)
        other["path"].insert(i, text(bytes(32)))
        yield other
    if len(steps) > 1:
        other = copy.deepcopy(proof)
        other["path"].reverse()
        yield other


def judge_event(event):
    leaves.append(event.encode())
    checker.read_leaf(event)
    return []


def judge_checkpoint(row):
    wrong = []
    if text(mth(0, row["tree_size"])) != row["root_hash"]:
        wrong.append("root")
    if row["note"] is not None:
        checkpoint = checker.Checkpoint(row["note"], [KEY])
        if checkpoint.size != row["tree_size"] or text(checkpoint.root) != row["root_hash"]:
            wrong.append("note")
        if random.random() < 0.05:
            wrong += judge_signature(row["note"])
    return wrong


def judge_signature(note):
    signed, _, line = note.rpartition("\n\n")
    signed += "\n"
    wrong = []
    # of the public key in DER, the first twelve bytes are always these
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": bytes.fromhex("302a300506032b6570032100") + KEY[2], "text": signed.encode(),
                 "signature": base64.b64decode(line.split(" ")[2])[4:]}
        for name, content in files.items():
            pathlib.Path(folder, name).write_bytes(content)
        if subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{folder}/key",
                           "-rawin", "-in", f"{folder}/text", "-sigfile", f"{folder}/signature"],
                          stdout=subprocess.DEVNULL, check=False).returncode != 0:
            wrong.append("signature by OpenSSL")
    for other in (note.replace("\n", "\n1", 1), note.replace(KEY[0], "other", 1), note[:-8] + "AAAA" + note[-4:]):
        if not refuses(checker.Checkpoint, other, [KEY]):
            wrong.append("the checker takes another note")
    stranger = (KEY[0], KEY[1], bytes(31) + b"\1")
    if not refuses(checker.Checkpoint, note, [stranger]) or not refuses(checker.Checkpoint, note, []):
        wrong.append("the checker takes another key")
    return wrong


def judge_inclusion(proof):
    index, size = proof["leaf_index"], proof["tree_size"]
    wrong = []
    if proof["leaf"].encode() != leaves[index] or proof["leaf_hash"] != text(mth(index, 1)):
        wrong.append("leaf")
    if [base64.b64decode(p) for p in proof["path"]] != path_of(index, 0, size):
        wrong.append("path")
    root = mth(0, size)
    if proof["root_hash"] != text(root):
        wrong.append("root")
    if refuses(check_inclusion, proof, root):
        wrong.append("the checker refuses it")
    others = list(changed_paths(proof)) if size < 20 or random.random() < 0.02 else []
    others += [{**proof, "leaf": proof["leaf"].replace("seq", "Seq")}, {**proof, "leaf_index": index + 1}]
    # A path proves a place, and not the size: that comes from the checkpoint. Only a tree of another shape is refused.
    for other in others:
        if not refuses(check_inclusion, other, root):
            wrong.append(f"the checker takes {other}")
    return wrong


def judge_consistency(proof):
    old, new = proof["old_size"], proof["new_size"]
    wrong = []
    if [base64.b64decode(p) for p in proof["path"]] != subproof(old, 0, new, True):
        wrong.append("path")
    roots = mth(0, old), mth(0, new)
    if (proof["old_root_hash"], proof["new_root_hash"]) != tuple(text(root) for root in roots):
        wrong.append("roots")
    if refuses(check_consistency, proof, *roots):
        wrong.append("the checker refuses it")
    others = list(changed_paths(proof)) if new < 20 or random.random() < 0.02 else []
    for other in others:
        if not refuses(check_consistency, other, *roots):
            wrong.append(f"the checker takes {other}")
    for other in ((bytes(32), roots[1]), (roots[0], bytes(32))):
        if not refuses(check_consistency, proof, *other):
            wrong.append("the checker takes another root")
    return wrong


def judge_vectors():
    """Those of Certificate Transparency's own test suite."""
    leaves.extend(bytes.fromhex(data) for data in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"))
    roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]
    for size, root in enumerate(roots):
        if mth(0, size).hex() != root:
            print(f"the root of size {size} is {mth(0, size).hex()}")
    # leaf, size, path; old size, new size, path
    for index, size, path_ in ((0, 1, []), (0, 8, [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]), (2, 3, [
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"])):
        steps = [bytes.fromhex(step) for step in path_]
        if path_of(index, 0, size) != steps:
            print(f"the path of leaf {index} in {size} is another")
        if checker.root_from_inclusion(index, size, mth(index, 1), steps) != mth(0, size):
            print(f"the checker refuses leaf {index} in {size}")
    for old, new, path_ in ((1, 1, []), (6, 8, [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"])):
        steps = [bytes.fromhex(step) for step in path_]
        if subproof(old, 0, new, True) != steps:
            print(f"the path from {old} to {new} is another")
        checker.check_consistency(old, new, mth(0, old), mth(0, new), steps)
    # RFC 8032, section 7.1, tests 1 to 3
    for key, message, signature in (
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
             "d25bf5f0595bbe24655141438e7a100b"),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
             "387b2eaeb4302aeeb00d291612bb0c00"),
            ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
             "4a7c15e9716ed28dc027beceea1ec40a")):
        arguments = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
        if not checker.verify_ed25519(*arguments):
            print(f"the checker refuses a signature of RFC 8032 under {key}")
        # the same signature with S + L is no signature
        s = (int.from_bytes(arguments[2][32:], "little") + checker.L).to_bytes(32, "little")
        if checker.verify_ed25519(arguments[0], arguments[1], arguments[2][:32] + s) or \
                checker.verify_ed25519(arguments[0], arguments[1] + b"x", arguments[2]):
            print("the checker takes another signature")
    print("vectors")


if sys.argv[1] == "vectors":
    judge_vectors()
    sys.exit()
KEY = checker.read_key(sys.argv[1])
random.seed(6962)
judges = {"event": judge_event, "checkpoint": judge_checkpoint, "inclusion": judge_inclusion,
          "consistency": judge_consistency}
right = dict.fromkeys(judges, 0)
for line in sys.stdin:
    kind, _, content = line.partition(" ")
    mistakes = judges[kind](json.loads(content))
    right[kind] += not mistakes
    if mistakes:
        print(kind, content[:200], mistakes[:3])
print(", ".join(f"{count} {kind}" for kind, count in right.items()))
