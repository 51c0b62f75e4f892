/*
 * history_note.c
 *		Checkpoints as text: the formats tlog-checkpoint and signed-note of C2SP, with Ed25519 by OpenSSL.
 *
 * The private key is read from its file whenever it is needed, and is not kept. Whoever may set the
 * setting that names the file is a superuser and could read it anyway.
 */
#include "postgres.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base64.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#include "compat.h"
#include "history_note.h"
#include "settings.h"

#define SIGNATURE_BYTES 64
#define ALGORITHM_ED25519 0x01
#define LONGEST_KEY_FILE 16384
#define EM_DASH "\xe2\x80\x94"

/* ---------------------------------------------------------------- base64, names */

char *
lc_base64(const void *bytes, int length)
{
	int size = pg_b64_enc_len(length);
	char *text = palloc(size + 1);
	int written = pg_b64_encode((void *) bytes, length, text, size);

	if (written < 0)
		elog(ERROR, "could not encode base64");
	text[written] = '\0';
	return text;
}

/* Decodes exactly so many bytes; false when the text is not of so many. */
static bool
decode_base64(const char *text, int text_length, void *bytes, int length)
{
	int size = pg_b64_dec_len(text_length) + 1;
	char *decoded;
	int written;

	if (text_length != (length + 2) / 3 * 4)
		return false;
	decoded = palloc(size);
	written = pg_b64_decode((void *) text, text_length, (void *) decoded, size);
	if (written != length)
		return false;
	memcpy(bytes, decoded, length);
	/* One text for these bytes: also the bits that nobody needs are as they are written. */
	return strncmp(lc_base64(bytes, length), text, text_length) == 0;
}

/* May a key have this name? Spaces are those of Unicode. */
static bool
is_name(const char *name, size_t length)
{
	static const char *const spaces[] = {
		"\xc2\x85",		"\xc2\xa0",		"\xe1\x9a\x80", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"
	};
	size_t i;
	int j;

	for (i = 0; i < length; i++)
	{
		if ((unsigned char) name[i] <= ' ' || name[i] == '+' || name[i] == 0x7f)
			return false;
		if (length - i >= 3 && strncmp(name + i, "\xe2\x80", 2) == 0 &&
			(unsigned char) name[i + 2] >= 0x80 && (unsigned char) name[i + 2] <= 0x8a)
			return false;
		for (j = 0; j < (int) lengthof(spaces); j++)
			if (strncmp(name + i, spaces[j], Min(length - i, strlen(spaces[j]))) == 0 &&
				length - i >= strlen(spaces[j]))
				return false;
	}
	return length > 0;
}

bool
lc_check_history_origin(char **newval, void **extra, GucSource source)
{
	if (is_name(*newval, strlen(*newval)))
		return true;
	GUC_check_errdetail("A name has at least one character, and neither spaces nor plus signs.");
	return false;
}

/* ---------------------------------------------------------------- keys */

/* The id of a key: the first bytes of SHA-256(name || LF || algorithm || key). */
static void
set_key_id(LcVerifierKey *key)
{
	uint8 digest[EVP_MAX_MD_SIZE];
	StringInfoData bytes;
	bool done;

	initStringInfo(&bytes);
	appendStringInfo(&bytes, "%s\n", key->name);
	appendStringInfoChar(&bytes, ALGORITHM_ED25519);
	appendBinaryStringInfo(&bytes, (const char *) key->key, LC_PUBLIC_KEY_BYTES);
	done = EVP_Digest(bytes.data, bytes.len, digest, NULL, EVP_sha256(), NULL) == 1;
	if (!done)
		elog(ERROR, "could not compute a SHA-256 hash");
	memcpy(key->id, digest, LC_KEY_ID_BYTES);
}

