#!/usr/bin/env python3
"""Checks what learning_credentials says of its history, without the database.

    check_history.py checkpoint  NOTE --key KEY...
    check_history.py inclusion   PROOF [--checkpoint NOTE] --key KEY...
    check_history.py consistency PROOF [--old NOTE] [--new NOTE] --key KEY...
    check_history.py commitment  PROOF --field actor|reason --salt HEX --value TEXT
    check_history.py leaf        FILE

NOTE is a file with a published checkpoint, PROOF one with what history_inclusion_proof() or
history_consistency_proof() returned; "-" is standard input. KEY is what history_verifier_key() returned,
and has to come from somebody you trust: whoever gives you the proof could give you a key of their own.
The checkpoints in a proof are taken where none are given. A better one is one that you, or somebody else
than the issuer, kept.

Prints what holds, and ends with 0; with 1 when something does not hold, and with 2 when it was asked wrongly.
Needs nothing but Python 3.8. docs/history.md describes the formats.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys

# ---------------------------------------------------------------- Ed25519, RFC 8032, section 5.1

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    """The x of a point, or None."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if (x & 1) != sign else x


def decode_point(encoded):
    """A point in extended coordinates, or None."""
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << 255) - 1)
    x = recover_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def verify_ed25519(key, message, signature):
    point, commitment = decode_point(key), decode_point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or commitment is None or scalar >= L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = multiply(scalar, BASE), add(commitment, multiply(challenge, point))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# ---------------------------------------------------------------- notes


class Wrong(Exception):
    """Something does not hold."""


def decode(text, length, what):
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Wrong(f"{what} is not base64") from error
    if len(decoded) != length or base64.b64encode(decoded).decode() != text:
        raise Wrong(f"{what} is not the base64 of {length} bytes")
    return decoded


