/*
 * history_tree.c
 *		A Merkle tree as in RFC 6962, section 2: hashes, growing it, and proofs from what is stored of it.
 *
 * A leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right). The left child of a tree with n
 * leaves holds the largest power of two below n. A subtree whose number of leaves is a power of two, and
 * divides the number of those before it, is complete and never changes as the tree grows; of these every
 * eighth height is stored, so that any other node takes reading 255 hashes a height at most.
 */
#include "postgres.h"

#include "history_tree.h"

/* ---------------------------------------------------------------- hashes */

LcHasher *
lc_hasher_new(void)
{
	LcHasher *hasher = pg_cryptohash_create(PG_SHA256);

	if (hasher == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return hasher;
}

void
lc_hasher_free(LcHasher *hasher)
{
	pg_cryptohash_free(hasher);
}

static void
hash_parts(LcHasher *hasher, uint8 prefix, const void *first, size_t first_length, const void *second,
		   size_t second_length, LcHash *hash)
{
	if (pg_cryptohash_init(hasher) < 0 || pg_cryptohash_update(hasher, &prefix, 1) < 0 ||
		pg_cryptohash_update(hasher, first, first_length) < 0 ||
		pg_cryptohash_update(hasher, second, second_length) < 0 ||
		pg_cryptohash_final(hasher, hash->bytes, LC_HASH_BYTES) < 0)
		elog(ERROR, "could not compute a SHA-256 hash");
}

void
lc_hash_leaf(LcHasher *hasher, const void *data, size_t length, LcHash *hash)
{
	hash_parts(hasher, 0x00, data, length, data, 0, hash);
}

void
lc_hash_node(LcHasher *hasher, const LcHash *left, const LcHash *right, LcHash *hash)
{
	LcHash l = *left; /* "hash" may be one of the two */
	LcHash r = *right;

	hash_parts(hasher, 0x01, l.bytes, LC_HASH_BYTES, r.bytes, LC_HASH_BYTES, hash);
}

bool
lc_same_hash(const LcHash *a, const LcHash *b)
{
	return memcmp(a->bytes, b->bytes, LC_HASH_BYTES) == 0;
}

/* ---------------------------------------------------------------- growing */

void
lc_frontier_append(LcFrontier *frontier, LcHasher *hasher, const LcHash *leaf, LcNodeSink sink,
				   void *argument)
{
	LcHash hash = *leaf;
	int height = 0;

	while (frontier->count > 0 && frontier->heights[frontier->count - 1] == height)
	{
		frontier->count--;
		lc_hash_node(hasher, &frontier->roots[frontier->count], &hash, &hash);
		height++;
		if (sink != NULL && height % LC_NODE_STEP == 0)
			sink(argument, height, frontier->size >> height, &hash);
	}
	frontier->heights[frontier->count] = height;
	frontier->roots[frontier->count] = hash;
	frontier->count++;
	frontier->size++;
}

void
lc_frontier_root(const LcFrontier *frontier, LcHasher *hasher, LcHash *root)
{
	int i = frontier->count - 1;

	if (i < 0)
	{
		if (pg_cryptohash_init(hasher) < 0 ||
			pg_cryptohash_final(hasher, root->bytes, LC_HASH_BYTES) < 0)
			elog(ERROR, "could not compute a SHA-256 hash");
		return;
	}
	*root = frontier->roots[i];
	while (--i >= 0)
		lc_hash_node(hasher, &frontier->roots[i], root, root);
}

/* ---------------------------------------------------------------- reading */

/* The root of the complete subtree of a height that begins with leaf "first". */
static void
complete_root(const LcTree *tree, int height, int64 first, LcHash *root)
{
	LcHash hashes[LC_NODE_LEAVES];
	int above = height % LC_NODE_STEP;
	int stored = height - above;
	int count = 1 << above;
	int i;

	tree->source(tree->argument, stored, first >> stored, count, hashes);
	for (; count > 1; count /= 2)
		for (i = 0; i < count / 2; i++)
			lc_hash_node(tree->hasher, &hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
	*root = hashes[0];
}

/* The frontier of the subtree of leaves from "first" to before "end", which begins a complete one. */
static void
range_frontier(const LcTree *tree, int64 first, int64 end, LcFrontier *frontier)
{
	int height;

	frontier->size = end - first;
	frontier->count = 0;
	for (height = LC_MAX_PATH - 2; height >= 0; height--)
		if ((frontier->size >> height) & 1)
		{
			frontier->heights[frontier->count] = height;
			complete_root(tree, height, first, &frontier->roots[frontier->count]);
			frontier->count++;
			first += INT64CONST(1) << height;
		}
}

static void
range_root(const LcTree *tree, int64 first, int64 end, LcHash *root)
{
	LcFrontier frontier;

	range_frontier(tree, first, end, &frontier);
	lc_frontier_root(&frontier, tree->hasher, root);
}

void
lc_tree_frontier(const LcTree *tree, int64 size, LcFrontier *frontier)
{
	range_frontier(tree, 0, size, frontier);
}

void
lc_tree_root(const LcTree *tree, int64 size, LcHash *root)
{
	range_root(tree, 0, size, root);
}

/* Where the left child of the tree of leaves from "first" to before "end", two at least, ends. */
static int64
middle(int64 first, int64 end)
{
	int64 leaves = 1;

	while (leaves * 2 < end - first)
		leaves *= 2;
	return first + leaves;
}

static void
add_range(const LcTree *tree, int64 first, int64 end, LcPath *path)
{
	range_root(tree, first, end, &path->hashes[path->count]);
	path->count++;
}

/* PATH(m, D[n]) of the RFC, with leaves counted from the whole tree's beginning. */
static void
inclusion(const LcTree *tree, int64 index, int64 first, int64 end, LcPath *path)
{
	int64 split;

	if (end - first == 1)
		return;
	split = middle(first, end);
	if (index < split)
	{
		inclusion(tree, index, first, split, path);
		add_range(tree, split, end, path);
	}
	else
	{
		inclusion(tree, index, split, end, path);
		add_range(tree, first, split, path);
	}
}

/*
 * SUBPROOF(m, D[n], b) of the RFC, with leaves counted from the whole tree's beginning; "known": the
 * subtree is one that whoever checks the proof has.
 */
static void
consistency(const LcTree *tree, int64 old_end, int64 first, int64 end, bool known, LcPath *path)
{
	int64 split;

	if (old_end == end)
	{
		if (!known)
			add_range(tree, first, end, path);
		return;
	}
	split = middle(first, end);
	if (old_end <= split)
	{
		consistency(tree, old_end, first, split, known, path);
		add_range(tree, split, end, path);
	}
	else
	{
		consistency(tree, old_end, split, end, false, path);
		add_range(tree, first, split, path);
	}
}

void
lc_inclusion_path(const LcTree *tree, int64 index, int64 size, LcPath *path)
{
	path->count = 0;
	inclusion(tree, index, 0, size, path);
}

void
lc_consistency_path(const LcTree *tree, int64 old_size, int64 size, LcPath *path)
{
	path->count = 0;
	consistency(tree, old_size, 0, size, true, path);
}