/* Reads the key file; NULL, with *problem, when it cannot be used. */
static char *
read_key_file(int *length, char **problem)
{
	FILE *file = AllocateFile(lc_history_key_file, "r");
	struct stat status;
	char *content;

	*problem = NULL;
	if (file == NULL)
	{
		*problem = psprintf("could not open file \"%s\": %s", lc_history_key_file, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
		*problem = psprintf("\"%s\" is not a regular file", lc_history_key_file);
	else if (status.st_uid != geteuid() && status.st_uid != 0)
		*problem = psprintf("private key file \"%s\" must be owned by the server's user or root",
							lc_history_key_file);
	else if ((status.st_uid == geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO))) ||
			 (status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))))
		*problem =
			psprintf("private key file \"%s\" has group or world access: its mode must be 0600 or less, "
					 "or 0640 when root owns it",
					 lc_history_key_file);
	if (*problem != NULL)
	{
		FreeFile(file);
		return NULL;
	}
	content = palloc(LONGEST_KEY_FILE);
	*length = (int) fread(content, 1, LONGEST_KEY_FILE, file);
	FreeFile(file);
	return content;
}

/* A key with a passphrase has nobody to ask. */
static int
no_passphrase(char *buffer, int size, int writing, void *argument)
{
	return 0;
}

/*
 * Our private key, to be freed with EVP_PKEY_free(), with nothing in between that raises an error; NULL as
 * lc_sign_checkpoint() says.
 */
static EVP_PKEY *
private_key(char **problem)
{
	EVP_PKEY *key = NULL;
	BIO *bio;
	char *content;
	int length;

	*problem = NULL;
	if (lc_history_key_file[0] == '\0')
		return NULL;
	content = read_key_file(&length, problem);
	if (content == NULL)
		return NULL;
	bio = BIO_new_mem_buf(content, length);
	if (bio != NULL)
	{
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
		BIO_free(bio);
	}
	explicit_bzero(content, LONGEST_KEY_FILE);
	ERR_clear_error();
	if (key != NULL && EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	if (key == NULL)
		*problem =
			psprintf("file \"%s\" holds no private key of kind Ed25519, in PEM without a passphrase",
					 lc_history_key_file);
	return key;
}

/* The public part. */
static void
public_key(EVP_PKEY *key, LcVerifierKey *verifier)
{
	size_t length = LC_PUBLIC_KEY_BYTES;

	verifier->name = lc_history_origin;
	(void) EVP_PKEY_get_raw_public_key(key, verifier->key, &length);
}

bool
lc_own_verifier_key(LcVerifierKey *verifier, char **problem)
{
	EVP_PKEY *key = private_key(problem);

	if (key == NULL)
		return false;
	public_key(key, verifier);
	EVP_PKEY_free(key);
	verifier->name = pstrdup(verifier->name);
	set_key_id(verifier);
	return true;
}

char *
lc_verifier_key_text(const LcVerifierKey *key)
{
	uint8 bytes[1 + LC_PUBLIC_KEY_BYTES];

	bytes[0] = ALGORITHM_ED25519;
	memcpy(bytes + 1, key->key, LC_PUBLIC_KEY_BYTES);
	return psprintf("%s+%02x%02x%02x%02x+%s", key->name, key->id[0], key->id[1], key->id[2], key->id[3],
					lc_base64(bytes, sizeof(bytes)));
}

void
lc_parse_verifier_key(const char *text, LcVerifierKey *key)
{
	const char *first = strchr(text, '+');
	const char *second = first == NULL ? NULL : strchr(first + 1, '+');
	uint8 bytes[1 + LC_PUBLIC_KEY_BYTES];

	if (second != NULL && decode_base64(second + 1, strlen(second + 1), bytes, sizeof(bytes)) &&
		bytes[0] == ALGORITHM_ED25519)
	{
		key->name = pnstrdup(text, first - text);
		memcpy(key->key, bytes + 1, LC_PUBLIC_KEY_BYTES);
		set_key_id(key);
		if (strcmp(lc_verifier_key_text(key), text) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a verifier key", text),
			 errdetail("It is expected as history_verifier_key() writes it: NAME+ID+KEY.")));
}

/* ---------------------------------------------------------------- notes */

char *
lc_sign_checkpoint(int64 size, const LcHash *root, char **problem)
{
	char *text = psprintf("%s\n" INT64_FORMAT "\n%s\n", lc_history_origin, size,
						  lc_base64(root->bytes, LC_HASH_BYTES));
	uint8 signature[LC_KEY_ID_BYTES + SIGNATURE_BYTES];
	size_t length = SIGNATURE_BYTES;
	LcVerifierKey verifier;
	EVP_PKEY *key = private_key(problem);
	EVP_MD_CTX *context;
	bool done;

	if (key == NULL)
		return NULL;
	public_key(key, &verifier);
	context = EVP_MD_CTX_new();
	done = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(context, signature + LC_KEY_ID_BYTES, &length, (const uint8 *) text,
					   strlen(text)) == 1 &&
		length == SIGNATURE_BYTES;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("could not sign a checkpoint")));
	set_key_id(&verifier);
	memcpy(signature, verifier.id, LC_KEY_ID_BYTES);
	return psprintf("%s\n" EM_DASH " %s %s\n", text, verifier.name,
					lc_base64(signature, sizeof(signature)));
}

