/*
 * history_note.h
 *		Checkpoints as text: the formats tlog-checkpoint and signed-note of C2SP, with Ed25519.
 *
 * A checkpoint is three lines: the origin, the size of the tree, its root in base64. A signed note is a
 * text, an empty line, and a line for each signature: an em dash, the key's name, and in base64 the four
 * bytes of the key's id and the 64 of the signature over the text.
 */
#ifndef LC_HISTORY_NOTE_H
#define LC_HISTORY_NOTE_H

#include "history_tree.h"
#include "utils/guc.h"

#define LC_KEY_ID_BYTES 4
#define LC_PUBLIC_KEY_BYTES 32

/* A public key that checks signatures. */
typedef struct LcVerifierKey
{
	const char *name;
	uint8 id[LC_KEY_ID_BYTES];
	uint8 key[LC_PUBLIC_KEY_BYTES];
} LcVerifierKey;

/* A checkpoint that was read from a note. */
typedef struct LcCheckpoint
{
	const char *origin;
	int64 size;
	LcHash root;
} LcCheckpoint;

typedef enum LcSigned
{
	LC_SIGNED,	  /* by a key that is known */
	LC_UNSIGNED,  /* by none that is known */
	LC_BAD_SIGNED /* a signature that says it is of a known key is not */
} LcSigned;

/* Everything that is returned is palloc'd. */

/* The check of the setting history_origin. */
extern bool lc_check_history_origin(char **newval, void **extra, GucSource source);

/*
 * The checkpoint of a tree under our origin as a signed note. NULL, with *problem saying why, when it
 * cannot be signed; *problem is NULL when no key is set.
 */
extern char *lc_sign_checkpoint(int64 size, const LcHash *root, char **problem);

/* Our own public key; false as above. */
extern bool lc_own_verifier_key(LcVerifierKey *key, char **problem);

/* A public key as text, NAME+ID+KEY, and back; that raises 22023. */
extern char *lc_verifier_key_text(const LcVerifierKey *key);
extern void lc_parse_verifier_key(const char *text, LcVerifierKey *key);

/* Reads the checkpoint in a note; false, with *problem saying why, when there is none. */
extern bool lc_parse_checkpoint(const char *note, LcCheckpoint *checkpoint, const char **problem);

/* By whom is a note signed? */
extern LcSigned lc_check_signatures(const char *note, const LcVerifierKey *keys, int count);

/* Bytes in base64. */
extern char *lc_base64(const void *bytes, int length);

#endif /* LC_HISTORY_NOTE_H */