def read_key(text):
    """(name, id, key) of NAME+ID+KEY."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not parts[0]:
        raise Wrong(f"{text!r} is not a verifier key")
    name, key = parts[0], decode(parts[2], 33, "the key")
    identity = hashlib.sha256(f"{name}\n".encode() + key).digest()[:4]
    if key[0] != 1 or identity.hex() != parts[1]:
        raise Wrong(f"{text!r} is not an Ed25519 verifier key with its id")
    return name, identity, key[1:]


class Checkpoint:
    """A checkpoint, signed by one of the keys (name, id, key)."""

    def __init__(self, note, keys):
        note = note.rstrip("\n") + "\n"     # psql ends what it prints with a line feed of its own
        end = note.rfind("\n\n")
        if end < 0:
            raise Wrong("a checkpoint has no signature")
        text, good = note[: end + 1], False
        for line in note[end + 2 :].splitlines():
            parts = line.split(" ")
            if len(parts) != 3 or parts[0] != "\u2014":
                raise Wrong(f"{line!r} is not a signature")
            for name, identity, key in keys:
                if parts[1] != name or base64.b64decode(parts[2])[:4] != identity:
                    continue
                if not verify_ed25519(key, text.encode(), decode(parts[2], 68, "a signature")[4:]):
                    raise Wrong(f"the signature by {name} is not the key's")
                good = True
        if not good:
            raise Wrong("the checkpoint is not signed by one of the keys")
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:
            raise Wrong("the note is signed, and is not a checkpoint")
        self.origin, self.size = lines[0], int(lines[1])
        self.root = decode(lines[2], 32, "the root")


# ---------------------------------------------------------------- the tree, RFC 6962 and RFC 9162, section 2.1


def hash_leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def hash_node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from_inclusion(index, size, leaf, path):
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        raise Wrong(f"there is no leaf {index} in a tree of {size}")
    node, last, root = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Wrong("the path is too long")
        if node & 1 or node == last:
            root = hash_node(step, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = hash_node(root, step)
        node, last = node >> 1, last >> 1
    if last:
        raise Wrong("the path is too short")
    return root


def check_consistency(old_size, size, old_root, root, path):
    """RFC 9162, section 2.1.4.2."""
    if not 0 < old_size <= size:
        raise Wrong(f"a tree of {size} does not begin with one of {old_size}")
    if old_size == size:
        if path or old_root != root:
            raise Wrong("two trees of one size are not the same")
        return
    path = list(path)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise Wrong("the path is empty")
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            raise Wrong("the path is too long")
        if node & 1 or node == last:
            old, new = hash_node(step, old), hash_node(step, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = hash_node(new, step)
        node, last = node >> 1, last >> 1
    if last:
        raise Wrong("the path is too short")
    if old != old_root:
        raise Wrong("the path does not lead to the old root")
    if new != root:
        raise Wrong("the path does not lead to the new root")


# ---------------------------------------------------------------- leaves

FIELDS = ["credential_uuid", "seq", "kind", "occurred_at", "configuration_id", "run_id", "old_status", "new_status",
          "old_issue_date", "old_expires_at", "issue_date", "expires_at", "actor_commitment", "reason_commitment"]


def read_leaf(text):
    """The fields of a leaf, in order; None for NULL."""
    lines = text.split("\n")
    if lines[0] != "learning_credentials/event/v1" or lines[-1] != "" or len(lines) != len(FIELDS) + 2:
        raise Wrong("the leaf is not an event of version 1")
    fields = {}
    for name, line in zip(FIELDS, lines[1:]):
        label, _, value = line.partition(" ")
        if label != name or not value:
            raise Wrong(f"the leaf has {line!r} where {name} is expected")
        fields[name] = None if value == "-" else value
    return fields


# ---------------------------------------------------------------- what is asked


def read(path):
    if path == "-":
        return sys.stdin.read()
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def read_proof(path, kind):
    try:
        proof = json.loads(read(path))
    except ValueError as error:
        raise Wrong(f"{path} is not JSON") from error
    if not isinstance(proof, dict) or proof.get("format") != f"learning_credentials/{kind}/v1":
        raise Wrong(f"{path} is no proof of {kind}, version 1")
    try:
        proof["path"] = [decode(step, 32, "a step of the path") for step in proof["path"]]
    except (KeyError, TypeError) as error:
        raise Wrong(f"{path} has no path") from error
    return proof


def take_checkpoint(path, note, keys, size):
    """The checkpoint in a file, or else the one that came with the proof; it must be of this size."""
    if path is None and note is None:
        raise Wrong(f"the proof has no signed checkpoint of size {size}: give the one that you have")
    checkpoint = Checkpoint(note if path is None else read(path), keys)
    if checkpoint.size != size:
        raise Wrong(f"the checkpoint is of size {checkpoint.size}, and the proof of size {size}")
    return checkpoint


def show_checkpoint(checkpoint):
    print(f"signed by {checkpoint.origin}: {checkpoint.size} events, root {base64.b64encode(checkpoint.root).decode()}")


def checkpoint_command(arguments, keys):
    show_checkpoint(Checkpoint(read(arguments.file), keys))


def inclusion_command(arguments, keys):
    proof = read_proof(arguments.file, "inclusion")
    checkpoint = take_checkpoint(arguments.checkpoint, proof.get("checkpoint"), keys, proof["tree_size"])
    root = root_from_inclusion(proof["leaf_index"], proof["tree_size"], hash_leaf(proof["leaf"].encode()), proof["path"])
    if root != checkpoint.root:
        raise Wrong("the path does not lead from the event to the checkpoint's root")
    show_checkpoint(checkpoint)
    print(f"it holds, as number {proof['leaf_index']}:")
    for name, value in read_leaf(proof["leaf"]).items():
        if value is not None:
            print(f"  {name} {value}")


def consistency_command(arguments, keys):
    proof = read_proof(arguments.file, "consistency")
    old = take_checkpoint(arguments.old, proof.get("old_checkpoint"), keys, proof["old_size"])
    new = take_checkpoint(arguments.new, proof.get("new_checkpoint"), keys, proof["new_size"])
    if old.origin != new.origin:
        raise Wrong(f"one checkpoint is of {old.origin}, the other of {new.origin}")
    check_consistency(old.size, new.size, old.root, new.root, proof["path"])
    show_checkpoint(new)
    print(f"it begins with the {old.size} events of the other checkpoint, unchanged")


def commitment_command(arguments, _):
    proof = read_proof(arguments.file, "inclusion")
    committed = read_leaf(proof["leaf"])[f"{arguments.field}_commitment"]
    salt = binascii.unhexlify(arguments.salt.replace("\\x", "", 1))
    if hashlib.sha256(salt + arguments.value.encode()).hexdigest() != committed:
        raise Wrong(f"this is not the {arguments.field} that the event commits to")
    print(f"the event commits to this {arguments.field}")


def leaf_command(arguments, _):
    text = read(arguments.file)
    read_leaf(text)
    print(base64.b64encode(hash_leaf(text.encode())).decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command, options in (
            ("checkpoint", checkpoint_command, ()),
            ("inclusion", inclusion_command, ("--checkpoint",)),
            ("consistency", consistency_command, ("--old", "--new")),
            ("commitment", commitment_command, ("--field", "--salt", "--value")),
            ("leaf", leaf_command, ())):
        one = commands.add_parser(name)
        one.add_argument("file")
        for option in options:
            one.add_argument(option, required=name == "commitment",
                             choices=("actor", "reason") if option == "--field" else None)
        if name in ("checkpoint", "inclusion", "consistency"):
            one.add_argument("--key", action="append", required=True)
        one.set_defaults(run=command, key=[])
    arguments = parser.parse_args()
    try:
        arguments.run(arguments, [read_key(key) for key in arguments.key])
    except (Wrong, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"wrong: {error}")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
