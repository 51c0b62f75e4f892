/*
 * pdf/seal.c
 *		Encryption: the standard security handler, revision 6 (ISO 32000-2, 7.6.4), with OpenSSL.
 *
 * The user password is empty, so whoever has a document can read it: what this protects are the
 * permissions, and those in viewers that keep to them. Knows nothing of documents.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pdf/seal.h"
#include "pdf/syntax.h"
#include "settings.h"

#define KEY_SIZE 32
#define BLOCK_SIZE 16
#define SALT_SIZE 8
#define HASH_SIZE 32
/* /U and /O: a hash, the salt that was hashed with the password, the salt of the key's encryption. */
#define VERIFIER_SIZE (HASH_SIZE + 2 * SALT_SIZE)
#define OWNER_PASSWORD_SIZE 32
#define MAX_DIGEST_SIZE 64

/*
 * Table 22: printing (bits 3 and 12) and extraction (5 and 10) allowed; changes, annotations, forms and
 * assembly (4, 6, 9, 11) refused; bits 7, 8 and 13 to 32 are set, 1 and 2 are not.
 */
#define PERMISSIONS ((uint32) 0xfffffad4)

struct LcSeal
{
	uint64 serial;
	uint8 key[KEY_SIZE];
	uint8 user[VERIFIER_SIZE];
	uint8 user_key[KEY_SIZE];
	uint8 owner[VERIFIER_SIZE];
	uint8 owner_key[KEY_SIZE];
	uint8 permissions[BLOCK_SIZE];
};

/* The key material in use, and how many documents have it. */
static LcSeal current;
static int documents;

/* Ciphers kept for the life of the backend; the first has the key of the serial beside it. */
static EVP_CIPHER_CTX *sealing;
static uint64 sealing_serial;
static EVP_CIPHER_CTX *hashing;

static void
require(bool done, const char *what)
{
	if (!done)
		ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("could not %s", what)));
}

static void
random_bytes(void *bytes, Size length)
{
	require(pg_strong_random(bytes, length), "make random bytes");
}

static EVP_CIPHER_CTX *
new_cipher(void)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	require(cipher != NULL, "make a cipher");
	return cipher;
}

/* Encrypts whole blocks without padding. */
static void
encrypt_blocks(const EVP_CIPHER *kind, const uint8 *key, const uint8 *vector, uint8 *to,
			   const uint8 *from, int length)
{
	int written;

	if (hashing == NULL)
		hashing = new_cipher();
	require(EVP_EncryptInit_ex(hashing, kind, NULL, key, vector) == 1 &&
				EVP_CIPHER_CTX_set_padding(hashing, 0) == 1 &&
				EVP_EncryptUpdate(hashing, to, &written, from, length) == 1,
			"encrypt");
}

static unsigned int
digest(const EVP_MD *kind, uint8 *to, const uint8 *from, Size length)
{
	unsigned int size;

	require(EVP_Digest(from, length, to, &size, kind, NULL) == 1, "compute a digest");
	return size;
}

/*
 * Algorithm 2.B: the hash of a password with a salt, and for the owner's with the 48 bytes of /U (else
 * NULL).
 */
static void
hash_password(uint8 *hash, const uint8 *password, int password_length, const uint8 *salt,
			  const uint8 *user)
{
	uint8 input[64 * (OWNER_PASSWORD_SIZE + MAX_DIGEST_SIZE + VERIFIER_SIZE)];
	uint8 output[sizeof(input)];
	uint8 k[MAX_DIGEST_SIZE];
	unsigned int k_length;
	int user_length = user == NULL ? 0 : VERIFIER_SIZE;
	uint8 *at = input;

	memcpy(at, password, password_length);
	memcpy(at += password_length, salt, SALT_SIZE);
	at += SALT_SIZE;
	if (user_length > 0)
		memcpy(at, user, user_length);
	k_length = digest(EVP_sha256(), k, input, at + user_length - input);

	for (int round = 0;; round++)
	{
		int part = password_length + (int) k_length + user_length;
		int length = 64 * part;
		int sum = 0;

		memcpy(input, password, password_length);
		memcpy(input + password_length, k, k_length);
		if (user_length > 0)
			memcpy(input + password_length + k_length, user, user_length);
		for (int i = 1; i < 64; i++)
			memcpy(input + i * part, input, part);
		encrypt_blocks(EVP_aes_128_cbc(), k, k + BLOCK_SIZE, output, input, length);

		/* The first 16 bytes as a number modulo 3: 256 is 1 modulo 3, so the sum of the bytes will do. */
		for (int i = 0; i < BLOCK_SIZE; i++)
			sum += output[i];
		k_length = digest(sum % 3 == 0		 ? EVP_sha256()
							  : sum % 3 == 1 ? EVP_sha384()
											 : EVP_sha512(),
						  k, output, length);
		if (round >= 63 && output[length - 1] <= round + 1 - 32)
			break;
	}
	memcpy(hash, k, HASH_SIZE);
}

