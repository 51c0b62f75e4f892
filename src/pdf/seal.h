/*
 * pdf/seal.h
 *		Encryption of documents: AES-256, revision 6, with an empty user password and a random owner
 *		password that nobody knows. Printing and extraction are allowed, changes are refused.
 */
#ifndef LC_SEAL_H
#define LC_SEAL_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct LcSeal LcSeal;

/*
 * The key material for one more document, palloc'd. Documents of a backend share it, and
 * learning_credentials.documents_per_key says how many: the fourth of a millisecond that a document
 * takes would otherwise be three milliseconds.
 */
extern const LcSeal *lc_seal_get(void);

/* Tells key materials of this backend apart, never 0. What is cached sealed, is cached for one of them. */
extern uint64 lc_seal_serial(const LcSeal *seal);

/* Bytes that lc_seal_append() appends for "length" bytes: the initialisation vector and whole blocks. */
extern Size lc_seal_size(Size length);

/* Appends the bytes sealed: a random initialisation vector, then the padded ciphertext. */
extern void lc_seal_append(StringInfo buffer, const LcSeal *seal, const void *data, Size length);

/* Appends the entries of the /Encrypt dictionary, which itself is never sealed. */
extern void lc_seal_entries(StringInfo buffer, const LcSeal *seal);

#endif /* LC_SEAL_H */