/* Where the signatures of a note begin, behind the empty line; NULL when it has none. */
static const char *
signatures_of(const char *note)
{
	const char *found = NULL;
	const char *at = note;

	while ((at = strstr(at, "\n\n")) != NULL)
	{
		found = at + 2;
		at++;
	}
	return found;
}

/* The line that begins at "*at", which moves on to the next; NULL at the end. */
static char *
next_line(const char **at)
{
	const char *end = *at + strcspn(*at, "\n");
	char *line;

	if (**at == '\0')
		return NULL;
	line = pnstrdup(*at, end - *at);
	*at = *end == '\n' ? end + 1 : end;
	return line;
}

bool
lc_parse_checkpoint(const char *note, LcCheckpoint *checkpoint, const char **problem)
{
	const char *at = note;
	char *origin;
	char *size;
	char *root;
	char *end;

	*problem = NULL;
	if (signatures_of(note) == NULL)
		*problem = "it has no signatures behind an empty line";
	else if ((origin = next_line(&at)) == NULL || origin[0] == '\0')
		*problem = "its first line, the origin, is empty";
	else if ((size = next_line(&at)) == NULL || size[0] < '1' || size[0] > '9' || strlen(size) > 18 ||
			 (checkpoint->size = strtoll(size, &end, 10), *end != '\0'))
		*problem = "its second line is not the size of a tree";
	else if ((root = next_line(&at)) == NULL ||
			 !decode_base64(root, strlen(root), checkpoint->root.bytes, LC_HASH_BYTES))
		*problem = "its third line is not a root in base64";
	else
		checkpoint->origin = origin;
	return *problem == NULL;
}

/* Is this the key's signature? */
static bool
verify(const LcVerifierKey *key, const uint8 *signature, const char *text, size_t length)
{
	EVP_PKEY *public =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key, LC_PUBLIC_KEY_BYTES);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = public != NULL && context != NULL &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
		EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (const uint8 *) text, length) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public);
	return good;
}

LcSigned
lc_check_signatures(const char *note, const LcVerifierKey *keys, int count)
{
	const char *at = signatures_of(note);
	size_t text_length;
	LcSigned result = LC_UNSIGNED;
	char *line;

	if (at == NULL)
		return LC_UNSIGNED;
	text_length = at - 1 - note;
	while ((line = next_line(&at)) != NULL)
	{
		uint8 signature[LC_KEY_ID_BYTES + SIGNATURE_BYTES];
		char *name = line + strlen(EM_DASH " ");
		char *space;
		int i;

		if (strncmp(line, EM_DASH " ", strlen(EM_DASH " ")) != 0 || (space = strchr(name, ' ')) == NULL)
			return LC_BAD_SIGNED;
		*space = '\0';
		if (!decode_base64(space + 1, strlen(space + 1), signature, sizeof(signature)))
			continue; /* of another kind of key */
		for (i = 0; i < count; i++)
		{
			if (strcmp(keys[i].name, name) != 0 || memcmp(keys[i].id, signature, LC_KEY_ID_BYTES) != 0)
				continue;
			if (!verify(&keys[i], signature + LC_KEY_ID_BYTES, note, text_length))
				return LC_BAD_SIGNED;
			result = LC_SIGNED;
		}
	}
	return result;
}
