/*
 * pdf/seal.c
 *		Encryption (OpenSSL).
 */
#include "postgres.h"