/* Algorithms 8 and 9: makes /U and /UE, or with /U given /O and /OE. */
static void
make_verifier(uint8 *verifier, uint8 *encrypted_key, const uint8 *key, const uint8 *password,
			  int password_length, const uint8 *user)
{
	static const uint8 zero[BLOCK_SIZE] = { 0 };
	uint8 *salts = verifier + HASH_SIZE;
	uint8 intermediate[HASH_SIZE];

	random_bytes(salts, 2 * SALT_SIZE);
	hash_password(verifier, password, password_length, salts, user);
	hash_password(intermediate, password, password_length, salts + SALT_SIZE, user);
	encrypt_blocks(EVP_aes_256_cbc(), intermediate, zero, encrypted_key, key, KEY_SIZE);
}

/* Algorithm 10: makes /Perms. */
static void
make_permissions(uint8 *permissions, const uint8 *key)
{
	uint8 plain[BLOCK_SIZE];

	for (int i = 0; i < 8; i++)
		plain[i] = i < 4 ? (uint8) (PERMISSIONS >> (8 * i)) : 0xff;
	memcpy(plain + 8, "Tadb", 4);
	random_bytes(plain + 12, 4);
	encrypt_blocks(EVP_aes_256_ecb(), key, NULL, permissions, plain, BLOCK_SIZE);
}

const LcSeal *
lc_seal_get(void)
{
	LcSeal *copy = palloc(sizeof(LcSeal));

	if (current.serial == 0 || documents >= lc_documents_per_key)
	{
		LcSeal fresh;
		uint8 owner_password[OWNER_PASSWORD_SIZE];

		fresh.serial = current.serial + 1;
		random_bytes(fresh.key, KEY_SIZE);
		random_bytes(owner_password, OWNER_PASSWORD_SIZE);
		make_verifier(fresh.user, fresh.user_key, fresh.key, (const uint8 *) "", 0, NULL);
		make_verifier(fresh.owner, fresh.owner_key, fresh.key, owner_password, OWNER_PASSWORD_SIZE,
					  fresh.user);
		make_permissions(fresh.permissions, fresh.key);
		current = fresh;
		documents = 0;
	}
	documents++;
	*copy = current;
	return copy;
}

uint64
lc_seal_serial(const LcSeal *seal)
{
	return seal->serial;
}

Size
lc_seal_size(Size length)
{
	return BLOCK_SIZE + (length / BLOCK_SIZE + 1) * BLOCK_SIZE;
}

/* Algorithm 1.A */
void
lc_seal_append(StringInfo buffer, const LcSeal *seal, const void *data, Size length)
{
	uint8 *to;
	int body;
	int tail;

	if (length >= MaxAllocSize - 2 * BLOCK_SIZE)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too long to be encrypted")));
	enlargeStringInfo(buffer, (int) lc_seal_size(length));
	to = (uint8 *) buffer->data + buffer->len;
	random_bytes(to, BLOCK_SIZE);

	if (sealing == NULL)
		sealing = new_cipher();
	if (sealing_serial != seal->serial)
	{
		sealing_serial = 0;
		require(EVP_EncryptInit_ex(sealing, EVP_aes_256_cbc(), NULL, seal->key, NULL) == 1, "encrypt");
		sealing_serial = seal->serial;
	}
	require(EVP_EncryptInit_ex(sealing, NULL, NULL, NULL, to) == 1 &&
				EVP_EncryptUpdate(sealing, to + BLOCK_SIZE, &body, data, (int) length) == 1 &&
				EVP_EncryptFinal_ex(sealing, to + BLOCK_SIZE + body, &tail) == 1,
			"encrypt");
	buffer->len += BLOCK_SIZE + body + tail;
	buffer->data[buffer->len] = '\0';
}

static void
append_entry(StringInfo buffer, const char *key, const uint8 *bytes, Size length)
{
	appendStringInfoString(buffer, key);
	lc_pdf_string(buffer, NULL, bytes, length);
}

void
lc_seal_entries(StringInfo buffer, const LcSeal *seal)
{
	appendStringInfo(buffer,
					 "/Filter /Standard /V 5 /R 6 /Length 256 /P %d "
					 "/CF << /StdCF << /AuthEvent /DocOpen /CFM /AESV3 /Length 32 >> >> "
					 "/StmF /StdCF /StrF /StdCF",
					 (int) PERMISSIONS);
	append_entry(buffer, " /U ", seal->user, VERIFIER_SIZE);
	append_entry(buffer, " /UE ", seal->user_key, KEY_SIZE);
	append_entry(buffer, " /O ", seal->owner, VERIFIER_SIZE);
	append_entry(buffer, " /OE ", seal->owner_key, KEY_SIZE);
	append_entry(buffer, " /Perms ", seal->permissions, BLOCK_SIZE);
}
