/*
 * history_tree.h
 *		A Merkle tree as in RFC 6962, section 2: hashes, growing it, and proofs from what is stored of it.
 *
 * Knows nothing of events and tables. Trees hold fewer than 2^56 leaves.
 */
#ifndef LC_HISTORY_TREE_H
#define LC_HISTORY_TREE_H

#include "common/cryptohash.h"

#define LC_HASH_BYTES 32

/*
 * Of the tree's nodes the leaves are stored, and those above that root a complete subtree whose height is
 * a multiple of this.
 */
#define LC_NODE_STEP 8
#define LC_NODE_LEAVES 256

/* The longest path there can be in a proof. */
#define LC_MAX_PATH 64

typedef struct LcHash
{
	uint8 bytes[LC_HASH_BYTES];
} LcHash;

/* A place where SHA-256 is computed; freed with lc_hasher_free(), or after an error by itself. */
typedef pg_cryptohash_ctx LcHasher;
extern LcHasher *lc_hasher_new(void);
extern void lc_hasher_free(LcHasher *hasher);

extern void lc_hash_leaf(LcHasher *hasher, const void *data, size_t length, LcHash *hash);
extern void lc_hash_node(LcHasher *hasher, const LcHash *left, const LcHash *right, LcHash *hash);
extern bool lc_same_hash(const LcHash *a, const LcHash *b);

/* ---------------------------------------------------------------- growing */

/* The roots of the complete subtrees that a tree of a size consists of, the largest first. */
typedef struct LcFrontier
{
	int64 size;
	int count;
	int heights[LC_MAX_PATH];
	LcHash roots[LC_MAX_PATH];
} LcFrontier;

/* Takes a node of a height that is stored; its index counts the nodes of that height from 0. */
typedef void (*LcNodeSink)(void *argument, int height, int64 index, const LcHash *hash);

/* Appends a leaf. "sink" is called for each node that is to be stored and is complete now; or NULL. */
extern void lc_frontier_append(LcFrontier *frontier, LcHasher *hasher, const LcHash *leaf,
							   LcNodeSink sink, void *argument);

/* The root of the tree; of one without leaves the hash of nothing. */
extern void lc_frontier_root(const LcFrontier *frontier, LcHasher *hasher, LcHash *root);

/* ---------------------------------------------------------------- reading */

/* Reads stored nodes of one height, 0 for leaves, that are all there: "count" of them from "first" on. */
typedef void (*LcNodeSource)(void *argument, int height, int64 first, int count, LcHash *hashes);

/* A tree that is stored. */
typedef struct LcTree
{
	LcHasher *hasher;
	LcNodeSource source;
	void *argument;
} LcTree;

/* A list of hashes, those nearest the leaves first. */
typedef struct LcPath
{
	int count;
	LcHash hashes[LC_MAX_PATH];
} LcPath;

/* The frontier, or the root, of the tree's first "size" leaves. */
extern void lc_tree_frontier(const LcTree *tree, int64 size, LcFrontier *frontier);
extern void lc_tree_root(const LcTree *tree, int64 size, LcHash *root);

/* Section 2.1.1: that the leaf "index" is in the tree of the first "size" leaves. */
extern void lc_inclusion_path(const LcTree *tree, int64 index, int64 size, LcPath *path);

/* Section 2.1.2: that the tree of "old_size" leaves, more than none, begins that of "size" leaves. */
extern void lc_consistency_path(const LcTree *tree, int64 old_size, int64 size, LcPath *path);

#endif /* LC_HISTORY_TREE_H */
